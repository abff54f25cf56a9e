"""Rows of dots: a value with its interval, its own null behind it and words beside it.

One form for every comparison of a few named things. What is shown by a test is filled, what is
not is hollow, so that no colour carries it alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import each, where
from psm_viz.charts.palette import Palette, finish

ROW = 26
"""Height of a row in pixels."""
LETTER = 6.2
"""Mean width of a letter of the small words, in pixels."""
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
    """A vertical line to compare with."""

    at: float
    name: str = ""


def height_of(rows: pd.DataFrame, row: int = ROW) -> int:
    """The height that rows of dots need."""
    return 40 + row * rows.label.nunique()


def full(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with every column that a dot chart reads."""
    return rows.assign(**{c: v for c, v in COLUMNS.items() if c not in rows})


def dot_chart(
    rows: pd.DataFrame,
    p: Palette,
    rules: Sequence[Rule] = (Rule(0.0),),
    percent: bool = False,
    title: str = "",
    lanes: str = "",
    tick_name: str = "",
    accent: bool = True,
    domain: tuple[float, float] | None = None,
    nominal: int = 520,
    size: tuple[int | None, int] = (None, 160),
) -> Any:
    """One row a `label` in the order given: its null, its interval, its mark, its note.

    `tick` is a second value of the row, drawn as an upright stroke, named once (`tick_name`).
    `quiet` rows are controls, in ink. `lanes` names a column whose values stand under each other
    inside a row; `accent` False draws all in ink (what is not about the Assistant). `nominal` is
    the width in pixels that the words are laid out for where the page chooses the width.
    """
    rows = full(rows)
    low, high = _domain(rows, rules) if domain is None else domain
    label = 10 + LETTER * max([len(str(n)) for n in rows.label] + [0])
    drawn = max((size[0] or nominal) - label, 120)
    scale = alt.Scale(domain=_stretched(rows, low, high, drawn), nice=False, zero=False)
    form = ".0%" if percent else "~r"
    axis = alt.Axis(
        title=title or None,
        values=_ticks(low, high),
        format=form,
        domain=False,
        titleAnchor="start",
        ticks=False,
    )
    side = alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        labelColor=p.ink,
        labelFontSize=12,
        labelLimit=220,
        labelPadding=8,
        minExtent=label,
        maxExtent=label,
    )
    y = alt.Y("label:N", sort=list(dict.fromkeys(rows.label)), axis=side)
    lane: dict[str, Any] = {}
    if lanes:
        order = list(dict.fromkeys(rows[lanes]))
        lane["yOffset"] = alt.YOffset(
            f"{lanes}:N", sort=order, scale=alt.Scale(paddingOuter=0.5) if len(order) > 1 else None
        )

    def x(column: str) -> alt.X:
        return alt.X(f"{column}:Q", scale=scale, axis=axis)

    layers: list[Any] = []
    nulls = rows.dropna(subset=["null_low", "null_high"])
    if len(nulls):
        layers.append(
            alt.Chart(nulls[["label", "null_low", "null_high"]])
            .mark_bar(height=alt.RelativeBandSize(0.72), color=p.band, clip=True, aria=False)
            .encode(x=x("null_low"), x2="null_high:Q", y=y)
        )
    for rule in rules:
        layers += _rule(rule, rows, p, x, y)
    colour = {True: p.ink, False: p.accent if accent else p.ink}
    for quiet, group in rows.groupby("quiet"):
        c = colour[bool(quiet)]
        ranges = group.dropna(subset=["low", "high"])
        if len(ranges):
            layers.append(
                alt.Chart(ranges)
                .mark_rule(
                    color=p.ink,
                    strokeWidth=1.3 if not lanes else 1,
                    opacity=1 if not lanes else 0.18,
                    clip=True,
                    aria=False,
                )
                .encode(x=x("low"), x2="high:Q", y=y, **lane)
            )
        for (mark, filled), own in group.groupby(["mark", "filled"]):
            layers.append(
                alt.Chart(own)
                .mark_point(
                    shape=str(mark),
                    filled=True,
                    size=62 if not lanes else 34,
                    opacity=1 if not (lanes and filled) else 0.7,
                    fill=c if filled else p.paper,
                    stroke=c,
                    strokeWidth=1.4,
                )
                .encode(x=x("value"), y=y, tooltip=_tips(own, form), **lane)
            )
    ticks = rows.dropna(subset=["tick"])
    if len(ticks):
        layers.append(
            alt.Chart(ticks)
            .mark_tick(color=p.ink, thickness=2, size=15, opacity=1)
            .encode(x=x("tick"), y=y)
        )
        if tick_name:
            first = ticks.head(1).assign(text=tick_name)
            layers.append(
                alt.Chart(first)
                .mark_text(align="right", dx=-5, dy=-9, fontSize=10.5, color=p.soft, aria=False)
                .encode(x=x("tick"), y=y, text="text:N")
            )
    noted = where(rows, rows.note != "")
    if len(noted):
        layers.append(
            alt.Chart(noted.assign(edge=_edges(noted, high)))
            .mark_text(align="left", dx=9, fontSize=11.5, color=p.soft, aria=False)
            .encode(x=x("edge"), y=y, text="note:N", **lane)
        )
    return finish(alt.layer(*layers), p, size[1], size[0])


