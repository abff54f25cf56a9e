"""Who would say this: the cast coloured by how readily each persona would give some answers.

The quantity is the mean log p per token of the answers under a persona's prompt, less the
Assistant's own, in nats: 0 is as readily as the Assistant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from psm_viz.charts.findings import listed
from psm_viz.charts.frames import each, where
from psm_viz.charts.overlay import Overlay, greatest
from psm_viz.study.cast import Cast

TITLE = "log p per token, against the Assistant's own (nats)"


def overlay_of(name: str, likelihood: pd.DataFrame, cast: Cast) -> Overlay:
    """The overlay of one evidence, from its table (persona, relative, low, high).

    The Assistant's own 0 is always on the scale.
    """
    known = where(likelihood, likelihood.persona.isin([q.id for q in cast.personas]))
    rows = known.dropna(subset=["relative"]).rename(columns={"relative": "value"})
    notes = [f"{r.value:+.3f} nats a token ({r.low:+.3f} to {r.high:+.3f})" for r in each(rows)]
    least, most = min(rows.value.min(), 0.0), max(rows.value.max(), 0.0)
    low, high = float(least), float(most) if most > least else 1e-6
    labels = _labels(low, high)
    rows = rows.assign(note=notes)
    return Overlay(name, rows, TITLE, "nats a token", (low, high), labels, greatest(rows))


def _labels(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """The scale in words."""
    less = "less readily than the Assistant" if low < 0 else "as readily as the Assistant"
    # A hair above the Assistant is no 'more': the scale's end says what its colour looks like.
    more = "more readily" if high > 0.05 * (high - low) else "as readily as the Assistant"
    # The middle word stands only where the words at the ends leave it room.
    inner = low + 0.5 * (high - low) < 0 < high - 0.28 * (high - low)
    return ((low, less), *([(0.0, "as readily")] if inner else []), (high, more))


def overlay_finding(overlay: Overlay, names: Mapping[str, str]) -> str:
    """Who would give these answers most readily, and how many more readily than the Assistant."""
    if overlay.rows.empty:
        return f"Nobody of this cast was asked about {overlay.name}"
    more = len(where(overlay.rows, overlay.rows.low > 0))
    first = listed([names.get(i, i) for i in overlay.named])
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
