"""Charts of claims whose groups stand under each other: a lane a series, a mark a seed, the bar."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.claim_marks import (
    DASH,
    NOMINAL,
    OBSERVER,
    diamonds,
    drawable,
    literal,
    named_marks,
    reach,
    series_colours,
    tips,
)
from psm_viz.charts.frames import each, where
from psm_viz.charts.label_placement import LETTER
from psm_viz.charts.palette import SHAPES, Palette, finish
from psm_viz.charts.plane import Plane, linear, row_names, value_tip
from psm_viz.charts.sentences import SAID, measure, sentence
from psm_viz.claims.verdict import Picture

SEED_GAP, LANE, OBSERVER_LANE, GROUP_GAP, HEAD = 7, 16, 16, 10, 18
"""Pixels: between seeds, of a lane besides its seeds, of an observer, between groups, above all."""
MANY, CLOSE = 2, 0.55
"""With more series than this in a group, seeds and lanes stand so much closer."""
Bounds = Mapping[tuple[str, str], tuple[float, float]]
"""(group, series) -> 95 % interval of its mean."""


@dataclass(frozen=True)
class Lanes:
    """Where everything stands, in pixels from the top, so that nothing lies on anything else."""

    marks: pd.DataFrame
    """The rows of the picture with their `y`."""
    means: pd.DataFrame
    """A row a lane: group, series, mean, low, high, edge (its rightmost), y, top, bottom."""
    centres: dict[str, float]
    """The middle of each group."""
    height: int

    @property
    def held(self) -> pd.DataFrame:
        """The means that have an interval."""
        return self.means.dropna(subset=["low", "high"])

    @property
    def series(self) -> list[str]:
        """Names of the series in the picture's order; '' where it has only one."""
        return [str(n) for n in dict.fromkeys(self.marks.series)]

    @property
    def exact(self) -> pd.DataFrame:
        """The marks of the ideal observer."""
        return where(self.marks, self.marks.seed.isna())


def lanes_of(rows: pd.DataFrame, bounds: Bounds) -> Lanes:
    """Lay out the rows of a picture: groups below each other, in each a lane for each series."""
    place: dict[Any, float] = {}
    means: list[dict[str, Any]] = []
    centres: dict[str, float] = {}
    top = float(HEAD)
    close = CLOSE if rows.series.nunique() > MANY else 1.0
    gap, lane_height = close * SEED_GAP, close * LANE
    for group in map(str, dict.fromkeys(rows.group)):
        start = top
        for name in map(str, dict.fromkeys(rows.series)):
            own = where(rows, (rows.group == group) & (rows.series == name))
            seeds = where(own, own.seed.notna()).sort_values("seed")
            if len(seeds):
                high = lane_height + gap * (len(seeds) - 1)
                place |= {at: top + lane_height / 2 + n * gap for n, at in enumerate(seeds.index)}
                low, up = bounds.get((group, name), (float("nan"), float("nan")))
                edge = max([float(seeds.value.max()), *([up] if up == up else [])])
                lane = {"group": group, "series": name, "mean": float(seeds.value.mean())}
                lane |= {"low": low, "high": up, "edge": edge, "y": top + high / 2}
                means.append(lane | {"top": top + 1, "bottom": top + high - 1})
                top += high
            exact = own.index[own.seed.isna()]
            place |= {at: top + OBSERVER_LANE / 2 for at in exact}
            top += OBSERVER_LANE if len(exact) else 0
        centres[group] = round((start + top) / 2, 2)
        top += GROUP_GAP
    columns = ["group", "series", "mean", "low", "high", "edge", "y", "top", "bottom"]
    marks = rows.assign(y=[place[i] for i in rows.index])
    return Lanes(marks, pd.DataFrame(means, columns=columns), centres, int(top))


def dot_picture(
    picture: Picture,
    p: Palette,
    bounds: Bounds,
    own: Collection[tuple[str, str]],
    rule_name: str,
    width: int | None,
) -> Any:
    """Seeds one below the other, with mean, interval and bar; groups in `own` in the accent."""
    lanes = _coloured(lanes_of(drawable(picture), bounds), own, p)
    labels = min(14 + LETTER * max(map(len, lanes.centres), default=0), 220)
    inner = max((width or NOMINAL) - labels, 160)
    low, high = _value_ends(lanes, picture, inner)
    plane = _plane(lanes, (low, high), picture.unit, p)
    layers: list[Any] = []
    if picture.rule is not None:
        free = (high - picture.rule) / (high - low) * inner
        layers += _bar(picture.rule, rule_name, free, plane, p)
    layers += [
        *_means(lanes, picture.unit, plane),
        *_seeds(lanes, picture.unit, plane, p),
        *_observers(lanes, picture.unit, plane, p),
        *_series_names(lanes, plane),
    ]
    return finish(alt.layer(*layers), p, lanes.height + (38 if picture.unit else 20), width)


def _coloured(lanes: Lanes, own: Collection[tuple[str, str]], p: Palette) -> Lanes:
    """The lanes with the colour of their series, or the accent."""
    hues = series_colours(lanes.series, p)

    def coloured(frame: pd.DataFrame) -> pd.DataFrame:
        keys = zip(frame.group, frame.series, strict=True)
        return frame.assign(colour=[p.accent if k in own else hues[k[1]] for k in keys])

    return Lanes(coloured(lanes.marks), coloured(lanes.means), lanes.centres, lanes.height)


