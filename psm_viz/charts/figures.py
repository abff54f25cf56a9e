"""A figure before anybody shows it: its chart, its table, what is said of it. Pages, files and
notebooks are given the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from psm_viz.charts.dot_chart import PLAIN, ROW, DotLook, dot_chart, height_of
from psm_viz.charts.palette import Palette
from psm_viz.errors import PsmVizError

Build = Callable[[Palette, int | None], Any]
"""A chart as a function of palette and width in pixels (None: as wide as the page allows)."""


@dataclass(frozen=True)
class Facts:
    """What a figure rests on, beside its study; '' or None where there is no such thing."""

    n: str = ""
    """How many of what are drawn."""
    pooling: str = ""
    layer: int | None = None
    """Of the activations that are drawn."""
    interval: str = ""
    null: str = ""


@dataclass(frozen=True)
class Told:
    """What is said of a figure."""

    name: str
    """Of its files."""
    title: str
    """Its finding, or what it shows where the layout makes the title a quiet line."""
    words: str
    """Its caption: its files carry it, whether the page shows it or not."""
    alt: str
    """For those who do not see it."""
    key: str
    """Of its widgets, no other of the page has it."""
    facts: Facts = Facts()


PHONE = 290
"""Pixels that a page has for a figure on a phone of 360 pixels, less what stands about it."""


@dataclass(frozen=True)
class Layout:
    """How a page sets a figure."""

    width: int
    """In pixels, where nothing else says how wide; on the page it is as wide as its column."""
    small: bool = False
    """A smaller title, and the caption left to the group that the figure stands in."""
    label: bool = False
    """The title is a quiet line, not a finding."""
    captioned: bool = False
    """Whether a small figure has its caption all the same."""
    fixed: bool = False
    """A figure of several views that keeps its own size; a narrow window scrolls it."""
    narrow: int = 0
    """The width in pixels at which a phone is shown a fixed figure instead, its views under each
    other; 0: it scrolls there too."""
    hero: str = ""
    """A box of the style sheet whose height the figure fills."""


@dataclass(frozen=True)
class Figure:
    """One figure."""

    build: Build
    frame: pd.DataFrame
    """The table behind it."""
    told: Told
    layout: Layout


@dataclass(frozen=True)
class Missing:
    """A figure that a study cannot show yet: what is missing, and what makes it."""

    what: str
    next_step: str


Shown = Figure | Missing


def told_or_missing(make: Callable[[], Shown]) -> Shown:
    """A figure, or why there is none."""
    try:
        return make()
    except PsmVizError as e:
        return Missing(e.problem, e.next_step)


def dots(
    rows: pd.DataFrame,
    told: Told,
    layout: Layout,
    look: DotLook = PLAIN,
    row: int = ROW,
    frame: pd.DataFrame | None = None,
) -> Figure:
    """A figure of rows of dots, each `row` so many pixels high.

    `frame` is its table where that is not `rows`.
    """
    height = height_of(rows, row)
    return Figure(
        lambda p, width: dot_chart(rows, p, look, (width, height)),
        rows if frame is None else frame,
        told,
        layout,
    )


def scaled(height: int, width: int | None, nominal: int) -> int:
    """The height of a drawing that is as high as `height` at its nominal width or on a page, and
    lower in proportion where it is drawn narrower."""
    return height if width is None else min(height, round(height * width / nominal))
