"""Charts of claims with a quantity on both axes: lines by seed, and pairs against equality."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.claim_marks import (
    DASH,
    NOMINAL,
    OBSERVER,
    diamonds,
    drawable,
    named_marks,
    reach,
    seed_shapes,
    series_colours,
    tips,
)
from psm_viz.charts.frames import where
from psm_viz.charts.label_placement import LETTER
from psm_viz.charts.palette import BRANCH_DASHES, SHAPES, Palette, finish
from psm_viz.charts.plane import Plane, end_words, linear, roomy, thinned
from psm_viz.charts.sentences import SAID
from psm_viz.claims.verdict import Picture

LINES_HEIGHT, PAIRS_SIDE = 280, 340
BESIDE = 40
"""Pixels of a square's width that its axis takes."""


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


# -- lines --------------------------------------------------------------------------------------


def line_picture(picture: Picture, p: Palette, rule_name: str, width: int | None) -> Any:
    """A value along x: thin lines are seeds, thick ones means, diamonds the ideal observer."""
    rows = drawable(picture).sort_values("x", kind="stable")
    rows = named_marks(rows, picture.unit, picture.x_title or "x")
    series = list(dict.fromkeys(d.series or d.group for d in picture.dots))
    colours = series_colours(series, p)
    first, last = (float(rows.x.min()), float(rows.x.max())) if len(rows) else (0.0, 1.0)
    named = [*series, rule_name if picture.rule is not None else "", OBSERVER]
    room = 16 + LETTER * max(map(len, named))
    share = min(room / max((width or NOMINAL) - 50, 160), 0.5)
    ends = roomy(first, last, share)
    plane = _line_plane(picture, rows, ends)
    layers = [] if picture.rule is None else _level(picture.rule, rule_name, ends[1], plane, p)
    ended: list[dict[str, Any]] = []
    told = [("series:N", "series"), ("who:N", "run"), ("x:Q", picture.x_title or "x")]
    tooltip = tips(told, picture.unit)
    for n, name in enumerate(series):
        own = where(rows, (rows.series == name) & rows.seed.notna())
        if own.empty:
            continue
        mean = own.groupby("x", as_index=False)["value"].mean()
        layers += _seed_lines(own, pd.DataFrame(mean), n, colours[name], plane, tooltip)
        end = float(mean["value"].iloc[-1])
        ended.append({"value": end, "text": name or "mean", "colour": colours[name]})
    exact = where(rows, rows.seed.isna())
    if len(exact):
        layers += _observer_lines(exact, plane, p, tooltip)
        ended.append({"value": float(exact.value.iloc[-1]), "text": OBSERVER, "colour": p.soft})
    if ended:
        layers.append(end_words(ended, plane, LINES_HEIGHT - 52, last, "x"))
    return finish(alt.layer(*layers), p, LINES_HEIGHT, width)


def _line_plane(picture: Picture, rows: pd.DataFrame, ends: tuple[float, float]) -> Plane:
    x_axis = alt.Axis(
        title=picture.x_title or None,
        values=thinned(list(rows.x), 8),
        ticks=False,
        titleAnchor="start",
        labelExpr="format(datum.value, '~g')",
        labelOverlap=True,
    )
    values = [*rows.value, *([] if picture.rule is None else [picture.rule])]
    return Plane(linear(*ends), x_axis, reach(values, 0.07), _unit_axis(picture.unit))


def _level(at: float, name: str, right: float, plane: Plane, p: Palette) -> list[Any]:
    """The dashed bar across, its words above its right end."""
    line = alt.Chart(pd.DataFrame([{"value": at}]))
    rule = line.mark_rule(color=p.soft, strokeWidth=1.3, strokeDash=DASH, aria=False)
    place = alt.Chart(pd.DataFrame([{"x": right, "value": at, "text": name}]))
    word = place.mark_text(align="right", dy=-7, fontSize=11, color=p.soft, aria=False)
    return [
        rule.encode(y=plane.y("value")),
        word.encode(x=plane.x("x"), y=plane.y("value"), text="text:N"),
    ]


def _seed_lines(
    rows: pd.DataFrame,
    mean: pd.DataFrame,
    n: int,
    colour: str,
    plane: Plane,
    tooltip: list[Any],
) -> list[Any]:
    """The `n`th series: a thin line a seed, their mean thick, a mark where one was measured."""
    x, y = plane.x("x"), plane.y("value")
    dash = BRANCH_DASHES[n % len(BRANCH_DASHES)]
    thin = alt.Chart(rows).mark_line(color=colour, strokeWidth=1, opacity=0.5, aria=False)
    thick = alt.Chart(mean).mark_line(color=colour, strokeWidth=2.6, strokeDash=dash, aria=False)
    mark: dict[str, Any] = {"shape": SHAPES[n % len(SHAPES)], "filled": True, "size": 30}
    points = alt.Chart(rows).mark_point(**mark, color=colour, opacity=0.85)
    return [
        thin.encode(x=x, y=y, detail="who:N"),
        thick.encode(x=x, y=y),
        points.encode(x=x, y=y, tooltip=tooltip, description=SAID),
    ]


