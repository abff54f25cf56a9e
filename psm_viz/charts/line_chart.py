"""Small line charts over a plain axis: layers, sizes of a planted movement, steering strengths;
alone, or several of one form beside and under each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.dot_chart import Rule
from psm_viz.charts.frames import columns, each
from psm_viz.charts.label_placement import LETTER
from psm_viz.charts.palette import BRANCH_DASHES, BRANCH_MARKS, Palette, finish
from psm_viz.charts.plane import (
    AXIS_WIDTH,
    Plane,
    end_layers,
    end_rows,
    end_words,
    interval_tips,
    linear,
    padded,
    roomy,
    thinned,
    value_axis,
)
from psm_viz.charts.sentences import SAID, measure, sentence


@dataclass(frozen=True)
class LineLook:
    """What a line chart shows around its lines, and how."""

    bands: Sequence[tuple[str, pd.DataFrame]] = ()
    """(name, frame of x, low, high): grey behind the lines, named at the right."""
    rule: Rule | None = None
    """A level to compare with."""
    percent: bool = False
    x_title: str = ""
    domain: tuple[float, float] | None = None
    """The ends of the values; None: as far as they and their intervals reach, with zero."""
    ratios: bool = False
    """Whether x is spaced by its ratios."""
    nominal: int = 400
    """The width in pixels that the words are laid out for where the page chooses it."""


PLAIN = LineLook()
FOOT, BESIDE = 40, 22
"""Pixels: under the lines of a panel, for its axis; between two panels."""


def line_chart(
    rows: pd.DataFrame,
    p: Palette,
    look: LineLook = PLAIN,
    size: tuple[int | None, int] = (None, 170),
) -> Any:
    """One line a series with its interval as tint and its name at its end.

    `rows`: series, x, value, low, high. The order of the series gives each its mark and dash.
    """
    series = [str(n) for n in dict.fromkeys(rows.series)]
    plane = _plane(rows, series, size[0] or look.nominal, look)
    layers: list[Any] = []
    words: list[dict[str, Any]] = []
    for name, band in look.bands:
        own = columns(band, ["x", "low", "high"]).dropna().sort_values("x")
        if own.empty:
            continue
        grey = alt.Chart(own).mark_area(color=p.band, clip=True, aria=False)
        layers.append(grey.encode(x=plane.x("x"), y=plane.y("low"), y2="high:Q"))
        words.append({"value": float(own.high.iloc[-1]), "text": name, "colour": p.soft})
    if look.rule is not None and look.rule.name:
        words.append({"value": look.rule.at, "text": look.rule.name, "colour": p.soft})
    layers += _lines(alt.Chart(rows.assign(said=_said(rows, look))), series, plane, p, look)
    words += _ends(rows, p)
    if words:
        layers.append(end_words(words, plane, size[1], float(rows.x.max()), "x"))
    return finish(alt.layer(*layers), p, size[1], size[0])


def line_panels(
    panels: Mapping[str, pd.DataFrame],
    p: Palette,
    look: LineLook,
    size: tuple[int, int],
    abreast: int,
) -> Any:
    """Line charts under their names on the same axes, so many beside each other; `size`: the width
    of all, and the height of one. They are one form for all panels, which a browser reads once."""
    width = (size[0] - AXIS_WIDTH - (abreast - 1) * BESIDE) // abreast
    every = pd.concat([rows.assign(panel=name) for name, rows in panels.items()])
    series = [str(n) for n in dict.fromkeys(every.series)]
    plane, words = _plane(every, series, width + AXIS_WIDTH, look), []
    for name, rows in panels.items():
        found = end_rows(_ends(rows, p), plane, size[1], float(rows.x.max()), "x")
        words += [{**one, "panel": name} for one in found]
    table = pd.concat([every.assign(said=_said(every, look)), pd.DataFrame(words)])
    layers = _lines(alt.Chart().transform_filter("datum.text == null"), series, plane, p, look)
    layers += end_layers(alt.Chart().transform_filter("datum.text != null"), plane, "x")
    one = alt.layer(*layers, data=table)
    one.width, one.height = width, size[1] - FOOT
    header = alt.Header(
        title=None, labelAnchor="start", labelFontSize=12, labelColor=p.soft, labelPadding=4
    )
    told = alt.Facet("panel:N", sort=list(panels), header=header)
    return finish(one.facet(told, columns=abreast, spacing=BESIDE), p, None)


def _ends(rows: pd.DataFrame, p: Palette) -> list[dict[str, Any]]:
    """The name of every series where its line ends."""
    last = rows.sort_values("x").groupby("series", sort=False).value.last()
    return [{"value": float(v), "text": str(n), "colour": p.ink} for n, v in last.items()]


def _lines(over: Any, series: Sequence[str], plane: Plane, p: Palette, look: LineLook) -> list[Any]:
    """The level, the intervals, the lines and the marks of every series, `over` a chart of rows."""
    shapes, dashes = (
        alt.Scale(domain=series, range=[some[n % len(some)] for n in range(len(series))])
        for some in (BRANCH_MARKS, BRANCH_DASHES)
    )
    layers: list[Any] = []
    if look.rule is not None:
        layers.append(_level(look.rule, plane, p))
    y, base = plane.y("value"), over.encode(x=plane.x("x"))
    known = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    tint = known.mark_area(color=p.ink, opacity=0.1, clip=True, aria=False)
    line = base.mark_line(color=p.ink, strokeWidth=1.5, aria=False)
    dash = alt.StrokeDash("series:N", scale=dashes, legend=None)
    shape = alt.Shape("series:N", scale=shapes, legend=None)
    points = base.mark_point(filled=True, size=42, opacity=1, color=p.ink)
    named = points.encode(y=y, shape=shape, tooltip=_tips(look), description=SAID)
    tinted = tint.encode(y=plane.y("low"), y2="high:Q", detail="series:N")
    return [*layers, tinted, line.encode(y=y, strokeDash=dash), named]


def _level(rule: Rule, plane: Plane, p: Palette) -> Any:
    """A level to compare with, across the figure."""
    level = alt.Chart(pd.DataFrame([{"value": rule.at}]))
    return level.mark_rule(color=p.soft, strokeWidth=1, aria=False).encode(y=plane.y("value"))


def _plane(rows: pd.DataFrame, series: Sequence[str], width: int, look: LineLook) -> Plane:
    """Both axes, with room at the right for the longest word at the end of a line."""
    names = [*series, *(n for n, _ in look.bands)]
    room = 14 + LETTER * max([len(n) for n in names] + [0])
    share = min(room / max(width - AXIS_WIDTH, 120), 0.55)
    first, last = float(rows.x.min()), float(rows.x.max())
    if look.ratios:
        wide = (last / first) if last > first else 2.0
        ends = [first / wide**0.07, last * wide ** (share / (1 - share))]
        x_scale = alt.Scale(domain=ends, nice=False, type="log")
    else:
        x_scale = linear(*roomy(first, last, share))
    x_axis = alt.Axis(
        title=look.x_title or None,
        values=thinned(list(rows.x), 7),
        labelExpr="format(datum.value, '~g')",
        ticks=False,
        titleAnchor="start",
        labelOverlap=True,
    )
    return Plane(x_scale, x_axis, _value_ends(rows, look), value_axis(look.percent))


def _value_ends(rows: pd.DataFrame, look: LineLook) -> tuple[float, float]:
    ends = [float(v) for c in ("value", "low", "high") for v in rows[c] if pd.notna(v)]
    ends += [float(v) for _, b in look.bands for c in ("low", "high") for v in b[c] if pd.notna(v)]
    low, high = look.domain or (min([*ends, 0.0]), max([*ends, 0.0]) or 1.0)
    return padded(low, high, 0.05)


def _said(rows: pd.DataFrame, look: LineLook) -> list[str]:
    """A sentence a row, with the name of its panel where it stands in one."""
    at = look.x_title or "at"
    names = [f"{name}, " for name in rows.panel] if "panel" in rows else [""] * len(rows)
    return [
        sentence(f"{name}{r.series}, {at} {r.x:g}", measure(r, look.percent))
        for name, r in zip(names, each(rows), strict=True)
    ]


def _tips(look: LineLook) -> list[Any]:
    """What the pointer is told of a mark."""
    return [
        alt.Tooltip("series:N", title="What"),
        alt.Tooltip("x:Q", title=look.x_title or "At"),
        *interval_tips(look.percent),
    ]
