"""What moved between two checkpoints, from what the study holds: its tables, and its figure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from psm_viz.charts import choices, mover_findings, movers, odds_figures
from psm_viz.charts.dot_chart import DotLook
from psm_viz.charts.figures import Facts, Layout, Missing, Shown, Told, dots
from psm_viz.charts.frames import where
from psm_viz.charts.mover_findings import KINDS
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import has_talks, headline_way, whole_talks, with_care
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, trait_values
from psm_viz.study.columns import axis_column
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study

MOST = 14
"""Movers that a figure shows."""
ROW, LINES = 24, 30
"""Height in pixels of a row whose label is a name, and of one whose label is a sentence."""
RELATIVE = {"families": "the others of its kin", "personas": "the five personas nearest to it"}
"""Kinds that have neighbours, and who those are."""
ASK_ALL = "Ask the cast everywhere: python -m psm_viz extract --model FOLDER --ask all"


def _topics(study: Study) -> dict[str, str]:
    return {q.id: q.topic for q in study.questions}


def families(reads: Reads, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of the belief in each family."""
    study = reads.study
    if not has_talks(study) or not all(study.holds(c, "talks") for c in (one, two)):
        return pd.DataFrame(columns=[*movers.COLUMNS])
    way = headline_way(reads)
    before, after = (whole_talks(reads, c, way) for c in (one, two))
    said = reads.talk_answers(two)
    near = movers.kin_mates(study.cast) if relative else None
    return movers.family_moves(before, after, said, study.cast, _topics(study), near)


