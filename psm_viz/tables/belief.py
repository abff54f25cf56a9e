"""Who each checkpoint's Assistant takes itself to be: masses on families and kins, and how they
changed, beside their nulls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.stats.fixed_direction import direction_of
from psm_viz.stats.prior_shift import em_shares
from psm_viz.stats.resampling import Estimate, estimate
from psm_viz.stats.talk_sampling import Plan, change, mean_over_talks, plan_of
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.reader import Study
from psm_viz.study.talks import CAST, LAST, OWN, REFERENCE, TALK, TURN, families_in
from psm_viz.tables.belief_readings import Readings, state_rows

FAMILY, KIN, MARKED = "family", "kin", "marked"
"""What a mass is of: a family, a kin, or the marked families together, the one number."""
EM_DRAWS = 100
"""Bootstrap draws behind the interval of an EM share: each is a fit of its own."""


def groups_of(
    cast: Cast, families: list[str], marked: tuple[str, ...]
) -> dict[tuple[str, str], np.ndarray]:
    """What masses are told of: (`family`, `kin` or `marked`, name) -> which families it holds."""
    kin = {f.id: f.kin for f in cast.families}
    out = {(FAMILY, f): np.array([g == f for g in families], dtype=float) for f in families}
    for k in dict.fromkeys(kin[f] for f in families):
        out[KIN, k] = np.array([kin[g] == k for g in families], dtype=float)
    if marked:
        out[MARKED, MARKED] = np.array([g in marked for g in families], dtype=float)
    return out


@dataclass(frozen=True)
class _Cell:
    """The Assistant's talks at one checkpoint, read in one way after so many answers."""

    belief: pd.DataFrame
    """A row a talk, by its number; a column a family."""
    far: pd.Series
    plan: Plan


class _Cells:
    """The cells of a table of beliefs, each made when it is first asked for."""

    def __init__(self, study: Study, beliefs: pd.DataFrame) -> None:
        self.study, self.families = study, families_in(beliefs, study.cast)
        own = beliefs[beliefs["who"] == ASSISTANT]
        self.frames = {
            (str(c), str(way), int(str(k))): frame.set_index(TALK)
            for (c, way, k), frame in own.groupby(["checkpoint", "way", "answers"], observed=True)
        }
        self.topic = {q.id: q.topic for q in study.questions}
        self.made: dict[tuple[str, str, int], _Cell] = {}
        self.said: dict[str, pd.DataFrame] = {}

    def __call__(self, checkpoint: str | None, way: str, k: int) -> _Cell | None:
        """One cell; the reference's own states are what its weights read of its own talks."""
        if checkpoint == self.study.manifest.reference and way == REFERENCE:
            way = OWN
        key = (str(checkpoint), way, k)
        if key not in self.frames:
            return None
        if key not in self.made:
            frame = self.frames[key]
            plan = self._plan(key[0], frame, k)
            self.made[key] = _Cell(frame[self.families].astype(np.float64), frame["far"], plan)
        return self.made[key]

    def _plan(self, checkpoint: str, frame: pd.DataFrame, k: int) -> Plan:
        """Which topics each talk had been asked about, and what it ends in."""
        if checkpoint not in self.said:
            said = self.study.talk_answers(checkpoint)
            self.said[checkpoint] = said[said[col.PERSONA] == ASSISTANT]
        said = self.said[checkpoint]
        asked = said[said[TURN] < k].groupby(TALK, observed=True)[col.QUESTION].agg(list)
        topics = [[self.topic[str(q)] for q in asked[n]] for n in frame.index]
        return plan_of([str(q) for q in frame[LAST]], topics)


def belief_table(
    study: Study, beliefs: pd.DataFrame, say: Callable[[str], None] = lambda s: None
) -> pd.DataFrame:
    """Masses of the Assistant's belief at every checkpoint.

    checkpoint, branch, step, way, answers, of, name; mass and em (prior-shift EM) with interval;
    change (from the reference) and did (that less the benign branch's) with interval, band of the
    null and p; talks, and paired: how many the reference holds too; none: share of talks like none
    of the families, NaN for ways that read no states.
    """
    note, m = study.talk_note, study.manifest
    if note is None or beliefs.empty:
        return pd.DataFrame()
    cells = _Cells(study, beliefs)
    groups = groups_of(study.cast, cells.families, note.marked)
    benign = benign_end(study)
    rows: list[dict[str, Any]] = []
    for checkpoint, way, k in cells.frames:
        c, cell = m.checkpoint(checkpoint), cells(checkpoint, way, k)
        assert cell is not None  # its key is a frame's
        say(f"belief: {checkpoint}, {way}, {k} answers")
        key = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "way": way, "answers": k}
        whole = k == note.answers
        of_em = _em(cell, groups, intervals=whole)
        start = cells(m.reference, way, k) if c.id != m.reference else None
        other = cells(benign, way, k) if c.id not in (m.reference, benign) else None
        far = cell.far.to_numpy(dtype=np.float64)
        more = {
            "talks": len(far),
            "paired": len(cell.belief.index.intersection(start.belief.index)) if start else 0,
            "none": float((far > 1).mean()) if np.isfinite(far).any() else float("nan"),
        }
        for group, held in groups.items():
            mass = cell.belief.to_numpy() @ held
            row = key | {"of": group[0], "name": group[1]}
            row |= told("mass", _share(mean_over_talks(mass, cell.plan)))
            row |= told("em", of_em[group])
            for name, than in (("change", start), ("did", other)):
                row |= told(name, _less(cell, mass, than, held), null=True)
            rows.append(row | more)
    return pd.DataFrame(rows)


