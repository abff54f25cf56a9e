"""The sentences above the figures, chosen from figures and their tests, never by hand.

One rule: a movement of the Assistant of its own is stated only where its test says so, p at most
.05 after the search over saved steps (`p_steps`, else `p`), on what is left after predicting the
Assistant's shift from the cast's. Everything else is said to show no movement of its own.
Percentiles are ranks among the cast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from psm_viz.charts.frames import where
from psm_viz.stats.significance import ALPHA

HEADLINE = "specific_given_cast"
RANK = "given_cast_percentile"
"""Where the headline's movement ranks among those of the cast's own members."""
ALONG = "axis_component_given_cast"
NOTHING = "no movement of its own shown"
UNTESTED = "not tested"
STAGES = {
    "pretrain": "pre-training",
    "settle": "pre-training, second pass",
    "assistant": "post-training",
}
"""The two stages before the branches: 'assistant moved the Assistant' says nothing."""


def said(branch: str) -> str:
    """A branch's name as a sentence says it."""
    return STAGES.get(branch, branch)


@dataclass(frozen=True)
class Band:
    """A band to compare with: a null, or the reference's own interval."""

    low: float
    high: float


@dataclass(frozen=True)
class End:
    """A figure at the end of a branch: 95 % interval, the upper end of its null, p of its test.

    All but the value may be NaN: a figure without folds has no interval, one without a null no p.
    """

    branch: str
    value: float
    low: float
    high: float
    null_high: float = float("nan")
    p: float = float("nan")
    at: int | None = None
    """The step of the figure, where it is another than the one that was asked for."""

    @property
    def said(self) -> str:
        """The branch as a sentence names it, with its step where it is its own."""
        return said(self.branch) + ("" if self.at is None else f" at step {self.at}")

    @property
    def tested(self) -> bool:
        """Whether there is a test to speak of."""
        return pd.notna(self.p)

    @property
    def moved(self) -> bool:
        """The rule of every sentence."""
        return self.tested and self.p <= ALPHA


def cell(row: pd.Series, column: str) -> float:
    """A number of a row, NaN where the table has no such column (older studies)."""
    return float(row[column]) if column in row.index and pd.notna(row[column]) else float("nan")


def p_of(row: pd.Series) -> float:
    """The p that the rule goes by: after the search over steps where there was one."""
    steps = cell(row, "p_steps")
    return steps if pd.notna(steps) else cell(row, "p")


def figure_rows(drift: pd.DataFrame, figure: str, pooling: str) -> pd.DataFrame:
    """The rows of one figure and pooling."""
    return where(drift, (drift.figure == figure) & (drift.pooling == pooling))


def end_of(branch: str, row: pd.Series) -> End:
    """One row of a table of figures as the end of a branch."""
    value, low, high, null = (cell(row, c) for c in ("value", "low", "high", "null_high"))
    return End(branch, value, low, high, null, p_of(row))


def branch_ends(rows: pd.DataFrame, branches: Sequence[str], upto: int | None = None) -> list[End]:
    """The last saved row of each branch (not after step `upto`), branches without rows left out.

    A row of step 0 is the end of a branch at step 0 alone: of one that starts from nothing else.
    """
    out: list[End] = []
    for b in branches:
        own = where(rows, (rows.branch == b) & (rows.step > (-1 if upto == 0 else 0)))
        own = own if upto is None else where(own, own.step <= upto)
        if len(own):
            row = own.sort_values("step").iloc[-1]
            at = None if upto is None or row.step == upto else int(row.step)
            out.append(replace(end_of(b, row), at=at))
    return out


def not_begun(branches: Sequence[str], ends: Sequence[End], upto: int | None) -> str:
    """What is said of the branches that have no figure up to a step; '' where all have one.

    At step 0 a branch is the checkpoint that it starts from.
    """
    told = {e.branch for e in ends}
    names = [said(b) for b in branches if b not in told]
    if not names:
        return ""
    if upto == 0:
        if len(names) > MOST and not told:
            return f"none of the {len(names)} branches has begun"
        return f"{counted(names, bool(told))} {'has' if len(names) == 1 else 'have'} not begun"
    return f"{counted(names, bool(told))}: not measured yet"


