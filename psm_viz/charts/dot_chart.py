"""Rows of dots: a value with its interval, its own null behind it and words beside it.

One form for every comparison of a few named things. What is shown by a test is filled, what is
not is hollow, so that no colour carries it alone.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.label_placement import LETTER
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.plane import interval_tips, linear, padded, row_names, value_tip
from psm_viz.charts.sentences import SAID, amount, measure, sentence
from psm_viz.charts.typeface import width_of

ROW = 26
"""Height of a row in pixels."""
NOMINAL = 520
"""The width in pixels that the words are laid out for where the page chooses the width."""
TICK = 58
"""Pixels that a round value needs under the axis."""
BREAK = ": "
"""Where the label of a row may go on in a second line."""
NEAR_NAMES = 0.3
"""Share of the axis, from its left, at which no word has room before the names of rows."""
LONGEST = 36
"""Letters of a line of a label; what is longer takes a second."""
EDGE = 7
"""Pixels kept free at the left of the least value, so that its mark is whole."""
COLUMNS = {
    "low": math.nan,
    "high": math.nan,
    "null_low": math.nan,
    "null_high": math.nan,
    "tick": math.nan,
    "note": "",
    "mark": "circle",
    "filled": True,
    "quiet": False,
}
"""What a row may say besides `label` and `value`, and what it means not to say it."""


@dataclass(frozen=True)
class Rule:
    """A line to compare with, named where it has a name."""

    at: float
    name: str = ""


@dataclass(frozen=True)
class DotLook:
    """How rows of dots are drawn."""

    rules: Sequence[Rule] = (Rule(0.0),)
    percent: bool = False
    lanes: str = ""
    """A column whose values stand under each other inside a row."""
    tick_name: str = ""
    """What the upright strokes are (`tick`, a second value of the row): said once."""
    unit: str = ""
    """What the values are: written under them in a file, where no caption stands near."""
    accent: bool = True
    """False draws all in ink: what is not about the Assistant."""
    nominal: int = NOMINAL
    """For how many pixels the words are laid out where the page chooses the width."""


PLAIN = DotLook()


def height_of(rows: pd.DataFrame, row: int = ROW) -> int:
    """The height that rows of dots need."""
    return 40 + row * rows.label.nunique()


def full(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with every column that a dot chart reads."""
    return rows.assign(**{c: v for c, v in COLUMNS.items() if c not in rows})


@dataclass(frozen=True)
class _Rows:
    """Where the layers of a chart stand: values along x, a row a label."""

    scale: alt.Scale
    axis: alt.Axis
    y: alt.Y
    lane: Mapping[str, Any]
    """The channel that moves a mark to its lane, where rows have lanes."""

    def x(self, column: str) -> alt.X:
        return alt.X(f"{column}:Q", scale=self.scale, axis=self.axis)


def dot_chart(
    rows: pd.DataFrame,
    p: Palette,
    look: DotLook = PLAIN,
    size: tuple[int | None, int] = (None, 160),
) -> Any:
    """One row a `label` in the order given: its null, its interval, its mark, its note.

    `quiet` rows are controls, in ink.
    """
    rows = columns(full(rows), ["label", "value", *COLUMNS, *filter(None, [look.lanes])])
    low, high = _domain(rows, look.rules)
    at = _laid_out(rows, (low, high), p, look, size[0])
    layers = _nulls(rows, at, p)
    for rule in look.rules:
        layers += _rule(rule, at, p)
    for quiet, group in rows.groupby("quiet"):
        colour = p.ink if quiet or not look.accent else p.accent
        layers += _intervals(group, at, p) + _marks(group, at, p, colour, look)
    layers += _ticks(rows, at, p, look, (low, high))
    layers += _notes(rows, at, p, high)
    return finish(alt.layer(*layers), p, size[1], size[0])


