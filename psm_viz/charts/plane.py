"""The plane of a chart by values: its axes, words for the pointer, words at the ends of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.label_placement import spread
from psm_viz.charts.palette import Palette

AXIS_WIDTH = 44
"""Pixels kept for every y axis, so that charts under each other align."""
LEAD, MOVED = 14, 4
"""Pixels: from the end of a line to its word, and how far a word moves before it needs a lead."""
LINE = 12.5
"""Pixels from one word at the end of a line to the next."""


def linear(low: float, high: float) -> alt.Scale:
    """A scale between these ends, neither rounded nor drawn out to zero."""
    return alt.Scale(domain=[low, high], nice=False, zero=False)


@dataclass(frozen=True)
class Plane:
    """The axes that every layer of a chart is drawn on."""

    x_scale: alt.Scale
    x_axis: alt.Axis
    y_ends: tuple[float, float]
    """What stands at the foot and at the head of the y axis."""
    y_axis: alt.Axis

    def x(self, column: str) -> alt.X:
        """A column along x."""
        return alt.X(f"{column}:Q", scale=self.x_scale, axis=self.x_axis)

    def y(self, column: str) -> alt.Y:
        """A column along y."""
        return alt.Y(f"{column}:Q", scale=linear(*self.y_ends), axis=self.y_axis)


def padded(low: float, high: float, share: float) -> tuple[float, float]:
    """The ends with a share of their distance as room; a zero at the foot stays there."""
    pad = share * (high - low or 1.0)
    return (low if low == 0 else low - pad), high + pad


def roomy(first: float, last: float, share: float) -> tuple[float, float]:
    """A domain from a little before `first` that leaves a share of the width free after `last`."""
    span = (last - first) or 1.0
    return first - 0.03 * span, last + span * share / (1 - share)


def thinned(values: Sequence[float], most: int) -> list[float]:
    """The different values in order; every second, third, ... of them where they are too many."""
    own = sorted({float(v) for v in values})
    return own if len(own) <= most else own[:: -(-len(own) // most)]


def value_axis(percent: bool, title: str = "") -> alt.Axis:
    """A y axis of three quiet ticks; one without a title is as wide in every chart, so that charts
    align."""
    fixed: dict[str, Any] = {"minExtent": AXIS_WIDTH, "maxExtent": AXIS_WIDTH}
    return alt.Axis(
        title=title or None,
        tickCount=3,
        **({} if title else fixed),
        format=".0%" if percent else "~r",
        domain=False,
        ticks=False,
    )


def row_names(p: Palette) -> dict[str, Any]:
    """How an axis at the left sets the names of rows: dark, no line, no ticks."""
    quiet: dict[str, Any] = {"title": None, "domain": False, "ticks": False}
    return quiet | {
        "labelColor": p.ink,
        "labelFontSize": 12,
        "labelLimit": 220,
        "labelPadding": 8,
    }


def value_tip(column: str, title: str, percent: bool = False) -> Any:
    """What the pointer is told of a column of values."""
    return alt.Tooltip(f"{column}:Q", title=title, format=".1%" if percent else ".3g")


def interval_tips(percent: bool) -> list[Any]:
    """What the pointer is told of a value and its interval."""
    named = (("value", "Value"), ("low", "95 % from"), ("high", "to"))
    return [value_tip(column, title, percent) for column, title in named]


def end_words(
    words: Sequence[Mapping[str, Any]], plane: Plane, height: int, last: float, field: str
) -> Any:
    """The words at the ends of the lines, in one column, moved apart where they would collide; a
    hairline leads back from a word that had to move.

    `words`: value, text, colour; they stand right of `last`, a value of the x axis, which shows
    the column `field`. `height` is the figure's in pixels.
    """
    rows = end_rows(words, plane, height, last, field)
    return alt.layer(*end_layers(alt.Chart(pd.DataFrame(rows)), plane, field))


def end_rows(
    words: Sequence[Mapping[str, Any]], plane: Plane, height: int, last: float, field: str
) -> list[dict[str, Any]]:
    """Where `end_words` puts its words: value, and end, the value that a word stands for."""
    low, high = plane.y_ends
    per_unit = (height - 22) / (high - low)
    wanted = [w["value"] * per_unit for w in words]
    placed = spread(wanted, LINE, low * per_unit + 4, high * per_unit - 4)
    return [
        {**w, "end": w["value"], "value": v / per_unit, field: last, "led": abs(v - at) > MOVED}
        for w, v, at in zip(words, placed, wanted, strict=True)
    ]


def end_layers(words: Any, plane: Plane, field: str) -> list[Any]:
    """The hairlines and the words of a chart of `end_rows`."""
    base = words.encode(
        x=plane.x(field), y=plane.y("value"), color=alt.Color("colour:N", scale=None)
    )
    leads = base.transform_filter("datum.led").mark_rule(
        strokeWidth=0.8, opacity=0.45, xOffset=LEAD, x2Offset=5, aria=False
    )
    said = base.mark_text(align="left", dx=LEAD + 3, fontSize=11.5, aria=False)
    return [leads.encode(x2=field, y2="end"), said.encode(text="text:N")]