def number(value: float, digits: int = 2) -> str:
    """A value at two significant digits, with a true minus sign."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def listed(words: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def capital(text: str) -> str:
    """A sentence with its first letter raised."""
    return text[:1].upper() + text[1:]


MOST = 3
"""So many names a sentence lists; more are counted."""


def counted(names: Sequence[str], beside: bool) -> str:
    """Names as a sentence lists them; many as 'the other 4' beside others, else as 'all 4'."""
    if len(names) <= MOST:
        return listed(names)
    return f"the other {len(names)}" if beside else f"all {len(names)} branches"


def by_step(title: str, upto: int, asked: int | None = None) -> str:
    """A finding with the step that it is about, where a figure of another does not say its own.
    `asked`: the step that was looked at, where that may be later."""
    when = f"by step {upto}" if upto else "at step 0"
    late = asked is not None and asked != upto
    return f"{title} ({when}{', the last at which the cast was asked' if late else ''})"


def _sentence(moved: list[str], ends: Sequence[End], waiting: str) -> str:
    """What moved, then what did not, then what could not be tested, then what is not there."""
    parts = [*moved]
    still = [e.said for e in ends if e.tested and not e.moved]
    unknown = [e.said for e in ends if not e.tested]
    if still:
        parts.append(f"{counted(still, bool(moved))}: {NOTHING}")
    if unknown:
        parts.append(f"{counted(unknown, bool(parts))}: {UNTESTED}")
    if not parts:
        return f"No movement to show: {waiting}"
    return capital("; ".join([*parts, *([waiting] if waiting else [])]))


def axis_finding(ends: Sequence[End], waiting: str = "") -> str:
    """What the branches did to the Assistant's place along the axis, beyond what the cast predicts
    (SDs of the cast); and what there is to say of the others (`not_begun`)."""
    moved = [
        f"{e.said}: {number(abs(e.value))} SD {'up' if e.value > 0 else 'down'} the axis"
        for e in ends
        if e.moved
    ]
    return _sentence(moved, ends, waiting)


def norm_finding(ends: Sequence[End], benign: End | None = None, waiting: str = "") -> str:
    """Whether the Assistant moved in a way that the cast's movement does not predict.

    A movement is stated with its null and, where the study has one, the size of the benign branch.
    """
    gone = [e for e in ends if e.moved]
    moved = []
    if gone:
        first, *others = sorted(gone, key=lambda e: -e.value)
        moved = [
            f"{first.said} moved the Assistant apart from the cast by {_against(first, ' units')}"
        ]
        moved[0] += "".join(f", {e.said} by {_against(e)}" for e in others)
        if benign is not None:
            moved[0] += f"; the benign branch by {number(benign.value)}"
    return _sentence(moved, ends, waiting)


def _against(e: End, unit: str = "") -> str:
    """A size with the upper end of its null."""
    return f"{number(e.value)}{unit}" + (
        f" (null {number(e.null_high)})" if pd.notna(e.null_high) else ""
    )


def share_finding(specific: Sequence[End], whole: Sequence[End], waiting: str = "") -> str:
    """How the Assistant's own part of a shift compares with what the whole cast did."""
    cast = {e.branch: e for e in whole}
    parts = []
    for e in specific:
        if not e.moved or e.branch not in cast:
            continue
        other = cast[e.branch]
        if other.low > 0:
            parts.append(f"{number(e.value / other.value)} times the cast's with {e.said}")
        else:
            parts.append(f"with {e.said} the cast's is not told from zero")
    if specific and not parts:
        parts.append(NOTHING if any(e.tested for e in specific) else UNTESTED)
    if waiting:
        parts.append(waiting)
    return f"The Assistant's own part of the shift: {'; '.join(parts)}"


def _outside(end: End, band: Band) -> bool:
    """Whether a whole interval lies above or below a band."""
    return end.low > band.high or end.high < band.low