def personas(reads: Reads, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of everybody along the reference's Assistant axis."""
    study, m = reads.study, reads.study.manifest
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


def traits(reads: Reads, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of the Assistant along each trait; traits have no neighbours."""
    study, m = reads.study, reads.study.manifest
    if not all(study.holds(c, w) for c in (one, two) for w in ("questions", "folds")):
        return pd.DataFrame(columns=[*movers.COLUMNS])
    pair: list[tuple[np.ndarray, np.ndarray]] = []
    for c in (one, two):
        a, cast = study.question_vectors(c).at(m.headline_pooling, m.headline_layer)
        pair.append((a.astype(np.float64), cast.astype(np.float64)))
    folds = study.folds(one).at(m.headline_pooling).astype(np.float64)
    main = [q for q in study.questions if q.set == MAIN]
    return movers.trait_moves(pair[0], pair[1], folds, study.cast, main)


def questions(reads: Reads, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of the share of bad answers, by question; questions have no neighbours."""
    return movers.question_moves(_answers(reads, one), _answers(reads, two), reads.study.questions)


def _answers(reads: Reads, checkpoint: str) -> pd.DataFrame:
    """All that the Assistant answered at a checkpoint: question, valence."""
    frames = [reads.answers(checkpoint, ASSISTANT)]
    if reads.study.holds(checkpoint, "talks"):
        frames.append(reads.talk_answers(checkpoint))
    return pd.concat([f[["question", "valence"]].astype(str) for f in frames])


def topics(reads: Reads, one: str, two: str, relative: bool) -> pd.DataFrame:
    """Movement of how likely written answers are, by topic; topics have no neighbours."""
    pair = [reads.study.odds(c) for c in (one, two)]
    if any(f is None for f in pair):
        return pd.DataFrame(columns=[*movers.COLUMNS])
    before, after = (where(f, f[col.SPEAKER] == ASSISTANT) for f in pair if f is not None)
    return movers.topic_moves(before, after)


def kinds_of(study: Study) -> dict[str, str]:
    """The kinds that a study can tell of, as a menu: traits where the cast has any; questions where
    answers were judged, topics where written ones were weighed instead."""
    absent = set()
    if not trait_values(study.cast):
        absent.add("traits")
    absent.add("questions" if odds_figures.speak(study) else "topics")
    return {k: k.capitalize() for k in KINDS if k not in absent}


MADE: dict[str, Callable[[Reads, str, str, bool], pd.DataFrame]] = {
    **{"families": families, "personas": personas, "traits": traits},
    **{"questions": questions, "topics": topics},
}


def moves(reads: Reads, kind: str, pair: tuple[str, str], relative: bool = False) -> pd.DataFrame:
    """How much everything of a kind moved, the largest first. Raises BadInput, BadFile."""
    key = ("moves", kind, *pair, "relative" if relative else "")
    return reads.once(key, lambda: MADE[kind](reads, *pair, relative))


def benign_end(study: Study) -> str:
    """The end of the benign branch; '' where the study names none."""
    m = study.manifest
    branch = m.notes.get("benign")
    return m.branch(branch)[-1].id if branch in m.branches else ""


def missing(study: Study, kind: str, pair: tuple[str, str]) -> Missing:
    """Why nothing of a kind can be told at these checkpoints, and what would change that."""
    m = study.manifest
    if kind == "families":
        silent = [c for c in pair if not study.holds(c, "talks")]
        at = f" at {' and '.join(silent)}" if silent else ""
        return Missing(f"No talks were held{at}, so no belief can be compared.", HOLD_TALKS)
    if kind == "questions":
        return Missing(
            "Nobody judged answers here as good or bad at both checkpoints.",
            "Drift shows what each checkpoint says.",
        )
    if kind == "topics":
        bare = [c for c in pair if study.odds(c) is None]
        at = " and ".join(bare) or " and ".join(pair)
        return Missing(
            f"Written answers were not weighed at {at}.",
            "Choose the ends of branches, where they were.",
        )
    next_step = f"Choose two of these. {ASK_ALL}"
    bare = [c for c in pair if not study.holds(c, "vectors")]
    if not bare:
        return Missing("Question folds or answers are missing at one of the two.", next_step)
    asked = [c.id for c in m.drawn if study.holds(c.id, "vectors")]
    why = "; ".join(f"{c} has no vectors of the cast: {m.without_cast(c)}" for c in bare)
    return Missing(f"{why}. The whole cast answered at {', '.join(asked)}.", next_step)


def mover_figure(reads: Reads, kind: str, pair: tuple[str, str], relative: bool) -> Shown:
    """One kind of movers between two checkpoints. Raises BadInput, BadFile."""
    if pair[0] == pair[1]:
        return Missing("The two are the same checkpoint: nothing can have moved.", "Choose two.")
    rows, told_kind, m = moves(reads, kind, pair, relative), KINDS[kind], reads.study.manifest
    if rows.empty:
        return missing(reads.study, kind, pair)
    end = benign_end(reads.study)
    beside = moves(reads, kind, (m.reference, end), relative) if end and end not in pair else None
    if beside is not None and beside.empty:
        beside = None
    near = RELATIVE[kind] if relative else ""
    shown = mover_findings.mover_rows(
        rows, beside, MOST, told_kind, ASSISTANT if kind == "personas" else ""
    )
    branch = str(m.notes.get("benign") or "") if beside is not None else ""
    title, care = mover_findings.mover_title(rows, told_kind, near), ""
    if kind == "families":
        title, care = with_care(reads, title, *pair)
    of_states = kind in ("personas", "traits")
    told = Told(
        name=f"movers-{kind}",
        title=title,
        words=mover_findings.mover_words(told_kind, pair, len(shown), len(rows), branch, near)
        + care,
        alt=f"{title}. The {len(shown)} largest movements with intervals and nulls.",
        key=f"movers-{kind}",
        facts=Facts(
            n=f"{len(rows)} {told_kind.many}, {pair[0]} to {pair[1]}",
            pooling=choices.pooling_name(m.headline_pooling) if of_states else "",
            layer=m.headline_layer if of_states else None,
            interval="95 %",
            null=told_kind.null,
        ),
    )
    look = DotLook(percent=told_kind.share, tick_name=branch, unit=told_kind.unit)
    table = mover_findings.mover_table(rows, beside)
    row = LINES if told_kind.quoted else ROW
    return dots(shown, told, Layout(900, captioned=True), look, row, table)