def _value_ends(lanes: Lanes, picture: Picture, inner: float) -> tuple[float, float]:
    """The ends of the values. Words stand at the right of their lane and need room of their own."""
    values = [*lanes.marks.value, *lanes.held.high]
    rule = [] if picture.rule is None else [picture.rule]
    low, high = reach([*values, *lanes.held.low, *rule])
    words = [n for n in lanes.series if n] if len(lanes.series) > 1 else []
    words += [OBSERVER] if len(lanes.exact) else []
    room = 18 + LETTER * max(map(len, words), default=0)
    if words and inner > 2 * room:
        most = max(values, default=high)
        high = max(high, low + (most - low) * inner / (inner - room))
    return low, high


def _plane(lanes: Lanes, ends: tuple[float, float], unit: str, p: Palette) -> Plane:
    """Values along x; down y the pixels of the lanes, the groups named at their middle."""
    x_axis = alt.Axis(
        title=unit or None,
        titleAnchor="start",
        ticks=False,
        tickCount=6,
        domain=False,
        format="~r",
    )
    names, spots = list(lanes.centres), list(lanes.centres.values())
    name_at = f"{json.dumps(names)}[indexof({json.dumps(spots)}, datum.value)]"
    y_axis = alt.Axis(values=spots, labelExpr=name_at, labelOverlap=False, **row_names(p))
    return Plane(linear(*ends), x_axis, (lanes.height, 0), y_axis)


def _bar(at: float, name: str, free: float, plane: Plane, p: Palette) -> list[Any]:
    """The dashed bar and its words, at its right where so many pixels are `free` there."""
    right = free > LETTER * len(name) + 10
    side = {"align": "left", "dx": 5} if right else {"align": "right", "dx": -5}
    place = alt.Chart(pd.DataFrame([{"at": at, "text": name}]))
    dashed = place.mark_rule(color=p.soft, strokeWidth=1.3, strokeDash=DASH, aria=False)
    named = place.mark_text(**side, fontSize=11, color=p.soft, aria=False)
    return [
        dashed.encode(x=plane.x("at")),
        named.encode(x=plane.x("at"), y=alt.value(6), text="text:N"),
    ]


def _means(lanes: Lanes, unit: str, plane: Plane) -> list[Any]:
    """The mean of each lane, over its interval where it has one."""
    layers: list[Any] = []
    told = [value_tip("mean", "mean over seeds")]
    if len(lanes.held):
        bars = alt.Chart(lanes.held).mark_rule(strokeWidth=8, opacity=0.22, aria=False)
        layers.append(
            bars.encode(x=plane.x("low"), x2="high:Q", y=plane.y("y"), color=literal("colour"))
        )
        told += [value_tip("low", "95 % from"), value_tip("high", "to")]
    said = [
        sentence(
            f"{', '.join(filter(None, (r.group, r.series)))}, mean over seeds",
            measure(r, unit=unit),
        )
        for r in each(lanes.means.assign(value=lanes.means["mean"]))
    ]
    strokes = alt.Chart(lanes.means.assign(said=said)).mark_rule(strokeWidth=2)
    layers.append(
        strokes.encode(
            x=plane.x("mean"),
            y=plane.y("top"),
            y2="bottom:Q",
            color=literal("colour"),
            tooltip=told,
            description=SAID,
        )
    )
    return layers


def _tips(unit: str) -> list[Any]:
    return tips([("group:N", "what"), ("series:N", "series"), ("who:N", "run")], unit)


def _seeds(lanes: Lanes, unit: str, plane: Plane, p: Palette) -> list[Any]:
    """A mark a seed, its shape that of its series."""
    layers = []
    for n, name in enumerate(lanes.series):
        mine = where(lanes.marks, (lanes.marks.series == name) & lanes.marks.seed.notna())
        mark: dict[str, Any] = {"shape": SHAPES[n % len(SHAPES)], "filled": True, "size": 54}
        mark |= {"stroke": p.paper, "strokeWidth": 0.8, "opacity": 1}
        if len(mine):
            points = alt.Chart(named_marks(mine, unit)).mark_point(**mark)
            fill = alt.Fill("colour:N", scale=None)
            by = {"x": plane.x("value"), "y": plane.y("y"), "fill": fill}
            layers.append(points.encode(**by, tooltip=_tips(unit), description=SAID))
    return layers


def _observers(lanes: Lanes, unit: str, plane: Plane, p: Palette) -> list[Any]:
    """The ideal observer's marks. One is named: of the first group, that with room at its right."""
    exact = lanes.exact
    if exact.empty:
        return []
    x, y = plane.x("value"), plane.y("y")
    first = where(exact, exact.group == exact.group.iloc[0]).nlargest(1, "value")
    word = alt.Chart(first.assign(text=OBSERVER)).mark_text(
        align="left", dx=10, fontSize=11, color=p.soft, aria=False
    )
    return [
        diamonds(named_marks(exact, unit), p, x, y, _tips(unit)),
        word.encode(x=x, y=y, text="text:N"),
    ]


def _series_names(lanes: Lanes, plane: Plane) -> list[Any]:
    """The name of each series, right of its first lane."""
    if len(lanes.series) < 2:
        return []
    word = alt.Chart(lanes.means.drop_duplicates("series")).mark_text(
        align="left", dx=9, fontSize=11.5, aria=False
    )
    colour = literal("colour")
    return [word.encode(x=plane.x("edge"), y=plane.y("y"), text="series:N", color=colour)]
