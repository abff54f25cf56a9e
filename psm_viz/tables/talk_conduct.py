"""How talks were answered at every checkpoint: the Assistant's, and those of the cast under its own
instructions. A lesson that is the Assistant's own leaves the cast as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from psm_viz.stats.resampling import Estimate, interval
from psm_viz.stats.talk_sampling import change, mean_over_talks, plan_of
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.judging import BAD, GOOD, NONE
from psm_viz.study.reader import Study
from psm_viz.study.talks import LAST, TALK, families_in
from psm_viz.tables.rates import HELD_OUT, TRAINED, rate_column

WELL, BADLY = "well", "badly"
"""Personas of the cast whose families answer badly in less than `FEW` of their judged answers at
the reference, and those of the marked families."""
FEW = 0.1


def talk_conduct_table(study: Study, beliefs: pd.DataFrame, way: str) -> pd.DataFrame:
    """Shares of bad answers in the talks of the Assistant and of two parts of the cast.

    checkpoint, branch, step, who (`assistant`, `well`, `badly`, `stranger`), of (`bad`, of the
    answers judged good or bad; `bad trained` and `bad heldout`, by topic, where a topic is known to
    be trained; `fits`, of all answers those that the judge knows; `marked`, mass on the marked
    families by `way`), value with interval, change from the reference with interval, band of the
    null and p, talks. Empty where nobody judged the answers.
    """
    note, m = study.talk_note, study.manifest
    if note is None or beliefs.empty:
        return pd.DataFrame()
    parts = _parts(study)
    if not parts:
        return pd.DataFrame()
    mass = _mass(study, beliefs, way)
    held = {c.id: _talks(study, c.id, mass) for c in m.checkpoints if study.holds(c.id, "talks")}
    rows: list[dict[str, Any]] = []
    for checkpoint, frame in held.items():
        c = m.checkpoint(checkpoint)
        for who, people in parts.items():
            own = frame[frame.index.get_level_values(0).isin(people)]
            before = held[m.reference].reindex(own.index)
            for of in [n for n in own.columns if n not in (LAST, col.TOPIC)]:
                values = own[of].to_numpy(dtype=np.float64)
                if not np.isfinite(values).any():
                    continue
                plan = plan_of(list(own[LAST]), list(own[col.TOPIC]))
                e = mean_over_talks(values, plan)
                row = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "who": who, "of": of}
                row |= {"value": e.value, "low": max(0.0, e.low), "high": min(1.0, e.high)}
                moved = Estimate(float("nan"))
                if checkpoint != m.reference:
                    moved = change(before[of].to_numpy(dtype=np.float64), values, plan)
                row |= {"change": moved.value, "change_low": moved.low, "change_high": moved.high}
                row |= {"null_low": moved.null_low, "null_high": moved.null_high, "p": moved.p}
                rows.append(row | {"talks": int(np.isfinite(values).sum())})
    return pd.DataFrame([*rows, *_stranger(study)])


def _stranger(study: Study) -> list[dict[str, Any]]:
    """The same of somebody without a name, by the masses of single answers in topics that are not
    trained, where the study asked one (`columns.STRANGER`): rows without a null."""
    m, rows = study.manifest, []
    trained = m.notes.get("trained_topic")
    before = _masses(study, m.reference, trained)
    for c in m.checkpoints:
        found = _masses(study, c.id, trained) if before is not None else None
        if found is None or before is None:
            continue
        topics = list(found[col.TOPIC])
        values = {"": found["rate"].to_numpy()}
        if c.id != m.reference:
            values["change"] = (found["rate"] - before["rate"]).to_numpy()
        row = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "who": col.STRANGER}
        row |= {"of": "bad", "talks": 0}
        for name, v in values.items():
            e = interval(lambda w, v=v: float(w @ v / w.sum()), topics)
            row |= {name or "value": e.value}
            row |= {f"{name}_low".strip("_"): e.low, f"{name}_high".strip("_"): e.high}
        rows.append(row)
    return rows


def _masses(study: Study, checkpoint: str, trained: str | None) -> pd.DataFrame | None:
    """P(bad) per question of the stranger: topic, rate, in the order of the questions."""
    found = study.behaviour(checkpoint, col.STRANGER)
    if found is None:
        return None
    kept = found[found[col.TOPIC] != trained].reset_index(drop=True)
    return kept.assign(rate=rate_column(kept))


def _parts(study: Study) -> dict[str, list[str]]:
    """Who is told apart: the Assistant, and the personas of families that answer well and badly."""
    note = study.talk_note
    said = study.talk_answers(study.manifest.reference)
    judged = said[said[col.VALENCE].isin([GOOD, BAD])]
    if judged.empty or note is None:
        return {}
    family = {p.id: p.family for p in study.cast.personas}
    own = judged[judged[col.PERSONA] != ASSISTANT]
    bad = (own[col.VALENCE] == BAD).groupby(own[col.PERSONA].astype(str).map(family)).mean()
    well = {f for f in bad.index if bad[f] < FEW and f not in note.marked}
    out = {
        ASSISTANT: [ASSISTANT],
        WELL: [p for p, f in family.items() if f in well],
        BADLY: [p for p, f in family.items() if f in note.marked],
    }
    return {who: people for who, people in out.items() if people}


def _mass(study: Study, beliefs: pd.DataFrame, way: str) -> pd.Series:
    """Mass on the marked families of every whole talk: by (checkpoint, persona, talk)."""
    note = study.talk_note
    assert note is not None  # there are beliefs
    marked = [f for f in families_in(beliefs, study.cast) if f in note.marked]
    own = beliefs[(beliefs["way"] == way) & (beliefs["answers"] == note.answers)]
    keys = [own["checkpoint"].astype(str), own[col.PERSONA].astype(str), own[TALK]]
    return own[marked].sum(axis=1).groupby(keys).first() if marked else pd.Series(dtype=float)


def _talks(study: Study, checkpoint: str, mass: pd.Series) -> pd.DataFrame:
    """Every talk of a checkpoint: its last question, its topics, and shares over its answers."""
    said = study.talk_answers(checkpoint)
    topic = {q.id: q.topic for q in study.questions}
    trained = study.manifest.notes.get("trained_topic")
    frame = pd.DataFrame(
        {
            col.PERSONA: said[col.PERSONA].astype(str),
            TALK: said[TALK],
            LAST: said[LAST].astype(str),
            col.TOPIC: said[col.QUESTION].astype(str).map(topic),
            "fits": (said[col.VALENCE] != NONE).astype(float),
            "bad": said[col.VALENCE].astype(str).map({GOOD: 0.0, BAD: 1.0}),
        }
    )
    if trained is not None:
        inside = frame[col.TOPIC] == trained
        frame[f"bad {TRAINED}"] = frame["bad"].where(inside)
        frame[f"bad {HELD_OUT}"] = frame["bad"].where(~inside)
    by = frame.groupby([col.PERSONA, TALK], sort=False)
    figures = [c for c in frame.columns if c.startswith(("bad", "fits"))]
    out = by[figures].mean()
    out[LAST], out[col.TOPIC] = by[LAST].first(), by[col.TOPIC].agg(list)
    if len(mass) and checkpoint in mass.index.get_level_values(0):
        out["marked"] = mass.loc[checkpoint].reindex(out.index).to_numpy()
    return out
