"""Small charts by training step, made to stand aligned under each other.

Each shows one figure per branch with its 95 % interval as tint and the null band behind;
branches are told by dash, end-mark and a word at the end of the line. Steps stand on a
symmetric-log axis, since checkpoints are saved at growing distances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.findings import Band
from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.palette import Palette, branch_dashes, branch_marks, finish
from psm_viz.charts.plane import (
    AXIS_WIDTH,
    LEAD,
    Plane,
    end_words,
    interval_tips,
    padded,
    value_axis,
)
from psm_viz.charts.sentences import SAID, amount, measure, sentence
from psm_viz.charts.typeface import width_of

HEIGHT = 104
CONSTANT = 4
"""Steps below this are spaced evenly, above it by their ratio."""
LABELS = 0.74
"""Share of the width that lines use; the rest holds the words at their ends."""


@dataclass(frozen=True)
class StepLook:
    """What a chart by step shows around its own rows, and how."""

    every: Sequence[str]
    """All branches of the study: marks and dashes stay with a branch, whichever are shown."""
    paler: pd.DataFrame | None = None
    """A companion figure (branch, step, value, low, high), drawn thin: trained topics beside
    held-out ones, the cast's shift beside the Assistant's own."""
    band: pd.DataFrame | None = None
    """What lies behind all of them: step, low, high."""
    band_name: str = "null"
    """The word at the band's right end."""
    now: int | None = None
    """The chosen step: a rule stands there, and what comes later is hollow."""
    until: int | None = None
    """The last step of the axis, given so that charts under each other share it."""
    percent: bool = False
    ticks: bool = True
    """Whether the steps are written under the axis."""
    unit: str = ""
    """What the values are: written beside them in a file, where no caption stands near."""


# -- the rows -----------------------------------------------------------------------------------


def from_start(rows: pd.DataFrame, starts: Mapping[str, str]) -> pd.DataFrame:
    """Begin each branch at step 0 with the row of the checkpoint it starts from, where one exists.

    `starts`: branch -> checkpoint id. Branches that already hold a step 0 are left alone.
    """
    extra = []
    for branch, checkpoint in starts.items():
        if len(where(rows, (rows.branch == branch) & (rows.step == 0))):
            continue
        extra.append(
            where(rows, rows.checkpoint == checkpoint).head(1).assign(branch=branch, step=0)
        )
    return pd.concat([*extra, rows], ignore_index=True)


def from_zero(rows: pd.DataFrame, branches: Sequence[str]) -> pd.DataFrame:
    """Begin each measured branch with an exact zero at step 0: nothing has moved yet."""
    have = [
        b
        for b in branches
        if len(where(rows, rows.branch == b))
        and not len(where(rows, (rows.branch == b) & (rows.step == 0)))
    ]
    zeros = {"step": 0, "value": 0.0, "low": 0.0, "high": 0.0}
    start = pd.DataFrame([{"branch": b, **zeros} for b in have], columns=["branch", *zeros])
    return pd.concat([start, rows], ignore_index=True) if have else rows


def flat(band: Band, until: float) -> pd.DataFrame:
    """A band that is the same at every step: step, low, high."""
    ends = {"low": band.low, "high": band.high}
    return pd.DataFrame([{"step": -0.5, **ends}, {"step": _domain_end(until), **ends}])


def null_envelope(rows: pd.DataFrame, branches: Sequence[str]) -> pd.DataFrame | None:
    """The widest null of the chosen branches at each saved step: step, low, high; None without.

    At step 0 nothing has moved, under any null.
    """
    if "null_high" not in rows:
        return None
    own = where(rows, rows.branch.isin(list(branches)) & (rows.step > 0))
    own = own.dropna(subset=["null_low", "null_high"])
    if own.empty:
        return None
    wide = own.groupby("step").agg(low=("null_low", "min"), high=("null_high", "max"))
    start = pd.DataFrame([{"step": 0, "low": 0.0, "high": 0.0}])
    return pd.concat([start, wide.reset_index()], ignore_index=True)


