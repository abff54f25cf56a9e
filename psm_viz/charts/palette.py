"""Colours, shapes and type of every figure: one light and one dark palette.

The seven kin hues were searched so that every two stay at least 16 CIELAB units apart in normal
vision and under protanopia, deuteranopia and tritanopia (Machado et al. 2009), each at 3:1 or
more against its background; tests/charts/test_palette.py repeats the check. `accent` belongs to the
Assistant alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from psm_viz.charts.typeface import SANS
from psm_viz.study.cast import Cast

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
# Five points, area about that of a circle of the same `size`; Vega scales unit paths.
STAR = (
    "M0,-1L0.265,-0.364L0.951,-0.309L0.428,0.139L0.588,0.809L0,0.45L-0.588,0.809L-0.428,0.139"
    "L-0.951,-0.309L-0.265,-0.364Z"
)
# Branches are told by mark and dash, never by hue.
BRANCH_MARKS = (
    *("triangle-up", "square", "circle", "diamond", "cross"),
    *("triangle-down", "triangle-right", "triangle-left"),
)
BRANCH_DASHES: tuple[list[int], ...] = (
    *([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4]),
    *([1, 4], [4, 2, 1, 2, 1, 2], [16, 3]),
)


@dataclass(frozen=True)
class Palette:
    """Colours of one theme, as hex strings. `kins` are used in the order of the cast's kins."""

    name: str
    paper: str
    card: str
    ink: str
    soft: str
    """Captions and secondary text: at least 4.5:1 on `paper`."""
    faint: str
    """Rules, cast blocks, null bands: decoration, never text."""
    band: str
    accent: str
    kins: tuple[str, ...]
    other: str
    """For kins beyond the seventh."""
    scale: tuple[str, ...]
    """Five colours for a quantity, evenly lighter or darker towards 'more'; hue only helps."""


LIGHT = Palette(
    name="light",
    paper="#FBFAF7",
    card="#F4F2EC",
    ink="#23262B",
    soft="#5E636B",
    faint="#CFCCC3",
    band="#E4E1D9",
    accent="#C92F17",
    kins=("#438767", "#575033", "#B38957", "#72455B", "#40537D", "#2898DF", "#878FA4"),
    other="#77736A",
    scale=("#DCCB8E", "#AFA88F", "#808895", "#4E6592", "#143B7D"),
)
DARK = Palette(
    name="dark",
    paper="#15171B",
    card="#1D2026",
    ink="#E9E7E1",
    soft="#A3A7AE",
    faint="#3B4048",
    band="#2A2E35",
    accent="#FF6A4D",
    kins=("#34AE89", "#D9D9B7", "#F7CF8E", "#B790BB", "#6E89D3", "#8EC3F8", "#C2DBEB"),
    other="#8D8A82",
    scale=("#2F4672", "#5A6B8A", "#89909A", "#BDB89A", "#F3E29B"),
)
# What is exported stands on white, whatever the page shows.
PRINT = Palette(**{**LIGHT.__dict__, "name": "print", "paper": "#FFFFFF"})
THEMES = {"light": LIGHT, "dark": DARK, "print": PRINT}
BASE_TYPE = 11
"""Size of the words on axes in pixels: what a type size of a file is the printed size of."""


def palette(theme: str | None) -> Palette:
    """The palette of a theme type, `light` where the browser has not told it yet."""
    return DARK if theme == "dark" else LIGHT


READABLE = 4.6
"""Contrast of family names with the paper: words of their size need 4.5."""


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    one, two = sorted(_luminance(c) for c in (a, b))
    return (two + 0.05) / (one + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def readable(colour: str, p: Palette) -> str:
    """The colour with as much ink in it, by tenths, as words of it need on the paper."""
    for ink in (n / 10 for n in range(11)):
        mixed = "#"
        for k in (1, 3, 5):
            own, dark = (int(c[k : k + 2], 16) for c in (colour, p.ink))
            mixed += f"{round(own * (1 - ink) + dark * ink):02X}"
        if contrast(mixed, p.paper) >= READABLE:
            return mixed
    return p.ink


def kin_colours(cast: Cast, p: Palette) -> dict[str, str]:
    """Hue of each kin id, in the cast's own order."""
    return {k: (p.kins[i] if i < len(p.kins) else p.other) for i, k in enumerate(cast.kins)}


def family_shapes(cast: Cast) -> dict[str, str]:
    """Mark shape of each family id: families of one kin differ, kins may share shapes."""
    seen: dict[str, int] = {}
    out: dict[str, str] = {}
    for f in cast.families:
        out[f.id] = SHAPES[seen.get(f.kin, 0) % len(SHAPES)]
        seen[f.kin] = seen.get(f.kin, 0) + 1
    return out


def family_colours(cast: Cast, p: Palette) -> dict[str, str]:
    """Hue of each family id: that of its kin."""
    kin = kin_colours(cast, p)
    return {f.id: kin.get(f.kin, p.other) for f in cast.families}


def branch_marks(branches: list[str]) -> dict[str, str]:
    """End-mark of each branch of a study; pass all its branches, so that a mark never changes."""
    return {b: BRANCH_MARKS[i % len(BRANCH_MARKS)] for i, b in enumerate(branches)}


def branch_dashes(branches: list[str]) -> dict[str, list[int]]:
    """Dash of each branch of a study; pass all its branches."""
    return {b: BRANCH_DASHES[i % len(BRANCH_DASHES)] for i, b in enumerate(branches)}


def finish(chart: Any, p: Palette, height: int | None, width: int | None = None) -> Any:
    """Give a chart its size, background and type. `width` None: the page decides; `height` None: a
    chart of several views, each of which has its own.

    Colours stand in the spec, not in the host's theme, so that page and export agree.
    """
    size: dict[str, Any] = {}
    if height is not None:
        size = {"height": height, "autosize": alt.AutoSizeParams(type="fit", contains="padding")}
    if width is not None:
        size["width"] = width
    axis = {
        **{"labelColor": p.soft, "titleColor": p.soft},
        **{"labelFontSize": BASE_TYPE, "titleFontSize": BASE_TYPE},
        **{"titleFontWeight": "normal", "domainColor": p.faint, "tickColor": p.faint},
        "grid": False,
    }
    title = {"color": p.ink, "subtitleColor": p.soft, "anchor": "start", "fontSize": 14}
    # set in place: each of Altair's own methods would copy the whole chart
    chart.background = p.paper
    chart.padding = {"left": 2, "right": 2, "top": 2, "bottom": 2}
    chart.config = alt.Config(
        font=SANS,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(**axis),
        legend=alt.LegendConfig(
            labelColor=p.soft, titleColor=p.soft, labelFontSize=BASE_TYPE, titleFontSize=BASE_TYPE
        ),
        title=alt.TitleConfig(**title, offset=8),
    )
    for name, value in size.items():
        setattr(chart, name, value)
    return chart
