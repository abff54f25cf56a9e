"""Who would say this: the cast coloured by how readily each persona would give some answers.

The quantity is the mean log p per token of the answers under a persona's prompt, less the
Assistant's own, in nats: 0 is as readily as the Assistant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.findings import listed
from psm_viz.charts.frames import each, where
from psm_viz.charts.palette import Palette
from psm_viz.study.cast import Cast

TITLE = "log p per token, against the Assistant's own (nats)"
LEGEND = 46
"""Height of the legend in pixels."""
NAMED = 3
"""So many of the readiest personas are named on the map."""


@dataclass(frozen=True)
class Overlay:
    """How readily each persona would give the answers of one data set."""

    name: str
    rows: pd.DataFrame
    """persona, relative, low, high; one row a persona of the cast."""

    @property
    def values(self) -> dict[str, float]:
        """Persona id -> nats per token against the Assistant."""
        return {str(r.persona): float(r.relative) for r in each(self.rows)}

    @property
    def top(self) -> list[str]:
        """The readiest personas, first the readiest."""
        return [str(i) for i in self.rows.sort_values("relative", ascending=False).persona[:NAMED]]

    @property
    def notes(self) -> dict[str, str]:
        """Persona id -> words for the pointer."""
        return {
            str(r.persona): f"{r.relative:+.3f} nats a token ({r.low:+.3f} to {r.high:+.3f})"
            for r in each(self.rows)
        }

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the scale; the Assistant's own 0 is always on it."""
        low, high = float(self.rows.relative.min()), float(self.rows.relative.max())
        return min(low, 0.0), max(high, 0.0) if max(high, 0.0) > min(low, 0.0) else 1e-6


def overlay_of(name: str, likelihood: pd.DataFrame, cast: Cast) -> Overlay:
    """The overlay of one evidence, from its table (persona, relative, low, high)."""
    known = where(likelihood, likelihood.persona.isin([q.id for q in cast.personas]))
    return Overlay(name, known.dropna(subset=["relative"]))


def shade(overlay: Overlay, p: Palette) -> Any:
    """The colour channel: five steps from less to more, with a small legend in words."""
    low, high = overlay.ends
    stops = [low + (high - low) * k / 4 for k in range(5)]
    # The middle word stands only where the words at the ends leave it room.
    inner = low + 0.5 * (high - low) < 0 < high - 0.28 * (high - low)
    less = "less readily than the Assistant" if low < 0 else "as readily as the Assistant"
    # A hair above the Assistant is no 'more': the scale's end says what its colour looks like.
    more = "more readily" if high > 0.05 * (high - low) else "as readily as the Assistant"
    words = f"datum.value < {low / 2!r} ? '{less}' : datum.value > {high / 2!r} ? '{more}' : "
    words += "'as readily'"
    legend = alt.Legend(
        orient="bottom",
        direction="horizontal",
        title=TITLE,
        gradientLength=340,
        gradientThickness=8,
        values=[low, 0.0, high] if inner else [low, high],
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
    scale = alt.Scale(domain=stops, range=list(p.scale), interpolate="lab", clamp=True)
    return alt.Color("relative:Q", scale=scale, legend=legend)


def overlay_finding(overlay: Overlay, names: Mapping[str, str]) -> str:
    """Who would give these answers most readily, and how many more readily than the Assistant."""
    if overlay.rows.empty:
        return f"Nobody of this cast was asked about {overlay.name}"
    more = len(where(overlay.rows, overlay.rows.low > 0))
    first = listed([names.get(i, i) for i in overlay.top])
    if not more:
        return f"Nobody would say {overlay.name} more readily than the Assistant; nearest: {first}"
    return (
        f"{more} of {len(overlay.rows)} personas would say {overlay.name} more readily than the "
        f"Assistant, most of all {first}"
    )


def overlay_words(overlay: Overlay, record: Mapping[str, Any]) -> str:
    """The caption's part: data, answers, checkpoint, date, quantity."""
    who = record.get("reference")
    facts = [
        f"{record['answers']} answers" if record.get("answers") else "",
        f"read by {who}" if who else "",
        str(record.get("written_at", ""))[:10],
    ]
    known = ", ".join(f for f in facts if f)
    data = str(record.get("data") or overlay.name)
    return f"Colour: log p per token against the Assistant's own, {data} ({known or 'no record'})."