def null_name(rows: pd.DataFrame, branches: Sequence[str]) -> str:
    """What the nulls of these branches are, in the table's own words: 'null: sign flips'."""
    if "null" not in rows:
        return "null"
    own = where(rows, rows.branch.isin(list(branches)))
    # 'the cast's own, 95 %': the word at the end of a line has room for the first part.
    names = {str(n).split(",")[0] for n in own.null.dropna() if str(n)}
    return f"null: {names.pop()}" if len(names) == 1 else "null"


# -- the chart ----------------------------------------------------------------------------------


def step_chart(
    rows: pd.DataFrame,
    branches: Sequence[str],
    p: Palette,
    look: StepLook,
    size: tuple[int | None, int] = (None, HEIGHT),
) -> Any:
    """One figure by step. `rows`: branch, step, value, low, high."""
    shown = [
        where(f, f.branch.isin(list(branches))).sort_values("step")
        for f in (rows, look.paler)
        if f is not None
    ]
    steps = [float(s) for f in shown for s in f.step]
    steps += [float(look.until)] if look.until else []
    last = max([*steps, float(look.until or 1)])
    ends = _value_ends([*shown, *([] if look.band is None else [look.band])])
    words = _band_words(last, p, look)
    said = [str(w["text"]) for w in words] + [str(b) for b in branches]
    plane = _plane(steps, last, ends, look, (size[0], _share(said, size[0])))
    layers = _behind(plane, p, look)
    if len(shown) > 1:
        layers += _companions(shown[1], plane, p, look)
    layers += _courses(shown[0], plane, p, look)
    for b in branches:
        own = where(shown[0], shown[0].branch == b)
        if len(own):
            end = own.iloc[-1]
            words.append(
                {"step": float(end.step), "value": float(end.value), "text": b, "colour": p.ink}
            )
    if words:
        layers.append(end_words(words, plane, size[1], last, "step"))
    return finish(alt.layer(*layers), p, size[1], size[0])


def _domain_end(last: float, share: float = LABELS) -> float:
    return CONSTANT * math.expm1(math.log1p(max(last, 1) / CONSTANT) / share)


def _share(words: Sequence[str], width: int | None) -> float:
    """The share of the width that lines use: less in a drawing too narrow for the words beside."""
    if width is None:
        return LABELS
    most = 12 * max([width_of(w) for w in words] + [0.0]) + LEAD + 6
    return min(LABELS, max(0.35, 1 - most / (width - AXIS_WIDTH - 16)))


def _ticks(steps: Sequence[float], most: int = 6) -> list[float]:
    """At most `most` of the saved steps, the first and last among them, evenly on the log axis."""
    values = sorted(set(steps))
    if len(values) <= most:
        return values
    pos = [math.log1p(v / CONSTANT) for v in values]
    wanted = [pos[0] + (pos[-1] - pos[0]) * k / (most - 1) for k in range(most)]
    return sorted({values[min(range(len(pos)), key=lambda i: abs(pos[i] - w))] for w in wanted})


def _value_ends(frames: Sequence[pd.DataFrame]) -> tuple[float, float]:
    names = ("value", "low", "high")
    ends = [float(v) for f in frames for c in names if c in f for v in f[c] if pd.notna(v)]
    return padded(min([*ends, 0.0]), max([*ends, 0.0]), 0.08)


def _plane(
    steps: Sequence[float],
    last: float,
    ends: tuple[float, float],
    look: StepLook,
    drawn: tuple[int | None, float],
) -> Plane:
    """Steps by their ratio along x, the values along y. `drawn`: the width of a drawing, None on a
    page, and the share of it that lines use."""
    titled = drawn[0] is not None
    x_axis = alt.Axis(
        values=_ticks(steps),
        title="training step" if titled and look.ticks else None,
        titleAnchor="start",
        labels=look.ticks,
        ticks=look.ticks,
        labelOverlap=True,
        format="d",
    )
    domain = [-0.5, _domain_end(last, drawn[1])]
    x_scale = alt.Scale(type="symlog", constant=CONSTANT, domain=domain, nice=False)
    axis = value_axis(look.percent, look.unit if titled else "")
    return Plane(x_scale, x_axis, ends, axis)


