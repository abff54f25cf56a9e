"""Opening a study and reading its parts, cached by the study's hash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts.frames import columns, where
from psm_viz.charts.map_selection import words_of_talks
from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study, open_study
from psm_viz.ui import figure

RESPONSES = ["question", "variant", "sample", "text", "valence"]


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


@st.cache_resource(max_entries=3, show_spinner=False)
def _responses(sha: str, checkpoint: str, _study: Study) -> pd.DataFrame:
    # Shared, not copied: tens of thousands of rows of text. Nobody writes into it.
    return _study.responses(checkpoint)


@st.cache_data(max_entries=256, show_spinner=False)
def _answers(sha: str, checkpoint: str, persona: str, _study: Study) -> pd.DataFrame:
    rows = _responses(sha, checkpoint, _study)
    rows = where(rows, rows.persona == persona)
    # Plain strings: counts of categories would list judgements that never occurred.
    rows = columns(rows, RESPONSES).reset_index(drop=True)
    return rows.astype({c: str for c in ("question", "text", "valence")})


@st.cache_resource(max_entries=6, show_spinner=False)
def _talk_answers(sha: str, checkpoint: str, _study: Study) -> pd.DataFrame:
    said = _study.talk_answers(checkpoint)
    return where(said, said.persona == ASSISTANT)


def talk_answers(study: Study, checkpoint: str) -> pd.DataFrame:
    """What the Assistant said in its talks at a checkpoint. Raises UnknownName, BadFile."""
    return _talk_answers(study.sha256, checkpoint, study)


@st.cache_data(max_entries=4, show_spinner=False)
def _talk_words(sha: str, checkpoint: str, _study: Study) -> pd.DataFrame:
    reference = _study.manifest.reference
    cast, own = (_study.talk_answers(c) for c in (reference, checkpoint))
    both = [where(cast, cast.persona != ASSISTANT), where(own, own.persona == ASSISTANT)]
    return words_of_talks(pd.concat(both))


def talk_words(study: Study, checkpoint: str) -> pd.DataFrame:
    """What was said in the talks on the map of a checkpoint, one row a talk: the cast's, held at
    the reference, and the Assistant's (`words_of_talks`). Raises UnknownName, BadFile."""
    return _talk_words(study.sha256, checkpoint, study)


@dataclass(frozen=True)
class StoredMap:
    """A map of a study: where everybody is, and its quality."""

    pooling: str
    layer: int
    points: pd.DataFrame
    info: dict[str, Any]


@st.cache_data(max_entries=12, show_spinner=False)
def _map(sha: str, name: str, _study: Study) -> tuple[pd.DataFrame, dict[str, Any]]:
    return _study.map(name)


@st.cache_data(max_entries=24, show_spinner=False)
def _table(sha: str, name: str, _study: Study) -> pd.DataFrame:
    return _study.table(name)


def answers(study: Study, checkpoint: str, persona: str) -> pd.DataFrame:
    """A persona's answers at a checkpoint: question, variant, sample, text, valence.

    No rows where the checkpoint brought vectors only.
    """
    if not has_answers(study, checkpoint):
        return pd.DataFrame(columns=RESPONSES)
    return _answers(study.sha256, checkpoint, persona, study)


def judgements(study: Study, checkpoint: str) -> pd.DataFrame:
    """Who gave each answer at a checkpoint, and how it was judged: persona, valence."""
    return columns(_responses(study.sha256, checkpoint, study), ["persona", "valence"])


def has_answers(study: Study, checkpoint: str) -> bool:
    """Whether a checkpoint came with answers, not with vectors alone."""
    return study.holds(checkpoint, "responses")


def has_folds(study: Study, checkpoint: str) -> bool:
    """Whether a checkpoint came with fold means, which intervals and tests need."""
    return study.holds(checkpoint, "folds")


def map_of(study: Study, pooling: str, layer: int) -> StoredMap:
    """A stored map. Raises UnknownName, BadFile."""
    points, info = _map(study.sha256, f"{pooling}-L{layer}", study)
    return StoredMap(pooling, layer, points, info)


def table(study: Study, name: str) -> pd.DataFrame:
    """A result table. Raises UnknownName where the study has not been analysed yet."""
    return _table(study.sha256, name, study)


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


@st.cache_data(max_entries=12, show_spinner=False)
def _likelihood(sha: str, name: str, _study: Study) -> tuple[pd.DataFrame, dict[str, Any]]:
    found = _study.evidence(name)
    return found.likelihood, dict(found.record)


def likelihood(study: Study, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One evidence: its table of personas, and its record. Raises UnknownName, BadFile."""
    return _likelihood(study.sha256, name, study)


def maps_by_pooling(study: Study) -> dict[str, list[int]]:
    """Layers that have a map, for each pooling. Raises UnknownName where there is no map at all."""
    out: dict[str, list[int]] = {}
    for name in study.maps:
        pooling, _, layer = name.rpartition("-L")
        if pooling in study.manifest.poolings and layer.isdigit():
            out.setdefault(pooling, []).append(int(layer))
    if not out:
        raise UnknownName(
            "This study has no map yet.", "Make one with: python -m psm_viz derive --study FOLDER"
        )
    return out
