"""The sentences above the figures, chosen from figures and their intervals, never by hand.

A movement is stated only where the whole 95 % interval lies beyond the noise floor; everything
else is said to show no movement. Percentiles are ranks among the cast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from psm_viz.charts.rows import where

SIGNED = ("axis_component", "axis_position_cast", "cos_shift_global")
NOTHING = "no movement beyond the noise floor shown"


STAGES = {"pretrain": "pre-training", "assistant": "post-training"}
"""The two stages before the branches: 'assistant moved the Assistant' says nothing."""


def said(branch: str) -> str:
    """A branch's name as a sentence says it."""
    return STAGES.get(branch, branch)


@dataclass(frozen=True)
class Band:
    """A null band: where the same checkpoint, played again, falls."""

    low: float
    high: float


@dataclass(frozen=True)
class End:
    """A figure at the end of a branch, with its 95 % interval."""

    branch: str
    value: float
    low: float
    high: float

    @property
    def said(self) -> str:
        """The branch as a sentence names it."""
        return said(self.branch)


def figure_rows(drift: pd.DataFrame, figure: str, pooling: str) -> pd.DataFrame:
    """The rows of one figure and pooling."""
    return where(drift, (drift.figure == figure) & (drift.pooling == pooling))


def null_band(drift: pd.DataFrame, noise: str | None, figure: str, pooling: str) -> Band | None:
    """The noise floor of a figure: 0 to its upper end, or both signs for a signed figure."""
    rows = figure_rows(drift, figure, pooling)
    rows = where(rows, rows.checkpoint == noise)
    if noise is None or rows.empty:
        return None
    r = rows.iloc[0]
    ends = [abs(float(v)) for v in (r.value, r.low, r.high) if pd.notna(v)]
    if figure in SIGNED:
        return Band(-max(ends), max(ends))
    # Cross-fitted norms are signed roots: noise may fall below zero, the band starts there.
    return Band(0.0, max(float(r.high) if pd.notna(r.high) else float(r.value), 0.0))


def branch_ends(rows: pd.DataFrame, branches: Sequence[str], upto: int | None = None) -> list[End]:
    """The last saved row of each branch (not after step `upto`), branches without rows left out."""
    out: list[End] = []
    for b in branches:
        own = where(rows, (rows.branch == b) & (rows.step > 0))
        own = own if upto is None else where(own, own.step <= upto)
        if len(own):
            r = own.sort_values("step").iloc[-1]
            low = r.low if pd.notna(r.low) else r.value
            high = r.high if pd.notna(r.high) else r.value
            out.append(End(b, float(r.value), float(low), float(high)))
    return out


def side(end: End, band: Band | None) -> int:
    """+1 or -1 where the whole interval lies above or below the band, 0 where they overlap."""
    low, high = (band.low, band.high) if band else (0.0, 0.0)
    if end.low > high:
        return 1
    return -1 if end.high < low else 0


def number(value: float, digits: int = 2) -> str:
    """A value at two significant digits, with a true minus sign."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def listed(words: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sentence(moved: list[str], still: list[str], band: Band | None) -> str:
    nothing = NOTHING if band else "no movement shown (this study has no noise floor)"
    parts = [*moved]
    if still:
        parts.append(f"{listed(still)}: {nothing}")
    if not parts:
        return "Nothing was measured for these branches at this step."
    text = "; ".join(parts)
    return text[0].upper() + text[1:]


def axis_finding(ends: Sequence[End], band: Band | None) -> str:
    """What the branches did to the Assistant's place along the axis (SDs of the cast)."""
    moved = []
    for e in ends:
        way = side(e, band)
        if way:
            moved.append(
                f"{e.said}: {number(abs(e.value))} SD {'up' if way > 0 else 'down'} the axis"
            )
    return _sentence(moved, [e.said for e in ends if not side(e, band)], band)


def norm_finding(ends: Sequence[End], band: Band | None) -> str:
    """Whether the Assistant moved by more than the cast did (specific shift)."""
    gone = [e for e in ends if side(e, band) > 0]
    moved = []
    if gone:
        sizes = listed([number(e.value) for e in gone])
        floor = f"; noise floor {number(band.high)}" if band else ""
        names = listed([e.said for e in gone])
        moved = [f"{names} moved the Assistant apart from the cast (by {sizes}{floor})"]
    return _sentence(moved, [e.said for e in ends if side(e, band) <= 0], band)


def share_finding(specific: Sequence[End], whole: Sequence[End], band: Band | None) -> str:
    """How the Assistant's own part of a shift compares with what the whole cast did."""
    cast = {e.branch: e for e in whole}
    parts = []
    for e in specific:
        if side(e, band) <= 0 or e.branch not in cast:
            continue
        other = cast[e.branch]
        if other.low > 0:
            parts.append(f"{number(e.value / other.value)} times the cast's with {e.said}")
        else:
            parts.append(f"with {e.said} the cast's is not told from zero")
    if not parts:
        nothing = NOTHING if band else "no null to compare with"
        return f"The Assistant's own part of the shift: {nothing}"
    return f"The Assistant's own part of the shift: {'; '.join(parts)}"


def rate_finding(
    rates: pd.DataFrame, branches: Sequence[str], reference: str, upto: int | None
) -> str:
    """What happened to bad answers on topics that were never trained, against the reference."""
    held = where(rates, rates.set == "heldout")
    start = where(held, held.checkpoint == reference)
    band = None
    if len(start):
        r = start.iloc[0]
        band = Band(float(r.low), float(r.high))
    moved, still = [], []
    for e in branch_ends(held.rename(columns={"mean": "value"}), branches, upto):
        if band and side(e, band):
            moved.append(f"{e.value:.0%} with {e.said}")
        else:
            still.append(e.said)
    if not moved and not still:
        return "No rates were measured for these branches at this step."
    parts = []
    if moved:
        parts.append(f"{listed(moved)} (reference {float(start.iloc[0]['mean']):.0%})")
    if still:
        parts.append(f"{listed(still)}: no change shown")
    return f"Bad answers on held-out topics: {'; '.join(parts)}"


def strange_finding(checkpoint: str, not_placeable: Mapping[str, float]) -> str:
    """Why a checkpoint's Assistant is not drawn: its cast lies elsewhere than the reference's."""
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


def pooling_finding(ends: dict[str, list[tuple[End, Band | None]]]) -> str:
    """Whether the poolings agree on which branches moved. `ends`: pooling name -> (end, band)."""
    gone = {k: {e.said for e, band in v if side(e, band) > 0} for k, v in ends.items()}
    every = list(dict.fromkeys(e.said for v in ends.values() for e, _ in v))
    both = [b for b in every if all(b in g for g in gone.values())]
    split = [b for b in every if b not in both and any(b in g for g in gone.values())]
    if split:
        where = [f"{b} only by {listed([k for k, g in gone.items() if b in g])}" for b in split]
        return f"The poolings disagree: {'; '.join(where)}"
    if both:
        return (
            f"Whichever way it is pooled, {listed(both)} moved the Assistant beyond the noise floor"
        )
    return f"Whichever way it is pooled: {NOTHING}"


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
