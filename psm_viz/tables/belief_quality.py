"""How far the readings of talks can be trusted: at the reference and at every checkpoint, on talks
of the cast, whose speakers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.stats.belief import judged_states
from psm_viz.stats.belief_quality import quality, shuffled, text_belief
from psm_viz.study import columns as col
from psm_viz.study.cast import Cast
from psm_viz.study.reader import Study
from psm_viz.study.talks import CAST, EXACT, OWN, RANDOM, TALK, TURN, families_in
from psm_viz.tables.belief_readings import Readings

TEXT, SHUFFLED = "words alone", "families shuffled"
SHUFFLES = 5
"""How often whole personas are dealt to other families."""


def quality_table(
    study: Study,
    readings: Readings | None,
    beliefs: pd.DataFrame,
    say: Callable[[str], None] = lambda s: None,
) -> pd.DataFrame:
    """`stats.belief_quality.Quality` of every reading of the cast's talks, and of its nulls.

    checkpoint, way (as in `beliefs`; at the reference also `words alone`, `families shuffled` and
    `random`: states by weights that learned nothing), answers, then the figures; and r: correlation
    over the Assistant's and the cast's talks of the mass on the marked families with the exact
    observer's. Marked are the note's families, or none.
    """
    if readings is None or beliefs.empty:
        return pd.DataFrame()
    families = families_in(beliefs, study.cast)
    judge = _Judge(study.cast, families, readings.note.marked)
    rows: list[dict[str, Any]] = []
    of = {p.id: p.family for p in study.cast.personas}
    cast = beliefs[beliefs["who"] == CAST]
    for (c, way, k), frame in cast.groupby(["checkpoint", "way", "answers"], observed=True):
        own = [of[str(p)] for p in frame["persona"]]
        key = {"checkpoint": str(c), "way": str(way), "answers": int(str(k))}
        belief = frame[families].to_numpy(dtype=np.float64)
        rows.append(key | judge(belief, own) | {"r": _r(judge, beliefs, key)})
    say("nulls of the readings")
    reference = {"checkpoint": study.manifest.reference}
    rows += [reference | row for row in _nulls(study, readings, judge)]
    return pd.DataFrame(rows)


class _Judge:
    """Judges beliefs over some families of a cast."""

    def __init__(self, cast: Cast, families: list[str], marked: tuple[str, ...]) -> None:
        kin = {f.id: f.kin for f in cast.families}
        names = list(dict.fromkeys(kin[f] for f in families))
        self.families = families
        self.kin = np.array([names.index(kin[f]) for f in families])
        self.marked = np.array([f in marked for f in families])

    def __call__(self, belief: np.ndarray, own: list[str]) -> dict[str, Any]:
        index = {f: n for n, f in enumerate(self.families)}
        family = np.array([index.get(f, -1) for f in own])
        return asdict(quality(belief, family, self.kin, self.marked))


def _r(judge: _Judge, beliefs: pd.DataFrame, key: dict[str, Any]) -> float:
    """Correlation over a checkpoint's talks of the marked mass with the exact observer's."""
    there = (beliefs["checkpoint"] == key["checkpoint"]) & (beliefs["answers"] == key["answers"])
    held = ["who", "persona", TALK]
    sides = []
    for way in (key["way"], EXACT):
        frame = beliefs[there & (beliefs["way"] == way)]
        mass = frame[judge.families].to_numpy(dtype=np.float64) @ judge.marked.astype(float)
        sides.append(frame[held].astype(str).assign(mass=mass).set_index(held)["mass"])
    both = pd.concat(sides, axis=1, join="inner").dropna()
    if len(both) < 3 or not (both.std() > 0).all():
        return float("nan")
    return float(np.corrcoef(both.to_numpy().T)[0, 1])


def _nulls(study: Study, readings: Readings, judge: _Judge) -> list[dict[str, Any]]:
    """Readings that should tell less: words without a model, families shuffled, random weights."""
    talks, note, who = study.talks(study.manifest.reference), readings.note, readings.who
    said = talks.said(CAST)
    of = {p.id: p.family for p in study.cast.personas}
    own = [of[str(p)] for p in talks.speakers(CAST)["persona"]]
    out = []
    for k in note.turns:
        some = said[said[TURN] < k]
        texts = some.groupby(["persona", TALK], sort=False, observed=True)[col.TEXT].agg(
            lambda t: " ".join(map(str, t))
        )
        out.append({"way": TEXT, "answers": k} | judge(text_belief(list(texts), who), own))
    k = note.answers
    x = talks.states[CAST, OWN].at(k, note.layer)
    for seed in range(SHUFFLES):
        other = shuffled(who, seed)
        belief = judged_states(x, other)[1].belief
        names = [who.families[f] if f >= 0 else "" for f in other.family]
        out.append({"way": SHUFFLED, "answers": k} | judge(belief, names))
    blank = talks.states.get((CAST, RANDOM))
    if blank is not None:
        belief = judged_states(blank.at(k, note.layer), who)[1].belief
        out.append({"way": RANDOM, "answers": k} | judge(belief, own))
    return out