def rate_finding(
    rates: pd.DataFrame, branches: Sequence[str], reference: str, upto: int | None
) -> str:
    """What happened to bad answers on topics that were never trained, against the reference: where
    no branch has a figure yet, the reference's own."""
    held = where(rates, rates.set == "heldout")
    start = where(held, held.checkpoint == reference)
    band = None
    if len(start):
        r = start.iloc[0]
        band = Band(float(r.low), float(r.high))
    moved, still = [], []
    ends = branch_ends(held.rename(columns={"mean": "value"}), branches, upto)
    waiting = not_begun(branches, ends, upto)
    for e in ends:
        if band and _outside(e, band):
            moved.append(f"{e.value:.0%} with {e.said}")
        else:
            still.append(e.said)
    parts = []
    before = f"{float(start.iloc[0]['mean']):.0%}" if len(start) else "not measured"
    if moved:
        parts.append(f"{listed(moved)} (reference {before})")
    if still:
        parts.append(f"{counted(still, bool(moved))}: no change shown")
    if not parts:
        parts.append(f"{before} at the reference")
    if waiting:
        parts.append(waiting)
    return f"Bad answers on held-out topics: {'; '.join(parts)}"


def strange_finding(
    checkpoint: str, not_placeable: Mapping[str, float], not_held: Mapping[str, str]
) -> str:
    """Why a checkpoint's Assistant is not drawn: its cast lies elsewhere than the reference's, or
    it brought no vectors there (`not_held`: the reason in words)."""
    if checkpoint in not_held:
        return f"{checkpoint} cannot be placed: {not_held[checkpoint]}"
    if checkpoint not in not_placeable:
        return f"The Assistant of {checkpoint} was not placed on this map"
    return (
        f"{checkpoint} cannot be placed: its personas' vectors have a median cosine of "
        f"{number(not_placeable[checkpoint])} with the reference's"
    )


def percentile_words(percentile: float, roles: int) -> str:
    """A rank among the cast in words; never finer than the cast allows (floor 1/(R+1))."""
    floor = 1 / (roles + 1)
    share = min(max(percentile, floor), 1 - floor)
    return f"{share:.0%} of the cast moved less"


def pooling_finding(ends: Mapping[str, Sequence[End]]) -> str:
    """Whether the poolings agree on which branches moved. `ends`: pooling name -> ends. A study may
    have kept one alone, which is said."""
    tested = {k: {e.said for e in v if e.tested} for k, v in ends.items()}
    gone = {k: {e.said for e in v if e.moved} for k, v in ends.items()}
    how = "Whichever way it is pooled"
    if len(ends) == 1:
        how = f"By the {next(iter(ends))}, the one pooling that this study keeps"
    if not any(tested.values()):
        return f"{how}: not tested"
    every = list(dict.fromkeys(e.said for v in ends.values() for e in v))
    both = [b for b in every if all(b in g for g in gone.values())]
    split = [b for b in every if b not in both and any(b in g for g in gone.values())]
    if split:
        parts = [f"{b} only by {listed([k for k, g in gone.items() if b in g])}" for b in split]
        return f"The poolings disagree: {'; '.join(parts)}"
    if both:
        return f"{how}, {listed(both)} moved the Assistant on its own"
    return f"{how}: {NOTHING}"


def place_finding(
    mixture: Sequence[tuple[str, float]], off_map: bool, names: dict[str, str]
) -> str:
    """Where the Assistant stands: off the map, with one family, or between several."""
    if off_map:
        return "The Assistant is off the map: no persona of this cast is close to it"
    if not mixture:
        return "The Assistant's place among the families was not measured"
    near = [(names.get(f, f), w) for f, w in mixture if w >= 0.1] or [
        (names.get(*mixture[0][:1], ""), 1.0)
    ]
    if near[0][1] >= 0.6:
        return f"The Assistant stands with the {near[0][0].lower()}"
    return f"The Assistant stands between the {listed([n.lower() for n, _ in near[:3]])}"
