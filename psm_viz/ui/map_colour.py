"""The map's colour: kin, or how readily each persona would give the answers of an evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psm_viz.charts.evidence_colour import Overlay, overlay_finding, overlay_of, overlay_words
from psm_viz.study.reader import Study
from psm_viz.ui import controls, studies

KIN = "kin"


@dataclass(frozen=True)
class Colour:
    """A colour that means an evidence, and what is said of it."""

    overlay: Overlay
    finding: str
    words: str
    """Its part of the caption."""


def pick_colour(study: Study, messages: Any) -> str:
    """What colour means: 'kin', or the name of an evidence of the study."""
    options = {KIN: KIN} | {e: f"would say: {e}" for e in study.evidences}
    return controls.pick("Colour", options, "colour", messages, KIN)


def colour_of(study: Study, picked: str) -> Colour | None:
    """The colour of an evidence; None where colour means kin. Raises PsmVizError."""
    if picked == KIN:
        return None
    table, record = studies.likelihood(study, picked)
    overlay = overlay_of(picked, table, study.cast)
    names = {p.id: p.name for p in study.cast.personas}
    return Colour(overlay, overlay_finding(overlay, names), overlay_words(overlay, record))