def direction_table(study: Study, readings: Readings | None, beliefs: pd.DataFrame) -> pd.DataFrame:
    """Projections of the Assistant's whole talks on the direction from the families who act well to
    those marked (`stats.fixed_direction`), in standard deviations of the cast's talks.

    checkpoint, branch, step, way (`own`, `reference`), value with interval, change from the
    reference and did (that less the benign branch's) with interval, band of the null and p. Empty
    where no family is marked.
    """
    if readings is None:
        return pd.DataFrame()
    note, m = readings.note, study.manifest
    marked = np.array([f in note.marked for f in readings.who.families])
    if marked.all() or not marked.any():
        return pd.DataFrame()
    reading, k = readings.states[note.answers][0], note.answers
    cells = _Cells(study, beliefs)
    found = state_rows(study.talks(m.reference), note, reading, CAST, OWN, k)
    assert found is not None  # the readings were fitted on them
    x, last, centre = found
    direction = direction_of(x - centre[last], readings.who, marked)
    along: dict[tuple[str, str], pd.Series] = {}
    for checkpoint, way, answers in cells.frames:
        if answers != k or way not in (OWN, REFERENCE):
            continue
        rows = state_rows(study.talks(checkpoint), note, reading, ASSISTANT, way, k)
        assert rows is not None  # there are beliefs of them
        values = direction.along(rows[0] - rows[2][rows[1]], rows[1])
        along[checkpoint, way] = pd.Series(values, index=cells.frames[checkpoint, way, k].index)
    along |= {(m.reference, REFERENCE): along[m.reference, OWN]}
    benign, out = benign_end(study), []
    for (checkpoint, way), values in along.items():
        cell, c = cells(checkpoint, way, k), m.checkpoint(checkpoint)
        assert cell is not None
        row = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "way": way}
        row |= told("value", mean_over_talks(values.to_numpy(), cell.plan))
        for name, than in (("change", m.reference), ("did", benign)):
            other = along.get((str(than), way)) if checkpoint not in (m.reference, than) else None
            e = Estimate(float("nan"))
            if other is not None:
                before = other.reindex(values.index).to_numpy()
                e = change(before, values.to_numpy(), cell.plan)
            row |= told(name, e, null=True)
        out.append(row)
    return pd.DataFrame(out)


def changes_from(study: Study, beliefs: pd.DataFrame, start: str) -> pd.DataFrame:
    """The changes of `belief_table`, after whole talks, from another checkpoint than the reference:
    checkpoint, way, of, name, change with interval, band and p."""
    note = study.talk_note
    cells = _Cells(study, beliefs)
    if note is None:
        return pd.DataFrame()
    groups = groups_of(study.cast, cells.families, note.marked)
    rows: list[dict[str, Any]] = []
    for checkpoint, way, k in cells.frames:
        cell, than = cells(checkpoint, way, k), cells(start, way, k)
        if k != note.answers or checkpoint == start or cell is None or than is None:
            continue
        for (of, name), held in groups.items():
            mass = cell.belief.to_numpy() @ held
            row = {"checkpoint": checkpoint, "way": way, "of": of, "name": name}
            rows.append(row | told("change", _less(cell, mass, than, held), null=True))
    return pd.DataFrame(rows)


def _share(e: Estimate) -> Estimate:
    """A share and its interval, which ends where shares do."""
    return replace(e, low=max(0.0, e.low), high=min(1.0, e.high))


def _less(cell: _Cell, mass: np.ndarray, than: _Cell | None, held: np.ndarray) -> Estimate:
    """A mass less that of another checkpoint, talks paired by their plan."""
    if than is None:
        return Estimate(float("nan"))
    before = than.belief.reindex(cell.belief.index).to_numpy() @ held
    return change(before, mass, cell.plan)


def _em(
    cell: _Cell, groups: dict[tuple[str, str], np.ndarray], *, intervals: bool
) -> dict[tuple[str, str], Estimate]:
    """The shares of families that explain the beliefs best, summed over each group."""
    belief = cell.belief.to_numpy()
    found = em_shares(belief)[0]
    if not intervals:
        return {g: Estimate(float(found @ held)) for g, held in groups.items()}
    draws = em_shares(belief, cell.plan.counts[:EM_DRAWS])
    return {g: estimate(float(found @ held), draws @ held) for g, held in groups.items()}


def benign_end(study: Study) -> str | None:
    """The end of the benign branch, where the study names one."""
    branch = study.manifest.notes.get("benign")
    return study.manifest.branch(branch)[-1].id if branch in study.manifest.branches else None


def told(name: str, e: Estimate, *, null: bool = False) -> dict[str, float]:
    """A figure as columns: its value and interval, and where it has one its null's band and p."""
    out = {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}
    if null:
        out |= {f"{name}_null_low": e.null_low, f"{name}_null_high": e.null_high, f"{name}_p": e.p}
    return out