def _rule(rule: Rule, rows: pd.DataFrame, p: Palette, x: Any, y: Any) -> list[Any]:
    """The line, and its name above the first row."""
    place = pd.DataFrame([{"at": rule.at, "text": rule.name}])
    out = [alt.Chart(place).mark_rule(color=p.soft, strokeWidth=1, aria=False).encode(x=x("at"))]
    if rule.name:
        out.append(
            alt.Chart(place)
            .mark_text(align="left", dx=4, fontSize=11, color=p.soft, aria=False)
            .encode(x=x("at"), y=alt.value(3), text="text:N")
        )
    return out


def _domain(rows: pd.DataFrame, rules: Sequence[Rule]) -> tuple[float, float]:
    names = ("value", "low", "high", "null_low", "null_high", "tick")
    ends = [float(v) for c in names for v in rows[c] if pd.notna(v)] + [r.at for r in rules]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    pad = 0.04 * (high - low or 1.0)
    return (low if low == 0 else low - pad), high + pad


EDGE = 7
"""Pixels kept free at the left of the least value, so that its mark is whole."""


def _edges(rows: pd.DataFrame, high: float) -> pd.Series:
    """Where the words of a row begin: right of everything that the row draws."""
    return rows[["value", "high", "tick", "null_high"]].max(axis=1).fillna(0.0).clip(upper=high)


def _stretched(rows: pd.DataFrame, low: float, high: float, drawn: float) -> list[float]:
    """The domain of the drawn width: as much room at the right as the words of any row need."""
    per_unit = (drawn - EDGE - 8) / (high - low)
    for edge, note in zip(_edges(rows, high), rows.note, strict=True):
        if note and edge > low:
            room = drawn - EDGE - LETTER * len(note) - 12
            per_unit = min(per_unit, max(room, 0.35 * drawn) / (edge - low))
    return [low - EDGE / per_unit, low + (drawn - EDGE) / per_unit]


def _ticks(low: float, high: float) -> list[float]:
    """Round values inside the part of the axis that data use, none under the words beside it."""
    raw = (high - low) / 5 or 1.0
    base = 10 ** math.floor(math.log10(raw))
    step = next(m * base for m in (1, 2, 5, 10) if m * base >= raw)
    first = math.ceil(low / step - 1e-9)
    out = [round((first + k) * step, 12) for k in range(12)]
    return [v for v in out if v <= high + 1e-9]


def _tips(rows: pd.DataFrame, form: str) -> list[Any]:
    form = ".1%" if "%" in form else ".3g"
    named = [("label:N", "What", None), ("value:Q", "Value", form)]
    if rows.low.notna().any():
        named += [("low:Q", "95 % from", form), ("high:Q", "to", form)]
    if rows.null_high.notna().any():
        named.append(("null_high:Q", "Null up to", form))
    if rows.tick.notna().any():
        named.append(("tick:Q", "Tick", form))
    out = []
    for field, title, how in named:
        more = {"format": how} if how else {}
        out.append(alt.Tooltip(field, title=title, **more))
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