def _behind(plane: Plane, p: Palette, look: StepLook) -> list[Any]:
    """What all lines are drawn over: the band, the line of zero, and the chosen step."""
    layers: list[Any] = []
    if look.band is not None:
        layers.append(
            alt.Chart(columns(look.band, ["step", "low", "high"]))
            .mark_area(color=p.band, clip=True, aria=False)
            .encode(x=plane.x("step"), y=plane.y("low"), y2="high:Q")
        )
    if plane.y_ends[0] < 0 < plane.y_ends[1]:
        zero = alt.Chart(pd.DataFrame([{"value": 0.0}]))
        layers.append(zero.mark_rule(color=p.faint, aria=False).encode(y=plane.y("value")))
    if look.now is not None:
        at = alt.Chart(pd.DataFrame([{"step": float(look.now)}]))
        rule = at.mark_rule(color=p.accent, opacity=0.55, strokeWidth=1, aria=False)
        layers.append(rule.encode(x=plane.x("step")))
    return layers


def _band_words(last: float, p: Palette, look: StepLook) -> list[dict[str, Any]]:
    """The band's name at its right end, where there is a band."""
    if look.band is None:
        return []
    edge = float(look.band.high.iloc[-1])
    return [{"step": last, "value": edge, "text": look.band_name, "colour": p.soft}]


def _dashes(look: StepLook) -> alt.StrokeDash:
    """Each branch's own dash, whichever are shown."""
    dashes = branch_dashes(list(look.every))
    scale = alt.Scale(domain=list(dashes), range=list(dashes.values()))
    return alt.StrokeDash("branch:N", scale=scale, legend=None)


def _companions(rows: pd.DataFrame, plane: Plane, p: Palette, look: StepLook) -> list[Any]:
    """The companion figure of every branch, a thin line each."""
    if rows.empty:
        return []
    last = {str(r.branch): r for r in each(rows.sort_values("step"))}
    said = {
        b: sentence(f"Thin line of {b}, step {r.step:g}", amount(r.value, look.percent))
        for b, r in last.items()
    }
    line = alt.Chart(
        columns(rows, ["branch", "step", "value"]).assign(said=[said[str(b)] for b in rows.branch])
    ).mark_line(color=p.soft, strokeWidth=1, opacity=0.6)
    by = {"x": plane.x("step"), "y": plane.y("value")}
    return [line.encode(**by, strokeDash=_dashes(look), description=SAID)]


def _courses(rows: pd.DataFrame, plane: Plane, p: Palette, look: StepLook) -> list[Any]:
    """Every branch: its interval, its line, and its marks, filled up to the chosen step."""
    if rows.empty:
        return []
    said = [
        sentence(f"{r.branch}, step {r.step:g}", measure(r, look.percent, look.unit))
        for r in each(rows)
    ]
    base = alt.Chart(columns(rows, ["branch", "step", "value", "low", "high"]).assign(said=said))
    reached = base if look.now is None else base.transform_filter(f"datum.step <= {look.now}")
    marks = branch_marks(list(look.every))
    scale = alt.Scale(domain=list(marks), range=list(marks.values()))
    shape = alt.Shape("branch:N", scale=scale, legend=None)
    mark: dict[str, Any] = {"filled": True, "size": 52, "opacity": 1}
    x, y = plane.x("step"), plane.y("value")
    tips = [
        alt.Tooltip("branch:N", title="Branch"),
        alt.Tooltip("step:Q", title="Step"),
        *interval_tips(look.percent),
    ]
    tint = base.mark_area(color=p.ink, opacity=0.1, aria=False)
    line = base.mark_line(color=p.ink, strokeWidth=1.6, aria=False)
    filled = reached.mark_point(**mark, color=p.accent, aria=False)
    hollow = base.mark_point(**mark, fill=p.paper, stroke=p.ink, strokeWidth=1.2)
    return [
        tint.encode(x=x, y=plane.y("low"), y2="high:Q", detail="branch:N"),
        line.encode(x=x, y=y, strokeDash=_dashes(look)),
        hollow.encode(x=x, y=y, shape=shape, tooltip=tips, description=SAID),
        filled.encode(x=x, y=y, shape=shape, tooltip=tips),
    ]
