"""Opening a study and reading its parts, cached by the study's hash."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from psm_viz.charts.reads import Reads
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study, open_study
from psm_viz.ui import figure


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
