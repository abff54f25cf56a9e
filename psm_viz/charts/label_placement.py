"""Where words go on a figure: labels that do not collide, worked out in pixels before drawing.

Positions are in pixels of a nominal drawing (`Frame`); the page may be a little wider, which
only leaves more room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from psm_viz.charts.typeface import width_of

LETTER = 6.2
"""Mean width of a letter of the small words beside lines and dots, in pixels."""
Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels, y down."""


@dataclass(frozen=True)
class Frame:
    """The part of the plane a map shows, at equal scales, on a drawing of width x height px."""

    cx: float
    cy: float
    span_x: float
    span_y: float
    width: int
    height: int
    fixed: bool = False
    """Whether it is drawn just as large, as one of several side by side; else it follows the
    page's width."""

    @property
    def scale(self) -> float:
        """Pixels per unit of the map."""
        return min(self.width / self.span_x, self.height / self.span_y)

    def to_px(self, x: float, y: float) -> tuple[float, float]:
        """Map units to pixels, y down."""
        return (
            self.width / 2 + (x - self.cx) * self.scale,
            self.height / 2 - (y - self.cy) * self.scale,
        )

    def to_map(self, px: float, py: float) -> tuple[float, float]:
        """Pixels to map units."""
        return (
            self.cx + (px - self.width / 2) / self.scale,
            self.cy - (py - self.height / 2) / self.scale,
        )


def frame(
    xs: Sequence[float], ys: Sequence[float], width: int, height: int, margin: float = 0.05
) -> Frame:
    """The frame that holds all points with a margin (share of the span) on every side.

    It is wider left and right, where names stand beside their marks.
    """
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    wide = max(x1 - x0, 1e-6) * (1 + 4 * margin)
    high = max(y1 - y0, 1e-6) * (1 + 2 * margin)
    return Frame((x0 + x1) / 2, (y0 + y1) / 2, wide, high, width, height)


def text_box(px: float, py: float, text: str, size: float, align: str = "center") -> Box:
    """The box of one line of text of `size` px whose anchor is (px, py), baseline middle."""
    wide = size * width_of(text)
    left = {"center": px - wide / 2, "left": px, "right": px - wide}[align]
    return (left, py - 0.6 * size, left + wide, py + 0.6 * size)


def overlaps(a: Box, b: Box) -> bool:
    """Whether two boxes share any area."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def inside(box: Box, width: float, height: float) -> bool:
    """Whether a box lies on the drawing."""
    return box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height


def nudged(
    px: float,
    py: float,
    text: str,
    size: float,
    words: list[Box],
    marks: list[Box],
    room: tuple[int, int],
) -> tuple[float, float]:
    """The best place for a centred word near (px, py): never on a word, seldom on marks.

    Rings of growing radius are tried; a place costs its distance and what it would cover.
    """
    best, cost = (px, py), math.inf
    never, seldom = _sides(words), _sides(marks)
    for radius in range(0, 97, 8):
        for k in range(1 if radius == 0 else 16):
            # Start upwards: a name above its group reads as its heading.
            angle = -math.pi / 2 + 2 * math.pi * k / 16
            x, y = px + 1.4 * radius * math.cos(angle), py + radius * math.sin(angle)
            box = text_box(x, y, text, size)
            if not inside(box, *room):
                continue
            covers = 400 * _covered(box, never) + 26 * _covered(box, seldom)
            if radius + covers < cost:
                best, cost = (x, y), radius + covers
    return best


def _sides(boxes: list[Box]) -> np.ndarray:
    """The four sides of boxes, a row a side."""
    return np.array(boxes, float).reshape(-1, 4).T


def _covered(box: Box, sides: np.ndarray) -> int:
    """How many boxes share any area with one (`overlaps`, of thousands at once)."""
    left, top, right, bottom = sides
    shared = (box[0] < right) & (left < box[2]) & (box[1] < bottom) & (top < box[3])
    return int(np.count_nonzero(shared))


Sides = tuple[tuple[str, float, float], ...]
"""Where a word may stand about a mark: its alignment and the direction, right and down."""
SIDES: Sides = (("left", 1, 0), ("right", -1, 0), ("center", 0, -1), ("center", 0, 1))
ROUND: Sides = (
    *SIDES,
    *(("left", 0.7, -0.7), ("left", 0.7, 0.7), ("right", -0.7, -0.7), ("right", -0.7, 0.7)),
)


def beside(
    px: float,
    py: float,
    text: str,
    size: float,
    taken: list[Box],
    room: tuple[int, int],
    gap: float = 7,
    sides: Sides = SIDES,
) -> tuple[float, float, str] | None:
    """A free place right, left, above or below a mark: (x, y, align); None if all is taken."""
    for align, dx, dy in sides:
        x, y = px + dx * gap, py + dy * (gap + 0.55 * size)
        box = text_box(x, y, text, size, align)
        if inside(box, *room) and not any(overlaps(box, t) for t in taken):
            return x, y, align
    return None


def near(
    px: float,
    py: float,
    text: str,
    size: float,
    taken: list[Box],
    words: list[Box],
    room: tuple[int, int],
    gap: float,
) -> tuple[float, float, str]:
    """A place for a word that must be drawn: free of everything, else free of words, else right."""
    further = (gap, gap + 12, gap + 26, gap + 40)
    for boxes, gaps in ((taken, further[:3]), (words, further)):
        for g in gaps:
            spot = beside(px, py, text, size, boxes, room, g, ROUND)
            if spot is not None:
                return spot
    return px + gap, py, "left"


@dataclass
class Places:
    """What is taken on a drawing as it fills: a word may cover a mark, never another word."""

    room: tuple[int, int]
    """Width and height in pixels."""
    marks: list[Box] = field(default_factory=list)
    words: list[Box] = field(default_factory=list)
    """Words, and marks that no word may cover."""
    later: list[Box] = field(default_factory=list)
    """Kept free of the first words for those that are drawn last."""

    @property
    def taken(self) -> list[Box]:
        """Everything that is drawn."""
        return [*self.marks, *self.words]

    def hold(self, px: float, py: float, text: str, size: float, align: str = "center") -> None:
        """Put a word there."""
        self.words.append(text_box(px, py, text, size, align))

    def put_near(
        self, px: float, py: float, text: str, size: float, gap: float
    ) -> tuple[float, float, str]:
        """Put a word that must be drawn as near to a mark as is free: (x, y, align)."""
        spot = near(px, py, text, size, self.taken, self.words, self.room, gap)
        self.hold(spot[0], spot[1], text, size, spot[2])
        return spot


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart to at least `gap`, keeping their order and staying in [low, high].

    Used for direct labels at the ends of lines. If they cannot all fit, they are spaced evenly.
    """
    n = len(wanted)
    if n == 0:
        return []
    order = sorted(range(n), key=lambda i: wanted[i])
    if gap * (n - 1) >= high - low:
        step = (high - low) / max(n - 1, 1)
        placed = [low + step * k for k in range(n)]
    else:
        placed = [min(max(wanted[i], low), high) for i in order]
        for k in range(1, n):
            placed[k] = max(placed[k], placed[k - 1] + gap)
        placed[-1] = min(placed[-1], high)
        for k in range(n - 2, -1, -1):
            placed[k] = min(placed[k], placed[k + 1] - gap)
    out = [0.0] * n
    for k, i in enumerate(order):
        out[i] = placed[k]
    return out