def _laid_out(
    rows: pd.DataFrame, ends: tuple[float, float], p: Palette, look: DotLook, given: int | None
) -> _Rows:
    """Labels at the left, the values over the rest of the width; `given` is that of a drawing,
    where labels break after a colon that would take too much of it."""
    width, names = given or look.nominal, [str(n) for n in rows.label]
    broken = given is not None and 12 * max(map(width_of, names), default=0) > 0.4 * given
    said = {n: _label_lines(n, broken) for n in names}
    label = 10 + 12 * max((width_of(line) for own in said.values() for line in own), default=0)
    lines: dict[str, Any] = {}
    if any(len(own) > 1 for own in said.values()):
        told = json.dumps(said, ensure_ascii=False)
        # two lines are set about the middle of their row
        two = {"test": f"{told}[datum.label].length > 1", "value": -5}
        lines = {"labelExpr": f"{told}[datum.label]", "labelLineHeight": 12}
        lines["labelOffset"] = {"condition": two, "value": 0}
    drawn = max(width - label, 120)
    side = alt.Axis(minExtent=label, maxExtent=label, **row_names(p), **lines)
    axis = alt.Axis(
        title=look.unit if given is not None and look.unit else None,
        values=_round_values(*ends, min(5, drawn // TICK)),
        format=".0%" if look.percent else "~r",
        domain=False,
        titleAnchor="start",
        ticks=False,
    )
    lane: dict[str, Any] = {}
    if look.lanes:
        order = list(dict.fromkeys(rows[look.lanes]))
        between = alt.Scale(paddingOuter=0.5) if len(order) > 1 else None
        lane["yOffset"] = alt.YOffset(f"{look.lanes}:N", sort=order, scale=between)
    y = alt.Y("label:N", sort=list(dict.fromkeys(rows.label)), axis=side)
    return _Rows(linear(*_stretched(rows, *ends, drawn)), axis, y, lane)


def _label_lines(name: str, broken: bool) -> list[str]:
    """A label in one line or two; what is longer still is cut."""
    parts = name.split(BREAK, 1) if broken else [name]
    if len(parts) == 1:
        parts = textwrap.wrap(name, LONGEST) or [name]
    if len(parts) > 2:
        parts = [parts[0], f"{parts[1][: LONGEST - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"]
    return parts


def _nulls(rows: pd.DataFrame, at: _Rows, p: Palette) -> list[Any]:
    """Each row's own null, behind everything."""
    own = rows.dropna(subset=["null_low", "null_high"])
    if own.empty:
        return []
    bars = alt.Chart(columns(own, ["label", "null_low", "null_high"])).mark_bar(
        height=alt.RelativeBandSize(0.72), color=p.band, clip=True, aria=False
    )
    return [bars.encode(x=at.x("null_low"), x2="null_high:Q", y=at.y)]


def _rule(rule: Rule, at: _Rows, p: Palette) -> list[Any]:
    """The line, and its name above the first row."""
    place = alt.Chart(pd.DataFrame([{"at": rule.at, "text": rule.name}]))
    line = place.mark_rule(color=p.soft, strokeWidth=1, aria=False).encode(x=at.x("at"))
    if not rule.name:
        return [line]
    word = place.mark_text(align="left", dx=4, fontSize=11, color=p.soft, aria=False)
    return [line, word.encode(x=at.x("at"), y=alt.value(3), text="text:N")]


def _intervals(rows: pd.DataFrame, at: _Rows, p: Palette) -> list[Any]:
    """The intervals of those that have one, pale where several stand in a row."""
    own = rows.dropna(subset=["low", "high"])
    if own.empty:
        return []
    rules = alt.Chart(own).mark_rule(
        color=p.ink,
        strokeWidth=1 if at.lane else 1.3,
        opacity=0.18 if at.lane else 1,
        clip=True,
        aria=False,
    )
    return [rules.encode(x=at.x("low"), x2="high:Q", y=at.y, **at.lane)]


def _said(rows: pd.DataFrame, look: DotLook) -> list[str]:
    """A sentence a row."""
    lanes = rows[look.lanes] if look.lanes else [""] * len(rows)
    return [
        sentence(
            f"{r.label}, {lane}" if lane else str(r.label),
            measure(r, look.percent, look.unit),
            "" if r.note == f"{r.value:.0%}" else r.note,
        )
        for r, lane in zip(each(rows), lanes, strict=True)
    ]


def _marks(rows: pd.DataFrame, at: _Rows, p: Palette, colour: str, look: DotLook) -> list[Any]:
    """The values: filled what is shown by a test, hollow what is not."""
    layers = []
    for (mark, filled), own in rows.groupby(["mark", "filled"]):
        # what the channels read, and no more: the browser is sent all of it
        seen = own.drop(columns=["mark", "filled", "quiet", "note", "null_low"])
        points = alt.Chart(seen.assign(said=_said(own, look))).mark_point(
            shape=str(mark),
            filled=True,
            size=34 if at.lane else 62,
            opacity=0.7 if at.lane and filled else 1,
            fill=colour if filled else p.paper,
            stroke=colour,
            strokeWidth=1.4,
        )
        tips = _tips(own, look.percent)
        layers.append(
            points.encode(x=at.x("value"), y=at.y, tooltip=tips, description=SAID, **at.lane)
        )
    return layers


def _ticks(
    rows: pd.DataFrame, at: _Rows, p: Palette, look: DotLook, ends: tuple[float, float]
) -> list[Any]:
    """The second values, named at the first of them, on the side where there is room."""
    own, name = rows.dropna(subset=["tick"]), look.tick_name
    if own.empty:
        return []
    said = [
        sentence(f"{r.label}, {name or 'upright stroke'}", amount(r.tick, look.percent))
        for r in each(own)
    ]
    strokes = alt.Chart(own.assign(said=said)).mark_tick(
        color=p.ink, thickness=2, size=15, opacity=1
    )
    layers = [strokes.encode(x=at.x("tick"), y=at.y, description=SAID)]
    if name:
        left = float(own.tick.iloc[0]) < ends[0] + NEAR_NAMES * (ends[1] - ends[0])
        word = alt.Chart(own.head(1).assign(text=name)).mark_text(
            **{"align": "left", "dx": 5} if left else {"align": "right", "dx": -5},
            **{"dy": -9, "fontSize": 10.5, "color": p.soft, "aria": False},
        )
        layers.append(word.encode(x=at.x("tick"), y=at.y, text="text:N"))
    return layers


def _notes(rows: pd.DataFrame, at: _Rows, p: Palette, high: float) -> list[Any]:
    """The words of the rows, right of everything that a row draws."""
    own = where(rows, rows.note != "")
    if own.empty:
        return []
    words = alt.Chart(own.assign(edge=_edges(own, high))).mark_text(
        align="left", dx=9, fontSize=11.5, color=p.soft, aria=False
    )
    return [words.encode(x=at.x("edge"), y=at.y, text="note:N", **at.lane)]


def _domain(rows: pd.DataFrame, rules: Sequence[Rule]) -> tuple[float, float]:
    names = ("value", "low", "high", "null_low", "null_high", "tick")
    ends = [float(v) for c in names for v in rows[c] if pd.notna(v)] + [r.at for r in rules]
    return padded(min([*ends, 0.0]), max([*ends, 0.0]), 0.04)


def _edges(rows: pd.DataFrame, high: float) -> pd.Series:
    """Where the words of a row begin: right of everything that the row draws."""
    return rows[["value", "high", "tick", "null_high"]].max(axis=1).fillna(0.0).clip(upper=high)


def _stretched(rows: pd.DataFrame, low: float, high: float, drawn: float) -> tuple[float, float]:
    """The domain of the drawn width: as much room at the right as the words of any row need."""
    per_unit = (drawn - EDGE - 8) / (high - low)
    for edge, note in zip(_edges(rows, high), rows.note, strict=True):
        if note and edge > low:
            room = drawn - EDGE - LETTER * len(note) - 12
            per_unit = min(per_unit, max(room, 0.35 * drawn) / (edge - low))
    return low - EDGE / per_unit, low + (drawn - EDGE) / per_unit


def _round_values(low: float, high: float, most: float = 5) -> list[float]:
    """About so many round values inside the part of the axis that data use, none under the words
    beside it."""
    raw = (high - low) / most or 1.0
    base = 10 ** math.floor(math.log10(raw))
    step = next(m * base for m in (1, 2, 5, 10) if m * base >= raw)
    first = math.ceil(low / step - 1e-9)
    out = [round((first + k) * step, 12) for k in range(12)]
    return [v for v in out if v <= high + 1e-9]


def _tips(rows: pd.DataFrame, percent: bool) -> list[Any]:
    """What the pointer is told, of what the rows have."""
    value, *ends = interval_tips(percent)
    out = [alt.Tooltip("label:N", title="What"), value]
    if rows.low.notna().any():
        out += ends
    for column, title in (("null_high", "Null up to"), ("tick", "Tick")):
        if rows[column].notna().any():
            out.append(value_tip(column, title, percent))
    return out


def spoken(rows: pd.DataFrame, percent: bool = False) -> str:
    """The rows in words, for those who do not see them."""
    out = []
    for r in each(full(rows)):
        if pd.isna(r.value):
            value = "not measured"
        else:
            value = f"{r.value:.0%}" if percent else f"{r.value:.2g}"
        out.append(f"{r.label} {value}{', ' + r.note if r.note else ''}")
    return "; ".join(out)
