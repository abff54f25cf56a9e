"""One figure as a strip: each seed a dot, the mean an upright, its interval a bar, the bar dashed.

Small SVG in the colours of the page (`--psm-*`), so that a page may hold dozens of them.
"""

from __future__ import annotations

import math
from html import escape

from psm_viz.charts.findings import number
from psm_viz.claims.verdict import Measure

GAP = 7
"""Pixels between seeds."""
HERE = 0.3
"""Where the bar stands on a strip without a scale, as a share of its width."""


def needs(m: Measure) -> str:
    """What a measure has to show, in words: 'above 0.5'."""
    side = "above" if m.above else "at most"
    if isinstance(m.bar, dict):
        return f"{side} its own bar in each seed, {number(m.mean_bar)} on average"
    return f"{side} {number(m.bar)}"


def bar_words(m: Measure) -> str:
    """The words at the dashed bar: which side the claim needs."""
    at = number(m.mean_bar)
    return f"bar {at}: the claim needs more" if m.above else f"bar {at}: the claim needs no more"


def _bar(m: Measure, seed: int) -> float:
    return m.bar[seed] if isinstance(m.bar, dict) else m.bar


def scale_strip(m: Measure, width: int = 330) -> str:
    """A measure on its own scale, the bar named; '' before any seed was measured."""
    if not m.seeds:
        return ""
    ends = [*m.seeds.values(), *(_bar(m, s) for s in m.seeds)]
    ends += [v for v in (m.low, m.high) if v is not None]
    low, high = min(ends), max(ends)
    room = (high - low) or abs(high) or 1.0

    def x(v: float) -> float:
        return round(10 + (v - low + 0.02 * room) / (1.04 * room) * (width - 20), 1)

    head, tall = 15, 12 + GAP * (len(m.seeds) - 1)
    height = head + tall + 2
    parts = []
    at = x(m.mean_bar)
    if not isinstance(m.bar, dict):
        side, wide = (at, width - at) if m.above else (0, at)
        parts.append(f'<rect class="psm-side" x="{side}" y="{head}" width="{wide}" height="{tall}"/>')
        parts.append(f'<line class="psm-bar" x1="{at}" x2="{at}" y1="3" y2="{height}"/>')
    words = f"bar {number(m.mean_bar)}" if not isinstance(m.bar, dict) else "bar of each seed"
    anchor, shift = ("start", 5) if at < width * 0.6 else ("end", -5)
    parts.append(f'<text x="{at + shift}" y="10" text-anchor="{anchor}">{escape(words)}</text>')
    parts += _marks(m, x, head, tall)
    for n, s in enumerate(sorted(m.seeds)):
        if isinstance(m.bar, dict):
            own, y = x(m.bar[s]), head + 6 + n * GAP
            parts.append(f'<line class="psm-own" x1="{own}" x2="{own}" y1="{y - 3}" y2="{y + 3}"/>')
    return _svg(parts, width, height, spoken(m))


def side_strip(m: Measure, width: int = 132) -> str:
    """A measure without a scale: the dashed bar in one place in every strip, and the claim's side
    always at its right. Seeds with bars of their own stand as far from the line as from them."""
    if not m.seeds:
        return ""
    sign = 1 if m.above else -1
    off = {s: sign * (v - _bar(m, s)) for s, v in m.seeds.items()}
    low = None if m.low is None else sign * (m.low - m.mean_bar)
    high = None if m.high is None else sign * (m.high - m.mean_bar)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    moved = Measure(m.name, off, 0.0, True, low, high)
    ends = [*off.values(), *(v for v in (low, high) if v is not None)]
    here = HERE * width
    right, left = max([*ends, 0.0]), -min([*ends, 0.0])
    fits = [(width - here - 8) / right if right else math.inf, (here - 8) / left if left else math.inf]
    per_unit = min(fits) if min(fits) < math.inf else 1.0

    def x(v: float) -> float:
        return round(here + v * per_unit, 1)

    tall = 10 + 4 * (len(m.seeds) - 1)
    parts = [
        f'<rect class="psm-side" x="{here}" y="0" width="{width - here}" height="{tall}"/>',
        f'<line class="psm-bar" x1="{here}" x2="{here}" y1="0" y2="{tall}"/>',
        *_marks(moved, x, 0, tall, 4, 2.6, m.seeds),
    ]
    return _svg(parts, width, tall, spoken(m))


def _marks(m, x, head, tall, gap=GAP, r=3.6, values=None) -> list[str]:  # noqa: ANN001
    """Interval, mean and seeds, from the top `head` down."""
    values = values or m.seeds
    parts = []
    middle = head + tall / 2
    if m.low is not None and m.high is not None:
        a, b = x(m.low), x(m.high)
        box = f'x="{a}" y="{middle - 3.5}" width="{max(b - a, 1):.1f}" height="7"'
        parts.append(f'<rect class="psm-interval" {box}/>')
    mean = x(m.value)
    parts.append(
        f'<line class="psm-mean" x1="{mean}" x2="{mean}" y1="{head + 1}" y2="{head + tall - 1}"/>'
    )
    first = middle - gap * (len(m.seeds) - 1) / 2
    for n, s in enumerate(sorted(m.seeds)):
        told = f"<title>seed {s}: {number(values[s], 3)}</title>"
        parts.append(
            f'<circle class="psm-dot" cx="{x(m.seeds[s])}" cy="{first + n * gap}" r="{r}">{told}</circle>'
        )
    return parts


def _svg(parts: list[str], width: int, height: float, words: str) -> str:
    return (
        f'<svg class="psm-fig" role="img" aria-label="{escape(words)}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def spoken(m: Measure) -> str:
    """A measure in words: mean, interval, each seed, the bar."""
    seeds = ", ".join(f"seed {s} {number(v)}" for s, v in sorted(m.seeds.items()))
    return f"{figure_words(m)}; {seeds}; needs {needs(m)}"


def figure_words(m: Measure) -> str:
    """The mean and its interval: '0.78 (0.71 to 0.84)'."""
    if not m.seeds:
        return "not measured yet"
    return number(m.value) + (f" ({interval_words(m)})" if interval_words(m) else "")


def interval_words(m: Measure) -> str:
    """'0.71 to 0.84', or '' where a figure has no interval."""
    if m.low is None or m.high is None:
        return ""
    return f"{number(m.low)} to {number(m.high)}"
