"""Opening a study and reading its parts, cached by the study's hash."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from psm_viz.charts.reads import Reads
from psm_viz.errors import PsmVizError
from psm_viz.paths import DATA, STUDY
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study, open_study
from psm_viz.ui import figure

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A study may be named in a link, never a path."""


def default_folder() -> Path:
    """The study that opens by itself: `PSM_VIZ_STUDY`, or the shipped one."""
    return Path(os.environ.get("PSM_VIZ_STUDY") or STUDY)


def study_names() -> dict[str, Path]:
    """Studies that a link may name: the default, and the folders of data/ that hold one."""
    default = default_folder()
    found = sorted(
        p.parent for p in DATA.glob("*/study.json") if STUDY_NAME.fullmatch(p.parent.name)
    )
    return {default.name: default} | {p.name: p for p in found if p.name != default.name}


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(folder: str, stamp: tuple[int, int]) -> Study:
    return open_study(Path(folder))


def opened(folder: Path) -> Study:
    """Open a study once per state of its manifest. Raises PsmVizError."""
    try:
        s = (folder / "study.json").stat()
    except OSError:
        return open_study(folder)  # Says what is missing.
    return _opened(str(folder), (s.st_mtime_ns, s.st_size))


def study_titles() -> dict[str, str]:
    """What the studies that a link may name call themselves; a folder's name where one cannot be
    read, or two are called alike."""
    said: dict[str, str] = {}
    for name, folder in study_names().items():
        try:
            said[name] = opened(folder).manifest.name
        except PsmVizError:
            said[name] = name
    twice = {t for t, n in Counter(said.values()).items() if n > 1}
    return {name: name if title in twice else title for name, title in said.items()}


@st.cache_resource(max_entries=4, show_spinner=False)
def _reads(sha: str, folder: str, _study: Study) -> Reads:
    return Reads(_study)


def reads(study: Study) -> Reads:
    """What figures read of a study, kept while it is looked at."""
    return _reads(study.sha256, str(study.folder), study)


def table(study: Study, name: str) -> pd.DataFrame:
    """A result table. Raises UnknownName where the study has not been analysed yet."""
    return reads(study).table(name)


def wanted(study: Study, name: str, what: str) -> pd.DataFrame | None:
    """A result table; where a study has none, `what` is missing is said in its place.

    Raises BadFile where the table is there and damaged.
    """
    if not study.has_table(name):
        figure.empty(what, made_by(name))
        return None
    return table(study, name)


def wanted_rows(
    study: Study,
    name: str,
    what: str,
    rows_of: Callable[[pd.DataFrame], pd.DataFrame],
    none: str,
    next_step: str = "",
) -> pd.DataFrame | None:
    """The rows of a result table that a figure shows.

    In its place is said that `what` is missing where there is no such table, and `none` where it
    has no such rows, with what to do (`next_step`, else the command that makes the table).
    """
    whole = wanted(study, name, what)
    if whole is None:
        return None
    rows = rows_of(whole)
    if rows.empty:
        figure.empty(none, next_step or made_by(name))
        return None
    return rows
