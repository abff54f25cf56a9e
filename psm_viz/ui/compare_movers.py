"""The Compare page's movers: what moved between two checkpoints, from what the study holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from psm_viz.charts import mover_findings, movers
from psm_viz.charts.dot_chart import DotLook
from psm_viz.charts.figures import Layout, Told
from psm_viz.charts.mover_findings import KINDS
from psm_viz.charts.talk_figures import has_talks, headline_way, whole_talks
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.columns import axis_column
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, studies

MOST = 14
"""Movers that a figure shows."""
ROW = 24
RELATIVE = {"families": "the others of its kin", "personas": "the five personas nearest to it"}
"""Kinds that have neighbours, and who those are."""
ASK_ALL = "Ask the cast everywhere: python -m psm_viz extract --model FOLDER --ask all"


def _topics(study: Study) -> dict[str, str]:
    return {q.id: q.topic for q in study.questions}


def families(study: Study, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of the belief in each family."""
    if not has_talks(study) or not all(study.holds(c, "talks") for c in (one, two)):
        return pd.DataFrame(columns=[*movers.COLUMNS])
    reads = studies.reads(study)
    way = headline_way(reads)
    before, after = (whole_talks(reads, c, way) for c in (one, two))
    said = reads.talk_answers(two)
    near = movers.kin_mates(study.cast) if relative else None
    return movers.family_moves(before, after, said, study.cast, _topics(study), near)


def personas(study: Study, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of everybody along the reference's Assistant axis."""
    m = study.manifest
    column = axis_column(m.headline_pooling)
    held = [c for c in (one, two) if study.holds(c, "responses") and study.holds(c, "vectors")]
    if len(held) < 2:
        return pd.DataFrame(columns=[*movers.COLUMNS])
    near = None
    if relative:
        v = study.vectors(one)
        if not v.holds(m.headline_pooling, m.headline_layer):
            return pd.DataFrame(columns=[*movers.COLUMNS])
        near = movers.nearest_personas(study.cast, v.at(m.headline_pooling, m.headline_layer))
    before, after = study.responses(one), study.responses(two)
    return movers.persona_moves(before, after, column, study.cast, _topics(study), near)


def traits(study: Study, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of the Assistant along each trait; traits have no neighbours."""
    m = study.manifest
    if not all(study.holds(c, w) for c in (one, two) for w in ("questions", "folds")):
        return pd.DataFrame(columns=[*movers.COLUMNS])
    pair: list[tuple[np.ndarray, np.ndarray]] = []
    for c in (one, two):
        a, cast = study.question_vectors(c).at(m.headline_pooling, m.headline_layer)
        pair.append((a.astype(np.float64), cast.astype(np.float64)))
    folds = study.folds(one).at(m.headline_pooling).astype(np.float64)
    main = [q for q in study.questions if q.set == MAIN]
    return movers.trait_moves(pair[0], pair[1], folds, study.cast, main)


def questions(study: Study, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of the share of bad answers, by question; questions have no neighbours."""
    return movers.question_moves(_answers(study, one), _answers(study, two), study.questions)


def _answers(study: Study, checkpoint: str) -> pd.DataFrame:
    """All that the Assistant answered at a checkpoint: question, valence."""
    reads = studies.reads(study)
    frames = [reads.answers(checkpoint, ASSISTANT)]
    if study.holds(checkpoint, "talks"):
        frames.append(reads.talk_answers(checkpoint))
    return pd.concat([f[["question", "valence"]].astype(str) for f in frames])


MADE: dict[str, Callable[[Study, str, str, bool], pd.DataFrame]] = {
    **{"families": families, "personas": personas, "traits": traits, "questions": questions}
}


@st.cache_data(max_entries=64, show_spinner=False)
def _moves(sha: str, kind: str, one: str, two: str, relative: bool, _study: Study) -> pd.DataFrame:
    return MADE[kind](_study, one, two, relative)


def moves(study: Study, kind: str, pair: tuple[str, str], relative: bool = False) -> pd.DataFrame:
    """How much everything of a kind moved, the largest first. Raises BadInput, BadFile."""
    return _moves(study.sha256, kind, *pair, relative, study)


def benign_end(study: Study) -> str:
    """The end of the benign branch; '' where the study names none."""
    m = study.manifest
    branch = m.notes.get("benign")
    return m.branch(branch)[-1].id if branch in m.branches else ""


def missing(study: Study, kind: str, pair: tuple[str, str]) -> tuple[str, str]:
    """Why nothing of a kind can be told at these checkpoints, and what would change that."""
    m = study.manifest
    if kind == "families":
        silent = [c for c in pair if not study.holds(c, "talks")]
        at = f" at {' and '.join(silent)}" if silent else ""
        return f"No talks were held{at}, so no belief can be compared.", HOLD_TALKS
    if kind == "questions":
        return "Nobody judged answers here as good or bad at both checkpoints.", (
            "Drift shows how likely written answers became, where those were weighed."
        )
    if kind == "traits" and not study.cast.personas[0].traits:
        return (
            "The cast of this study has no traits.",
            "Give it some in cast.json and extract again.",
        )
    bare = [c for c in pair if not study.holds(c, "vectors")]
    asked = [c.id for c in m.drawn if study.holds(c.id, "vectors")]
    what = f"At {' and '.join(bare)} the cast was not asked, only the Assistant. " if bare else ""
    return (
        f"{what}The whole cast answered at {', '.join(asked)}."
        if bare
        else "Question folds or answers are missing at one of the two."
    ), f"Choose two of these. {ASK_ALL}"


def mover_section(study: Study, pair: tuple[str, str], messages: Any) -> None:
    """The figure of one kind of movers, which the reader chooses."""
    figure.section("What moved", "moved")
    left, right = st.columns([2.2, 1], vertical_alignment="bottom")
    with left:
        names = {k: k.capitalize() for k in KINDS}
        kind = controls.pick_segment("What moved", names, "moved", messages, hidden=True)
    relative = False
    if kind in RELATIVE:
        with right:
            relative = st.toggle(
                "Relative to neighbours",
                key="relative",
                bind="query-params",
                help=f"Less what {RELATIVE[kind]} did: what moved out of its neighbourhood.",
            )
    if pair[0] == pair[1]:
        figure.caption("The two are the same checkpoint: nothing can have moved.")
        return
    rows = moves(study, kind, pair, relative)
    if rows.empty:
        figure.empty(*missing(study, kind, pair))
        return
    _figure(study, kind, pair, rows, relative)


def _figure(
    study: Study, kind: str, pair: tuple[str, str], rows: pd.DataFrame, relative: bool
) -> None:
    told_kind, m = KINDS[kind], study.manifest
    end = benign_end(study)
    beside = moves(study, kind, (m.reference, end), relative) if end and end not in pair else None
    if beside is not None and beside.empty:
        beside = None
    near = RELATIVE[kind] if relative else ""
    own = ASSISTANT if kind == "personas" else ""
    dots = mover_findings.mover_rows(rows, beside, MOST, told_kind, own)
    branch = str(m.notes.get("benign") or "") if beside is not None else ""
    title = mover_findings.mover_title(rows, told_kind, near)
    told = Told(
        name=f"movers-{kind}",
        title=title,
        words=mover_findings.mover_words(told_kind, pair, len(dots), len(rows), branch, near),
        alt=f"{title}. The {len(dots)} largest movements with intervals and nulls.",
        key=f"movers-{kind}",
    )
    look = DotLook(percent=told_kind.share, tick_name=branch)
    table = mover_findings.mover_table(rows, beside)
    figure.dots(dots, told, study, Layout(900, captioned=True), look, ROW, table)
