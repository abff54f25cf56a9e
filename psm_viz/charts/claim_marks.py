"""What the charts of claims share: their rows, colours, domains, and the ideal observer's mark."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.findings import number
from psm_viz.charts.frames import each, where
from psm_viz.charts.palette import SHAPES, Palette
from psm_viz.charts.plane import value_tip
from psm_viz.charts.sentences import SAID, sentence
from psm_viz.claims.verdict import Picture

OBSERVER = "ideal observer"
DASH = [4, 3]
"""Of every bar."""
NOMINAL = 620
"""The width in pixels that the words are laid out for where the page chooses the width."""
HUES = (5, 0, 2, 3, 4)
"""Hues of the palette for the second series and the next; the first is in ink."""


def picture_rows(picture: Picture) -> pd.DataFrame:
    """The chart's data: group, series, seed, who, x, value; an observer's seed is missing."""
    return _rows(picture).copy(deep=False)


# A claim's title, caption, chart and files all go by its rows, at every run of the page.
@lru_cache(maxsize=256)
def _rows(picture: Picture) -> pd.DataFrame:
    rows = [
        {
            "group": d.group,
            "series": d.series,
            "seed": pd.NA if d.seed is None else d.seed,
            "who": OBSERVER if d.seed is None else f"seed {d.seed}",
            "x": float("nan") if d.x is None else float(d.x),
            "value": float(d.value),
        }
        for d in picture.dots
    ]
    frame = pd.DataFrame(rows, columns=["group", "series", "seed", "who", "x", "value"])
    return frame.astype({"seed": "Int64", "x": float, "value": float})


def drawable(picture: Picture) -> pd.DataFrame:
    """The rows that have a place on the chart."""
    return _drawable(picture).copy(deep=False)


@lru_cache(maxsize=256)
def _drawable(picture: Picture) -> pd.DataFrame:
    rows = picture_rows(picture)
    if picture.kind == "lines":
        rows["series"] = rows.series.where(rows.series != "", rows.group)
    keep = rows.value.notna() if picture.kind == "dots" else rows.value.notna() & rows.x.notna()
    return where(rows, keep)


def seed_shapes(rows: pd.DataFrame) -> dict[str, str]:
    """Shape of each seed of a `pairs` picture, in the order of the seeds."""
    seeds = sorted({int(s) for s in rows.seed.dropna()})
    return {f"seed {s}": SHAPES[n % len(SHAPES)] for n, s in enumerate(seeds)}


def series_colours(names: Sequence[str], p: Palette) -> dict[str, str]:
    """Colour of each series: the accent for the Assistant's, ink for the first, then hues."""
    own = [n for n in names if "assistant" in n.lower()][:1]
    inks = [p.ink, *(p.kins[i] for i in HUES)]
    rest = [n for n in names if n not in own]
    hues = {n: inks[k % len(inks)] for k, n in enumerate(rest)}
    return {n: p.accent if n in own else hues[n] for n in names}


def reach(values: Sequence[float], pad: float = 0.05) -> tuple[float, float]:
    """A domain around the values; zero belongs to it unless they are all far from it."""
    low, high = (min(values), max(values)) if len(values) else (0.0, 1.0)
    if 0 < low <= 0.6 * high:
        low = 0.0
    if 0 > high >= 0.6 * low:
        high = 0.0
    room = pad * ((high - low) or abs(high) or 1.0)
    if low == high == 0:
        return -room, room
    return (low if low == 0 else low - room), (high if high == 0 else high + room)


def tips(named: Sequence[tuple[str, str]], unit: str) -> list[Any]:
    """Tooltips of a mark: these fields with their titles, and its value."""
    value = value_tip("value", unit or "value")
    return [*(alt.Tooltip(f, title=t) for f, t in named), value]


def named_marks(rows: pd.DataFrame, unit: str, x_title: str = "") -> pd.DataFrame:
    """The rows with a sentence each (`said`): what, in which run, and its value; `x_title` names
    what is along x, where that is a quantity."""

    def said(r: Any) -> str:
        what = ", ".join(dict.fromkeys(filter(None, (r.group, r.series, r.who))))
        at = f", {x_title} {number(r.x)}" if x_title else ""
        return sentence(f"{what}{at}", f"{number(r.value)}{f' ({unit})' if unit else ''}")

    return rows.assign(said=[said(r) for r in each(rows)])


def literal(column: str) -> alt.Color:
    """A colour that a row names itself."""
    return alt.Color(f"{column}:N", scale=None)


def diamonds(rows: pd.DataFrame, p: Palette, x: Any, y: Any, tooltip: list[Any]) -> Any:
    """The ideal observer: hollow, as nothing else is. `rows` are `named_marks`."""
    mark: dict[str, Any] = {"shape": "diamond", "size": 92, "opacity": 1, "strokeWidth": 1.5}
    return (
        alt.Chart(rows)
        .mark_point(**mark, fill=p.paper, stroke=p.ink)
        .encode(x=x, y=y, tooltip=tooltip, description=SAID)
    )
