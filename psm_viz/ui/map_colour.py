"""The map's colour: kin, or how readily each persona would give the answers of an evidence."""

from __future__ import annotations

from typing import Any

from psm_viz.charts.evidence_colour import Overlay, overlay_finding, overlay_of, overlay_words
from psm_viz.study.reader import Study
from psm_viz.ui import controls, studies

KIN = "kin"


def pick_colour(study: Study, messages: Any) -> str:
    """What colour means: 'kin', or the name of an evidence of the study."""
    options = {KIN: KIN} | {e: f"would say: {e}" for e in study.evidences}
    return controls.pick("Colour", options, "colour", "colour", messages, KIN)


def overlay_at(study: Study, colour: str) -> tuple[Overlay, str, str] | None:
    """The overlay, its finding and its caption; None where colour means kin."""
    if colour == KIN:
        return None
    table, record = studies.likelihood(study, colour)
    overlay = overlay_of(colour, table, study.cast)
    names = {p.id: p.name for p in study.cast.personas}
    return overlay, overlay_finding(overlay, names), overlay_words(overlay, record)
