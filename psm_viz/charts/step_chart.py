"""Small charts by training step, made to stand aligned under each other.

Each shows one figure per branch with its 95 % interval as tint and the null band behind;
branches are told by dash, end-mark and a word at the end of the line. Steps stand on a
symmetric-log axis, since checkpoints are saved at growing distances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.findings import Band
from psm_viz.charts.frames import columns, where
from psm_viz.charts.label_placement import spread
from psm_viz.charts.palette import Palette, branch_dashes, branch_marks, finish

HEIGHT = 104
CONSTANT = 4
"""Steps below this are spaced evenly, above it by their ratio."""
AXIS_WIDTH = 44
"""Pixels kept for every y axis, so that the charts align."""
LABELS = 0.74
"""Share of the width that lines use; the rest holds the words at their ends."""


def _domain_end(last: float) -> float:
    return CONSTANT * math.expm1(math.log1p(max(last, 1) / CONSTANT) / LABELS)


def _ticks(steps: Sequence[float], most: int = 6) -> list[float]:
    """At most `most` of the saved steps, the first and last among them, evenly on the log axis."""
    values = sorted(set(steps))
    if len(values) <= most:
        return values
    pos = [math.log1p(v / CONSTANT) for v in values]
    wanted = [pos[0] + (pos[-1] - pos[0]) * k / (most - 1) for k in range(most)]
    return sorted({values[min(range(len(pos)), key=lambda i: abs(pos[i] - w))] for w in wanted})


def _y_domain(frames: Sequence[pd.DataFrame]) -> tuple[float, float]:
    names = ("value", "low", "high")
    ends = [float(v) for f in frames for c in names if c in f for v in f[c] if pd.notna(v)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    pad = 0.08 * (high - low or 1.0)
    return (low if low == 0 else low - pad), high + pad


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


def value_axis(percent: bool) -> alt.Axis:
    """A y axis of three quiet ticks, as wide in every chart, so that charts align."""
    return alt.Axis(
        title=None,
        tickCount=3,
        minExtent=AXIS_WIDTH,
        maxExtent=AXIS_WIDTH,
        format=".0%" if percent else "~r",
        domain=False,
        ticks=False,
    )


def step_chart(
    rows: pd.DataFrame,
    branches: Sequence[str],
    every: Sequence[str],
    p: Palette,
    band: pd.DataFrame | None = None,
    band_name: str = "null",
    paler: pd.DataFrame | None = None,
    now: int | None = None,
    until: int | None = None,
    percent: bool = False,
    ticks: bool = True,
    size: tuple[int | None, int] = (None, HEIGHT),
) -> Any:
    """One figure by step. `rows` and `paler`: branch, step, value, low, high.

    `every` are all branches of the study (marks and dashes stay with a branch); `paler` is a
    companion figure drawn thin (trained beside held-out topics, global beside specific shift).
    `band` (step, low, high) lies behind all of them, named at its right end.
    `until` is the last step of the axis, given so that charts under each other share it.
    """
    keep = [
        where(f, f.branch.isin(list(branches))).sort_values("step")
        for f in (rows, paler)
        if f is not None
    ]
    main = keep[0]
    steps = [float(s) for f in keep for s in f.step] + ([float(until)] if until else [])
    last = max([*steps, float(until or 1)])
    low, high = _y_domain([*keep, *([] if band is None else [band])])
    marks, dashes = branch_marks(list(every)), branch_dashes(list(every))
    x_scale = alt.Scale(
        type="symlog", constant=CONSTANT, domain=[-0.5, _domain_end(last)], nice=False
    )
    y_scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    x_axis = alt.Axis(
        values=_ticks(steps), title=None, labels=ticks, ticks=ticks, labelOverlap=True, format="d"
    )
    y_axis = value_axis(percent)
    x = alt.X("step:Q", scale=x_scale, axis=x_axis)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", scale=y_scale, axis=y_axis)

    layers: list[Any] = []
    words: list[dict[str, Any]] = []
    if band is not None:
        layers.append(
            alt.Chart(columns(band, ["step", "low", "high"]))
            .mark_area(color=p.band, clip=True, aria=False)
            .encode(x=x, y=y("low"), y2="high:Q")
        )
        edge = float(band.high.iloc[-1])
        words.append({"step": last, "value": edge, "text": band_name, "colour": p.soft})
    if low < 0 < high:
        zero = pd.DataFrame([{"value": 0.0}])
        layers.append(alt.Chart(zero).mark_rule(color=p.faint, aria=False).encode(y=y("value")))
    if now is not None:
        at = pd.DataFrame([{"step": float(now)}])
        layers.append(
            alt.Chart(at)
            .mark_rule(color=p.accent, opacity=0.55, strokeWidth=1, aria=False)
            .encode(x=x)
        )
    for b in branches:
        dash = dashes.get(b, [1, 0])
        if len(keep) > 1 and len(keep[1][keep[1].branch == b]):
            thin = alt.Chart(keep[1][keep[1].branch == b][["step", "value"]])
            layers.append(
                thin.mark_line(color=p.soft, strokeWidth=1, strokeDash=dash, opacity=0.6).encode(
                    x=x, y=y("value")
                )
            )
        own = where(main, main.branch == b)[["branch", "step", "value", "low", "high"]]
        if own.empty:
            continue
        base = alt.Chart(own)
        layers.append(
            base.mark_area(color=p.ink, opacity=0.1, aria=False).encode(
                x=x, y=y("low"), y2="high:Q"
            )
        )
        layers.append(
            base.mark_line(color=p.ink, strokeWidth=1.6, strokeDash=dash).encode(x=x, y=y("value"))
        )
        tips = [
            alt.Tooltip("branch:N", title="Branch"),
            alt.Tooltip("step:Q", title="Step"),
            alt.Tooltip("value:Q", title="Value", format=".1%" if percent else ".3g"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%" if percent else ".3g"),
            alt.Tooltip("high:Q", title="to", format=".1%" if percent else ".3g"),
        ]
        here = base.transform_filter(f"datum.step <= {now}") if now is not None else base
        mark = {"shape": marks.get(b, "circle"), "filled": True, "size": 52, "opacity": 1}
        layers.append(
            base.mark_point(**mark, fill=p.paper, stroke=p.ink, strokeWidth=1.2).encode(
                x=x, y=y("value"), tooltip=tips
            )
        )
        layers.append(
            here.mark_point(**mark, color=p.accent).encode(x=x, y=y("value"), tooltip=tips)
        )
        end = own.iloc[-1]
        words.append(
            {"step": float(end.step), "value": float(end.value), "text": b, "colour": p.ink}
        )
    if words:
        layers.append(end_words(words, low, high, size[1], last, x, y))
    return finish(alt.layer(*layers), p, size[1], size[0])


LEAD, MOVED = 14, 4
"""Pixels: from the end of a line to its word, and how far a word moves before it needs a lead."""


def end_words(
    words: Sequence[Mapping[str, Any]],
    low: float,
    high: float,
    height: int,
    last: float,
    x: Any,
    y: Any,
    field: str = "step",
) -> Any:
    """The words at the ends of the lines, in one column, moved apart where they would collide; a
    hairline leads back from a word that had to move.

    `words`: value, text, colour; they stand right of `last` on the field of the x axis.
    """
    per_unit = (height - 22) / (high - low)
    wanted = [w["value"] * per_unit for w in words]
    placed = spread(wanted, 12.5, low * per_unit + 4, high * per_unit - 4)
    rows = [
        {**w, "end": w["value"], "value": v / per_unit, field: last, "led": abs(v - at) > MOVED}
        for w, v, at in zip(words, placed, wanted, strict=True)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=x, y=y("value"), color=alt.Color("colour:N", scale=None)
    )
    leads = base.transform_filter("datum.led").mark_rule(
        strokeWidth=0.8, opacity=0.45, xOffset=LEAD, x2Offset=5, aria=False
    )
    said = base.mark_text(align="left", dx=LEAD + 3, fontSize=11.5, aria=False)
    return alt.layer(leads.encode(x2=field, y2="end"), said.encode(text="text:N"))
