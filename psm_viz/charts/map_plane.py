"""The plane of a map: its projections, its channels at equal scales, words readable on any mark."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.label_placement import Frame
from psm_viz.charts.palette import Palette
from psm_viz.study.files import sha256

PROJECTIONS = {"UMAP": ("x", "y"), "PCA": ("pca_x", "pca_y")}
"""Columns of a stored map."""
SHEETS = 3
"""Shapes that dots of one colour are dealt to: where two of one shape overlap they look like
one."""


@dataclass(frozen=True)
class Area:
    """A rectangle of a map, in its units."""

    left: float
    right: float
    bottom: float
    top: float

    def holds(self, at: pd.DataFrame) -> pd.Series:
        """Which of these points (px, py) lie in it."""
        inside = at.px.between(self.left, self.right) & at.py.between(self.bottom, self.top)
        return pd.Series(inside)


def coordinates(points: pd.DataFrame, projection: str) -> pd.DataFrame:
    """The points with `px`, `py` in the chosen projection."""
    x, y = PROJECTIONS[projection]
    return points.assign(px=points[x], py=points[y])


def xy(f: Frame) -> dict[str, Any]:
    """Position channels at equal scales: the domain follows the drawn width and height, unless the
    frame is fixed."""
    if f.fixed:
        return fixed_xy(f)
    wide = f"max({f.span_x!r}, {f.span_y!r} * width / height) / 2"
    high = f"max({f.span_y!r}, {f.span_x!r} * height / width) / 2"

    def scale(centre: float, half: str) -> alt.Scale:
        ends = [{"expr": f"{centre!r} - {half}"}, {"expr": f"{centre!r} + {half}"}]
        return alt.Scale(domain=ends, nice=False, zero=False)

    return {
        "x": alt.X("px:Q", axis=None, scale=scale(f.cx, wide)),
        "y": alt.Y("py:Q", axis=None, scale=scale(f.cy, high)),
    }


def fixed_xy(f: Frame) -> dict[str, Any]:
    """Position channels at equal scales on a view that is drawn as large as its frame, such as one
    of several side by side."""
    half = (f.width / f.scale / 2, f.height / f.scale / 2)
    x, y = (
        alt.Scale(domain=[c - h, c + h], nice=False, zero=False)
        for c, h in zip((f.cx, f.cy), half, strict=True)
    )
    return {"x": alt.X("px:Q", axis=None, scale=x), "y": alt.Y("py:Q", axis=None, scale=y)}


def cloud(at: pd.DataFrame, f: Frame, size: float, **style: Any) -> Any:
    """Dots of many colours (px, py, colour), of so many square pixels, that nobody points at.

    They are a few shapes, each a GeoJSON MultiPoint that goes with the scales of `xy`: a browser
    says every channel of every mark anew in each frame of a drag, and a thousand marks take it
    longer than the rest of a map.
    """
    digits = max(0, math.ceil(math.log10(100 * f.scale)))  # a hundredth of a pixel
    points: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for n, (x, y, colour) in enumerate(zip(at.px, at.py, at.colour, strict=True)):
        sheet = points.setdefault((str(colour), n % SHEETS), [])
        sheet.append((round(float(x), digits), round(float(y), digits)))
    shapes = [
        {
            "type": "Feature",
            "colour": colour,
            "geometry": {"type": "MultiPoint", "coordinates": sheet},
        }
        for (colour, _), sheet in points.items()
    ]
    # named, so that it stays a list where the tables of a page become Arrow
    name = f"cloud-{sha256(json.dumps(shapes).encode())[:12]}"
    if f.fixed:
        scale: Any = f.scale
        shift: Any = [f.width / 2 - f.cx * f.scale, f.height / 2 + f.cy * f.scale]
    else:
        scale = {"expr": "scale('x', 1) - scale('x', 0)"}
        shift = {"expr": "[scale('x', 0), scale('y', 0)]"}
    placed = alt.Projection(
        type="identity",
        reflectY=True,
        pointRadius=math.sqrt(size) / 2,  # as large as a symbol of that size
        scale=scale,
        translate=shift,
    )
    shown = alt.Chart(alt.InlineData(values=shapes, name=name)).mark_geoshape(aria=False, **style)
    return shown.encode(fill=alt.Fill("colour:N", scale=None, legend=None)).properties(
        projection=placed
    )


def own(channel: str) -> Any:
    """A colour, shape, ... that a column holds as it is drawn."""
    kind = {"colour": alt.Color, "shape": alt.Shape, "opacity": alt.Opacity}[channel]
    return kind(f"{channel}:N" if channel != "opacity" else f"{channel}:Q", scale=None, legend=None)


def haloed(
    word: Any, p: Palette, colour: str, size: float, stands: Mapping[str, Any], edge: float = 4
) -> list[Any]:
    """A bold word with an edge of the paper's colour, readable on whatever it covers.

    `stands` says where the word is from its anchor: {"align": "left"}, {"dy": -17}.
    """
    style: dict[str, Any] = {"fontSize": size, "fontWeight": 700, "aria": False, **stands}
    return [
        word.mark_text(stroke=p.paper, strokeWidth=edge, color=p.paper, **style),
        word.mark_text(color=colour, **style),
    ]
