"""One figure as a strip: each seed a dot, the mean an upright, its interval a bar, the bar dashed.

Plain HTML in the colours of the page (`claims.css`), so that a page may hold dozens of them, each
dot with its tooltip. Places are shares of the strip's width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape

from psm_viz.charts.findings import number
from psm_viz.claims.verdict import Measure

GAP, SMALL_GAP, HEAD = 7, 4, 16
"""Pixels: between seeds, in small strips, and for the name of the bar."""
HERE = 0.3
"""Where the bar stands on a strip without a scale, as a share of its width."""


def needs(m: Measure) -> str:
    """What a measure has to show, in words: 'at least 0.5'."""
    if isinstance(m.bar, dict):
        return f"{m.needs} each seed's own bar ({number(m.mean_bar)} on average)"
    return f"{m.needs} {number(m.bar)}"


def bar_words(m: Measure) -> str:
    """The words at the dashed bar: which side the claim needs."""
    at = number(m.mean_bar)
    return f"bar {at}: the claim needs more" if m.above else f"bar {at}: the claim needs no more"


def held(m: Measure) -> tuple[float, float] | None:
    """The interval of a measure that has one."""
    return None if m.interval is None else (m.interval.low, m.interval.high)


def drawn(m: Measure) -> bool:
    """Whether there is anything to draw: seeds, all of them numbers."""
    values = [*m.seeds.values(), *(bar_of(m, s) for s in m.seeds)]
    return bool(values) and all(map(math.isfinite, values))


def interval_words(m: Measure) -> str:
    """'0.71 to 0.84', or '' where a figure has no interval."""
    ends = held(m)
    if ends is None:
        return ""
    return f"{number(ends[0])} to {number(ends[1])}"


def over_words(m: Measure) -> str:
    """'0.71 to 0.84 over new seeds': the interval, and what was drawn anew for it."""
    return "" if m.interval is None else f"{interval_words(m)} over {m.interval.over}"


def spoken(m: Measure) -> str:
    """A measure in words: mean, interval, each seed, the bar."""
    ranged = f" ({over_words(m)})" if interval_words(m) else ""
    seeds = ", ".join(f"seed {s} {number(v)}" for s, v in sorted(m.seeds.items()))
    return f"{number(m.value)}{ranged}; {seeds}; needs {needs(m)}"


def bar_of(m: Measure, seed: int) -> float:
    """The bar of one seed."""
    return m.bar[seed] if isinstance(m.bar, dict) else m.bar


def scale_strip(m: Measure) -> str:
    """A measure on its own scale, the bar named; '' before any seed was measured."""
    if not drawn(m):
        return ""
    ends = [*m.seeds.values(), *(bar_of(m, s) for s in m.seeds)]
    ends += held(m) or ()
    low, room = min(ends), (max(ends) - min(ends)) or abs(max(ends)) or 1.0

    def x(v: float) -> float:
        return 0.03 + 0.94 * (v - low) / room

    tall = 12 + GAP * (len(m.seeds) - 1)
    at, parts, words = x(m.mean_bar), [], "bar of each seed"
    if isinstance(m.bar, dict):
        for n, s in enumerate(sorted(m.seeds)):
            parts.append(_mark("psm-own", x(m.bar[s]), HEAD + 6 + n * GAP - 3.5, 7))
    else:
        words = f"bar {number(m.bar)}"
        parts += _bar(at, HEAD, tall, m.above)
    side = "psm-right" if at < 0.6 else "psm-left"
    parts.append(f'<span class="psm-at {side}" style="left:{at:.2%}">{escape(words)}</span>')
    return _strip([*parts, *_marks(m, x, HEAD, tall, GAP)], HEAD + tall, m, "")


def side_strip(m: Measure) -> str:
    """A measure without a scale: the dashed bar in one place in every strip, and the claim's side
    always at its right. Seeds with bars of their own stand as far from the line as from them."""
    if not drawn(m):
        return ""
    sign = 1 if m.above else -1
    off = {s: sign * (v - bar_of(m, s)) for s, v in m.seeds.items()}
    ends = [sign * (v - m.mean_bar) for v in held(m) or ()]
    low, high = (min(ends), max(ends)) if len(ends) == 2 else (None, None)
    # without an interval of its own no other may be drawn from where its seeds now stand
    moved = Measure(m.name, off, 0.0, True, low, high, worst=low is None)
    most, least = max([*off.values(), *ends, 0.0]), min([*off.values(), *ends, 0.0])
    unit = max(most / (0.95 - HERE), -least / (HERE - 0.05)) or 1.0
    tall = 10 + SMALL_GAP * (len(m.seeds) - 1)
    marks = _marks(moved, lambda v: HERE + v / unit, 0, tall, SMALL_GAP, m.seeds)
    return _strip([*_bar(HERE, 0, tall, True), *marks], tall, m, " psm-small")


def _bar(at: float, top: float, tall: float, above: bool) -> list[str]:
    """The claim's side, and the dashed bar at its edge."""
    wide = f"left:{at:.2%};right:0" if above else f"left:0;width:{at:.2%}"
    side = f'<i class="psm-side" style="{wide};top:{top}px;height:{tall}px"></i>'
    return [side, _mark("psm-bar", at, max(top - 3, 0), tall + min(top, 3))]


def _mark(kind: str, x: float, top: float, tall: float) -> str:
    return f'<i class="{kind}" style="left:{x:.2%};top:{top:g}px;height:{tall:g}px"></i>'


def _marks(
    m: Measure,
    x: Callable[[float], float],
    top: float,
    tall: float,
    gap: float,
    told: Mapping[int, float] | None = None,
) -> list[str]:
    """Interval, mean and seeds; `told` are the values that the tooltips say."""
    parts = []
    middle = top + tall / 2
    ends = held(m)
    if ends is not None:
        left, wide = x(ends[0]), x(ends[1]) - x(ends[0])
        place = f"left:{left:.2%};width:{wide:.2%};top:{middle - 3.5:g}px"
        parts.append(f'<i class="psm-interval" style="{place}"></i>')
    parts.append(_mark("psm-mean", x(m.mean), top, tall))
    first = middle - gap * (len(m.seeds) - 1) / 2
    for n, s in enumerate(sorted(m.seeds)):
        place = f"left:{x(m.seeds[s]):.2%};top:{first + n * gap:g}px"
        said = f"seed {s}: {number((told or m.seeds)[s], 3)}"
        parts.append(f'<i class="psm-dot" style="{place}" title="{said}"></i>')
    return parts


def _strip(parts: list[str], tall: float, m: Measure, kind: str) -> str:
    return (
        f'<div class="psm-fig{kind}" role="img" aria-label="{escape(spoken(m))}" '
        f'style="height:{tall:g}px">{"".join(parts)}</div>'
    )
