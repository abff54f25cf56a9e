"""Small line charts over a plain axis: layers, sizes of a planted movement, steering strengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.dot_chart import Rule
from psm_viz.charts.frames import columns, where
from psm_viz.charts.palette import BRANCH_DASHES, BRANCH_MARKS, Palette, finish
from psm_viz.charts.step_chart import AXIS_WIDTH, end_words, value_axis

LETTER = 6.2


def line_chart(
    rows: pd.DataFrame,
    series: Sequence[str],
    p: Palette,
    bands: Sequence[tuple[str, pd.DataFrame]] = (),
    rule: Rule | None = None,
    percent: bool = False,
    x_title: str = "",
    domain: tuple[float, float] | None = None,
    ratios: bool = False,
    nominal: int = 400,
    size: tuple[int | None, int] = (None, 170),
) -> Any:
    """One line a series with its interval as tint and its name at its end.

    `rows`: series, x, value, low, high. `series` gives their order, and with it mark and dash.
    `bands`: (name, frame of x, low, high), grey behind. `ratios` spaces x by its ratios.
    `nominal` is the width in pixels that the words are laid out for where the page chooses it.
    """
    ends = [float(v) for c in ("value", "low", "high") for v in rows[c] if pd.notna(v)]
    ends += [float(v) for _, b in bands for c in ("low", "high") for v in b[c] if pd.notna(v)]
    low, high = domain or (min([*ends, 0.0]), max([*ends, 0.0]) or 1.0)
    pad = 0.05 * (high - low or 1.0)
    low, high = (low if low == 0 else low - pad), high + pad
    first, last = float(rows.x.min()), float(rows.x.max())
    names = [*series, *(n for n, _ in bands)]
    room = 14 + LETTER * max([len(n) for n in names] + [0])
    drawn = max((size[0] or nominal) - AXIS_WIDTH, 120)
    share = min(room / drawn, 0.55)
    if ratios:
        wide = (last / first) if last > first else 2.0
        ends_x = [first / wide**0.03, last * wide ** (share / (1 - share))]
    else:
        wide = (last - first) or 1.0
        ends_x = [first - 0.03 * wide, last + wide * share / (1 - share)]
    kind: dict[str, Any] = {"type": "log"} if ratios else {"zero": False}
    x_scale = alt.Scale(domain=ends_x, nice=False, **kind)
    values = sorted({float(v) for v in rows.x})
    x_axis = alt.Axis(
        title=x_title or None,
        values=values if len(values) <= 7 else values[:: -(-len(values) // 7)],
        labelExpr="format(datum.value, '~g')",
        ticks=False,
        titleAnchor="start",
        labelOverlap=True,
    )
    y_axis = value_axis(percent)
    x = alt.X("x:Q", scale=x_scale, axis=x_axis)
    y_scale = alt.Scale(domain=[low, high], nice=False, zero=False)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", scale=y_scale, axis=y_axis)

    layers: list[Any] = []
    ended: list[dict[str, Any]] = []
    for name, band in bands:
        own = columns(band, ["x", "low", "high"]).dropna().sort_values("x")
        if own.empty:
            continue
        layers.append(
            alt.Chart(own)
            .mark_area(color=p.band, clip=True, aria=False)
            .encode(x=x, y=y("low"), y2="high:Q")
        )
        edge = float(own.high.iloc[-1])
        ended.append({"value": edge, "text": name, "colour": p.soft})
    if rule is not None:
        at = pd.DataFrame([{"value": rule.at}])
        layers.append(
            alt.Chart(at).mark_rule(color=p.soft, strokeWidth=1, aria=False).encode(y=y("value"))
        )
        if rule.name:
            ended.append({"value": rule.at, "text": rule.name, "colour": p.soft})
    form = ".1%" if percent else ".3g"
    for n, name in enumerate(series):
        own = where(rows, rows.series == name).sort_values("x")
        if own.empty:
            continue
        base, ranges = alt.Chart(own), own.dropna(subset=["low", "high"])
        tips = [
            alt.Tooltip("series:N", title="What"),
            alt.Tooltip("x:Q", title=x_title or "At"),
            alt.Tooltip("value:Q", title="Value", format=form),
            alt.Tooltip("low:Q", title="95 % from", format=form),
            alt.Tooltip("high:Q", title="to", format=form),
        ]
        if len(ranges):
            layers.append(
                alt.Chart(ranges)
                .mark_area(color=p.ink, opacity=0.1, clip=True, aria=False)
                .encode(x=x, y=y("low"), y2="high:Q")
            )
        dash = BRANCH_DASHES[n % len(BRANCH_DASHES)]
        layers.append(
            base.mark_line(color=p.ink, strokeWidth=1.5, strokeDash=dash).encode(x=x, y=y("value"))
        )
        layers.append(
            base.mark_point(
                shape=BRANCH_MARKS[n % len(BRANCH_MARKS)],
                filled=True,
                size=42,
                opacity=1,
                color=p.ink,
            ).encode(x=x, y=y("value"), tooltip=tips)
        )
        ended.append({"value": float(own.value.iloc[-1]), "text": name, "colour": p.ink})
    if ended:
        layers.append(end_words(ended, low, high, size[1], last, x, y, field="x"))
    return finish(alt.layer(*layers), p, size[1], size[0])
