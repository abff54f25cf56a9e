"""What takes the colour of a map in the place of kin: one number a persona, and its scale.

Families are then told by their shapes, kin by place and lettering.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import each
from psm_viz.charts.palette import Palette

LEGEND = 46
"""Height of the legend in pixels."""
NAMED = 3
"""So many personas of the greatest values are named on the map."""


@dataclass(frozen=True)
class Overlay:
    """A number of each persona, as a colour."""

    name: str
    rows: pd.DataFrame
    """persona, value, low, high (NaN where there is no interval), note (words for the pointer)."""
    title: str
    """What the number is, and its unit."""
    column: str
    """The same, short: the head of its column in a table."""
    ends: tuple[float, float]
    """The ends of the scale."""
    labels: tuple[tuple[float, str], ...]
    """What is written at some values of the scale."""
    named: tuple[str, ...] = ()
    """Personas that the map names."""

    @property
    def values(self) -> dict[str, float]:
        """Persona id -> its number."""
        return {str(r.persona): float(r.value) for r in each(self.rows)}

    @property
    def notes(self) -> dict[str, str]:
        """Persona id -> words for the pointer."""
        return {str(r.persona): str(r.note) for r in each(self.rows)}

    def columns(self, ids: list[str]) -> dict[str, list[float]]:
        """Columns of a table with a row each of these ids: the number, and its interval if any."""
        read, out = self.rows.set_index("persona"), {}
        for column, title in (("value", self.column), ("low", "from"), ("high", "to")):
            if column == "value" or read[column].notna().any():
                out[title] = [read[column].get(i, float("nan")) for i in ids]
        return out


def greatest(rows: pd.DataFrame, n: int = NAMED) -> tuple[str, ...]:
    """Ids of the personas of the greatest values, first the greatest."""
    return tuple(str(i) for i in rows.sort_values("value", ascending=False).persona[:n])


def measure(
    name: str,
    rows: pd.DataFrame,
    title: str,
    form: Callable[[float], str],
    ends: tuple[float, float] | None = None,
) -> Overlay:
    """The overlay of a measure whose values speak for themselves (`form` writes one): the ends of
    its scale are those of its rows unless given."""
    low, high = ends or (float(rows.value.min()), float(rows.value.max()))
    high = high if high > low else low + 1e-6  # all alike: a scale needs two ends
    labels = ((low, form(low)), (high, form(high)))
    return Overlay(name, rows, title, name, (low, high), labels, greatest(rows))


def shade(overlay: Overlay, p: Palette, told: bool = True) -> Any:
    """The colour channel: five steps from less to more, with a small legend in words if it is to be
    `told`."""
    low, high = overlay.ends
    stops = [low + (high - low) * k / 4 for k in range(5)]
    scale = alt.Scale(domain=stops, range=list(p.scale), interpolate="lab", clamp=True)
    return alt.Color("value:Q", scale=scale, legend=_legend(overlay, p) if told else None)


def _legend(overlay: Overlay, p: Palette) -> alt.Legend:
    """The scale as a strip with words under it."""
    low, high = overlay.ends
    words = "''"
    for at, word in overlay.labels:
        near = f"abs(datum.value - {at!r}) < {(high - low) / 100!r}"
        words = f"{near} ? '{word}' : {words}"
    return alt.Legend(
        orient="bottom",
        direction="horizontal",
        title=overlay.title,
        gradientLength=alt.ExprRef("min(340, width - 20)"),
        gradientThickness=8,
        values=[at for at, _ in overlay.labels],
        labelExpr=words,
        labelLimit=220,
        labelColor=p.ink,
        labelFontSize=11,
        titleColor=p.soft,
        titleFontSize=11,
        titleFontWeight="normal",
        titleLimit=400,
        offset=2,
    )
