"""Talks along training as rows of a chart that is scrubbed without a server: where each talk of the
Assistant lies, how it was answered, what was said to one question, whose talk it was taken for.

A step of training is known at saved checkpoints alone. All branches share one row of steps, those
at which any of them was saved; in between positions go straight from one saved checkpoint to the
next, and after its last a branch stays where it ended.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psm_viz.charts.frames import each, where
from psm_viz.charts.map_plane import coordinates
from psm_viz.study.cast import Cast
from psm_viz.study.manifest import Checkpoint

DOTS = 120
"""Most talks that a small map shows: more would slow the scrubbing."""
CELLS = 26
"""Cells of the land along its longer side."""
LINES = 3
"""Most lines of a quotation."""
MASS_COLUMNS = ["branch", "k", "of", "name", "value", "low", "high", "null_low", "null_high"]


def steps_of(saved: Mapping[str, Sequence[Checkpoint]]) -> list[int]:
    """Every step at which one of the branches was saved, with the start."""
    own = {c.step for b, found in saved.items() for c in found if c.branch == b}
    return sorted({0, *own})


@dataclass(frozen=True)
class TalkCourse:
    """Which checkpoints are followed: branch -> its saved checkpoints, its start first."""

    saved: Mapping[str, Sequence[Checkpoint]]

    @property
    def branches(self) -> list[str]:
        """The branches, in the order of their columns."""
        return list(self.saved)

    @property
    def steps(self) -> list[int]:
        """Every step at which one of the branches was saved, with the start."""
        return steps_of(self.saved)

    @property
    def ends(self) -> dict[str, int]:
        """The last step at which each branch was saved; 0 for one that was not."""
        return {
            b: max((c.step for c in saved if c.branch == b), default=0)
            for b, saved in self.saved.items()
        }

    def at(self, branch: str) -> dict[int, str]:
        """Number of the step -> checkpoint saved there; the start is number 0."""
        number = {s: k for k, s in enumerate(self.steps)}
        return {(number[c.step] if c.branch == branch else 0): c.id for c in self.saved[branch]}


def dots(
    points: pd.DataFrame, said: Mapping[str, pd.DataFrame], course: TalkCourse, projection: str
) -> pd.DataFrame:
    """A row a branch and talk: branch, talk, and for every step k its place x{k}, y{k} and the
    share of its answers that were bad b{k}, NaN where nobody judged them.

    `said`: checkpoint -> the Assistant's answers there (talk, valence).
    """
    at = coordinates(points, projection)
    steps, frames = range(len(course.steps)), []
    for branch in course.branches:
        known = {k: _talks(at, said, c) for k, c in course.at(branch).items()}
        known = {k: frame for k, frame in sorted(known.items()) if len(frame)}
        if not known:
            continue
        kept = sorted(set.intersection(*(set(f.index) for f in known.values())))[:DOTS]
        out: dict[str, object] = {"branch": branch, "talk": kept}
        for name in ("x", "y", "b"):
            column = {"x": "px", "y": "py", "b": "bad"}[name]
            values = np.stack([f.loc[kept, column].to_numpy(float) for f in known.values()])
            for k in steps:
                out[f"{name}{k}"] = np.round(_between(k, list(known), values), 3)
        frames.append(pd.DataFrame(out))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _talks(at: pd.DataFrame, said: Mapping[str, pd.DataFrame], checkpoint: str) -> pd.DataFrame:
    """The Assistant's talks at a checkpoint by their number: px, py, bad."""
    own = where(at, (at.kind == "assistant") & (at.checkpoint == checkpoint))
    own = own.set_index("talk")[["px", "py"]]
    answers = said.get(checkpoint)
    if answers is None or answers.empty:
        return own.assign(bad=float("nan"))
    judged = where(answers, answers.valence.isin(["good", "bad"]))
    share = (judged.valence == "bad").groupby(judged.talk).mean()
    return own.assign(bad=share.reindex(own.index))


