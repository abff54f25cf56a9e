"""Charts of claims with a quantity on both axes: lines by seed, and pairs against equality."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.claim_marks import (
    DASH,
    OBSERVER,
    diamonds,
    drawable,
    reach,
    seed_shapes,
    series_colours,
    tips,
)
from psm_viz.charts.dot_chart import LETTER
from psm_viz.charts.frames import where
from psm_viz.charts.palette import BRANCH_DASHES, SHAPES, Palette, finish
from psm_viz.charts.step_chart import end_words
from psm_viz.claims.verdict import Picture

LINES_HEIGHT, PAIRS_SIDE = 280, 340


def _unit_axis(unit: str) -> alt.Axis:
    """A y axis whose unit stands above it, to be read without turning one's head."""
    return alt.Axis(
        title=unit or None,
        titleAngle=0,
        titleAlign="left",
        titleAnchor="end",
        titleX=-34,
        titleY=-12,
        titleBaseline="bottom",
        tickCount=4,
        minExtent=34,
        maxExtent=34,
        format="~r",
        domain=False,
        ticks=False,
    )


def line_picture(
    picture: Picture, p: Palette, rule_name: str, width: int | None, nominal: int
) -> Any:
    """A value along x: thin lines are seeds, thick ones means, diamonds the ideal observer."""
    rows = drawable(picture).sort_values("x", kind="stable")
    series = list(dict.fromkeys(d.series or d.group for d in picture.dots))
    colours = series_colours(series, p)
    low, high = reach([*rows.value, *([] if picture.rule is None else [picture.rule])], 0.07)
    first, last = (float(rows.x.min()), float(rows.x.max())) if len(rows) else (0.0, 1.0)
    longest = max(
        len(n) for n in [*series, rule_name if picture.rule is not None else "", OBSERVER]
    )
    share = min((16 + LETTER * longest) / max((width or nominal) - 50, 160), 0.5)
    span = (last - first) or 1.0
    ends = [first - 0.03 * span, last + span * share / (1 - share)]
    values = sorted({float(v) for v in rows.x})
    x_axis = alt.Axis(
        title=picture.x_title or None,
        values=values if len(values) <= 8 else values[:: -(-len(values) // 8)],
        ticks=False,
        titleAnchor="start",
        labelExpr="format(datum.value, '~g')",
        labelOverlap=True,
    )
    x = alt.X("x:Q", scale=alt.Scale(domain=ends, nice=False, zero=False), axis=x_axis)
    y_scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    y = alt.Y("value:Q", scale=y_scale, axis=_unit_axis(picture.unit))
    layers: list[Any] = []
    ended: list[dict[str, Any]] = []
    if picture.rule is not None:
        at = alt.Chart(pd.DataFrame([{"value": picture.rule}]))
        rule = at.mark_rule(color=p.soft, strokeWidth=1.3, strokeDash=DASH, aria=False)
        layers.append(rule.encode(y=y))
        word = alt.Chart(pd.DataFrame([{"x": ends[1], "value": picture.rule, "text": rule_name}]))
        word = word.mark_text(align="right", dy=-7, fontSize=11, color=p.soft, aria=False)
        layers.append(word.encode(x=x, y=y, text="text:N"))
    named = [("series:N", "series"), ("who:N", "run"), ("x:Q", picture.x_title or "x")]
    tooltip = tips(named, picture.unit)
    for n, name in enumerate(series):
        own = where(rows, (rows.series == name) & rows.seed.notna())
        if own.empty:
            continue
        colour, dash = colours[name], BRANCH_DASHES[n % len(BRANCH_DASHES)]
        thin = alt.Chart(own).mark_line(color=colour, strokeWidth=1, opacity=0.5, aria=False)
        layers.append(thin.encode(x=x, y=y, detail="who:N"))
        mean = own.groupby("x", as_index=False)["value"].mean()
        thick = alt.Chart(mean).mark_line(
            color=colour, strokeWidth=2.6, strokeDash=dash, aria=False
        )
        layers.append(thick.encode(x=x, y=y))
        mark: dict[str, Any] = {"shape": SHAPES[n % len(SHAPES)], "filled": True, "size": 30}
        points = alt.Chart(own).mark_point(**mark, color=colour, opacity=0.85)
        layers.append(points.encode(x=x, y=y, tooltip=tooltip))
        ended.append(
            {"value": float(mean["value"].iloc[-1]), "text": name or "mean", "colour": colour}
        )
    exact = where(rows, rows.seed.isna())
    if len(exact):
        dotted = alt.Chart(exact).mark_line(
            color=p.soft, strokeWidth=1.2, strokeDash=[1, 3], aria=False
        )
        layers.append(dotted.encode(x=x, y=y, detail="series:N"))
        layers.append(diamonds(exact, p, x, y, tooltip))
        ended.append({"value": float(exact.value.iloc[-1]), "text": OBSERVER, "colour": p.soft})
    if ended:
        x_words, y_words = x, lambda _: y
        layers.append(
            end_words(ended, low, high, LINES_HEIGHT - 52, last, x_words, y_words, field="x")
        )
    return finish(alt.layer(*layers), p, LINES_HEIGHT, width)


def pair_picture(picture: Picture, p: Palette) -> Any:
    """Value against x, both on one scale, with the line on which they are equal."""
    rows = drawable(picture)
    series = list(dict.fromkeys(d.series for d in picture.dots))
    colours = series_colours(series, p)
    low, high = reach([*rows.value, *rows.x])
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    x_axis = alt.Axis(
        title=picture.x_title or None,
        titleAnchor="start",
        ticks=False,
        tickCount=4,
        format="~r",
        domain=False,
    )
    x = alt.X("x:Q", scale=scale, axis=x_axis)
    y = alt.Y("value:Q", scale=scale, axis=_unit_axis(picture.unit))
    equal = alt.Chart(pd.DataFrame([{"x": v, "value": v} for v in (low, high)]))
    layers: list[Any] = [
        equal.mark_line(color=p.soft, strokeWidth=1.2, aria=False).encode(x=x, y=y),
        alt.Chart(pd.DataFrame([{"x": high, "value": high, "text": "equal"}]))
        .mark_text(align="right", dx=-16, dy=4, fontSize=11, color=p.soft, aria=False)
        .encode(x=x, y=y, text="text:N"),
    ]
    tooltip = tips(
        [("group:N", "what"), ("who:N", "run"), ("x:Q", picture.x_title or "x")], picture.unit
    )
    for who, shape in seed_shapes(rows).items():
        for name in series:
            own = where(rows, (rows.who == who) & (rows.series == name))
            if own.empty:
                continue
            mark: dict[str, Any] = {"shape": shape, "filled": True, "size": 50, "opacity": 0.85}
            points = alt.Chart(own).mark_point(
                **mark, fill=colours[name], stroke=p.paper, strokeWidth=0.7
            )
            layers.append(points.encode(x=x, y=y, tooltip=tooltip))
    exact = where(rows, rows.seed.isna())
    if len(exact):
        layers.append(diamonds(exact, p, x, y, tooltip))
    layers += _strays(rows, low, high, p, x, y)
    return finish(alt.layer(*layers), p, PAIRS_SIDE, PAIRS_SIDE + 40)


def _strays(rows: pd.DataFrame, low: float, high: float, p: Palette, x: Any, y: Any) -> list[Any]:
    """The names of the three groups farthest from equality, at their means."""
    means = rows.groupby("group", as_index=False)[["x", "value"]].mean()
    means["off"] = (means["value"] - means.x).abs()
    far = means[means.off > 0.08 * (high - low)].nlargest(3, "off")
    out = []
    for left in (True, False):
        own = far[(far.x > (low + high) / 2) == left]
        if len(own):
            side = {"align": "right", "dx": -9} if left else {"align": "left", "dx": 9}
            words = alt.Chart(own).mark_text(**side, fontSize=11, color=p.soft, aria=False)
            out.append(words.encode(x=x, y=y, text="group:N"))
    return out