def _observer_lines(exact: pd.DataFrame, plane: Plane, p: Palette, tooltip: list[Any]) -> list[Any]:
    """The ideal observer: diamonds on a dotted line."""
    x, y = plane.x("x"), plane.y("value")
    line = alt.Chart(exact).mark_line(color=p.soft, strokeWidth=1.2, strokeDash=[1, 3], aria=False)
    return [line.encode(x=x, y=y, detail="series:N"), diamonds(exact, p, x, y, tooltip)]


# -- pairs --------------------------------------------------------------------------------------


def pair_picture(picture: Picture, p: Palette, width: int | None) -> Any:
    """Value against x, both on one scale, with the line on which they are equal: a square of its
    own size, smaller where `width` has no room for it."""
    rows = named_marks(drawable(picture), picture.unit, picture.x_title or "x")
    series = list(dict.fromkeys(d.series for d in picture.dots))
    low, high = reach([*rows.value, *rows.x])
    x_axis = alt.Axis(
        title=picture.x_title or None,
        titleAnchor="start",
        ticks=False,
        tickCount=4,
        format="~r",
        domain=False,
    )
    plane = Plane(linear(low, high), x_axis, (low, high), _unit_axis(picture.unit))
    tooltip = tips(
        [("group:N", "what"), ("who:N", "run"), ("x:Q", picture.x_title or "x")], picture.unit
    )
    layers = _equal(plane, p)
    layers += _seed_marks(rows, series_colours(series, p), plane, p, tooltip)
    exact = where(rows, rows.seed.isna())
    if len(exact):
        layers.append(diamonds(exact, p, plane.x("x"), plane.y("value"), tooltip))
    layers += _strays(rows, plane, p)
    side = min(PAIRS_SIDE, (width or PAIRS_SIDE + BESIDE) - BESIDE)
    return finish(alt.layer(*layers), p, side, side + BESIDE)


def _equal(plane: Plane, p: Palette) -> list[Any]:
    """The line on which both are equal, named at its end."""
    x, y, (low, high) = plane.x("x"), plane.y("value"), plane.y_ends
    line = alt.Chart(pd.DataFrame([{"x": v, "value": v} for v in (low, high)]))
    word = alt.Chart(pd.DataFrame([{"x": high, "value": high, "text": "equal"}])).mark_text(
        align="right", dx=-16, dy=4, fontSize=11, color=p.soft, aria=False
    )
    return [
        line.mark_line(color=p.soft, strokeWidth=1.2, aria=False).encode(x=x, y=y),
        word.encode(x=x, y=y, text="text:N"),
    ]


def _seed_marks(
    rows: pd.DataFrame, colours: dict[str, str], plane: Plane, p: Palette, tooltip: list[Any]
) -> list[Any]:
    """Shapes tell the seeds, colours the series."""
    layers = []
    for who, shape in seed_shapes(rows).items():
        for name, colour in colours.items():
            own = where(rows, (rows.who == who) & (rows.series == name))
            if own.empty:
                continue
            mark: dict[str, Any] = {"shape": shape, "filled": True, "size": 50, "opacity": 0.85}
            points = alt.Chart(own).mark_point(**mark, fill=colour, stroke=p.paper, strokeWidth=0.7)
            by = {"x": plane.x("x"), "y": plane.y("value")}
            layers.append(points.encode(**by, tooltip=tooltip, description=SAID))
    return layers


def _strays(rows: pd.DataFrame, plane: Plane, p: Palette) -> list[Any]:
    """The names of the three groups farthest from equality, at their means."""
    low, high = plane.y_ends
    means = rows.groupby("group", as_index=False)[["x", "value"]].mean()
    means["off"] = (means["value"] - means.x).abs()
    far = means[means.off > 0.08 * (high - low)].nlargest(3, "off")
    out = []
    for left in (True, False):
        own = far[(far.x > (low + high) / 2) == left]
        if len(own):
            side = {"align": "right", "dx": -9} if left else {"align": "left", "dx": 9}
            words = alt.Chart(own).mark_text(**side, fontSize=11, color=p.soft, aria=False)
            out.append(words.encode(x=plane.x("x"), y=plane.y("value"), text="group:N"))
    return out