def _between(k: int, known: Sequence[int], values: np.ndarray) -> np.ndarray:
    """Values [known step, talk] at step number k: straight between known steps, else the nearest
    end's."""
    after = next((n for n, s in enumerate(known) if s >= k), len(known) - 1)
    before = max(0, after - 1) if known[after] > k else after
    if known[after] <= k or before == after:
        return values[after]
    share = (k - known[before]) / (known[after] - known[before])
    return (1 - share) * values[before] + share * values[after]


def land_cells(points: pd.DataFrame, cast: Cast, projection: str) -> pd.DataFrame:
    """The cast's talks gathered into cells, so that the land has few marks: px, py, kin (of most
    talks there), talks."""
    at = where(points, points.kind == "talk")
    at = coordinates(at, projection)
    kin = {f.id: f.kin for f in cast.families}
    home = {p.id: kin[p.family] for p in cast.personas}
    low, high = at[["px", "py"]].min(), at[["px", "py"]].max()
    side = max(float((high - low).max()), 1e-6) / CELLS
    cells = at.assign(
        i=((at.px - low.px) / side).astype(int),
        j=((at.py - low.py) / side).astype(int),
        kin=at.persona.astype(str).map(home),
    )
    talks = cells.groupby(["i", "j", "kin"]).size().unstack(fill_value=0)  # columns: kins in order
    i, j = (talks.index.get_level_values(name).to_numpy() for name in "ij")
    return pd.DataFrame(
        {
            "px": low.px + (i + 0.5) * side,
            "py": low.py + (j + 0.5) * side,
            "kin": talks.idxmax(axis=1).to_numpy(),
            "talks": talks.sum(axis=1).to_numpy(),
        }
    )


def quotations(
    answers: Mapping[str, pd.DataFrame], course: TalkCourse, question: str, width: int
) -> pd.DataFrame:
    """What was said to one question: branch, k, text (in lines), judged; a row a branch and step,
    the last answer given up to it. The first sample is quoted."""
    rows = []
    for branch in course.branches:
        at, quoted = course.at(branch), {"text": "not asked here", "judged": ""}
        for k in range(len(course.steps)):
            own = answers.get(at.get(k, ""))
            if own is not None and len(found := where(own, own.question == question)):
                first = found.sort_values(["variant", "sample"]).iloc[0]
                quoted = {"text": _lines(str(first.text), width), "judged": str(first.valence)}
            rows.append({"branch": branch, "k": k, **quoted})
    return pd.DataFrame(rows)


def _lines(text: str, width: int) -> str:
    lines = textwrap.wrap(
        f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}", width
    )
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], lines[LINES - 1][: width - 1] + "\N{HORIZONTAL ELLIPSIS}"]
    return "\n".join(lines)


def masses(
    belief: pd.DataFrame, course: TalkCourse, way: str, answers: int, reference: str
) -> pd.DataFrame:
    """Mass by step on every kin and on the marked families (`of` kin or marked): `MASS_COLUMNS`, a
    row a branch and saved checkpoint. Where a branch starts from the reference, the band of what no
    change would do stands about the start's mass.

    `belief` is the table of a study.
    """
    own = where(belief, (belief.answers == answers) & (belief.way == way))
    own = where(own, own.of.isin(["kin", "marked"]))
    by = {str(c): list(each(frame)) for c, frame in own.groupby("checkpoint", observed=True)}
    rows = []
    for branch in course.branches:
        at = course.at(branch)
        first = {(r.of, r.name): float(r.mass) for r in by.get(at.get(0, ""), [])}
        from_reference = at.get(0) == reference
        for k, checkpoint in sorted(at.items()):
            for r in by.get(checkpoint, []):
                start = first.get((r.of, r.name), float("nan")) if from_reference else float("nan")
                band = (0.0, 0.0) if k == 0 else (r.change_null_low, r.change_null_high)
                values = [r.mass, r.mass_low, r.mass_high, start + band[0], start + band[1]]
                rows.append([branch, k, str(r.of), str(r.name), *map(float, values)])
    return pd.DataFrame(rows, columns=MASS_COLUMNS)
