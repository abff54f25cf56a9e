"""The map's colour: kin, a measure of the study, or how readily each would give some answers."""

from __future__ import annotations

from typing import Any

from psm_viz.charts import measure_colour
from psm_viz.charts.evidence_colour import overlay_finding, overlay_of, overlay_words
from psm_viz.charts.frames import where
from psm_viz.charts.measure_colour import Colour
from psm_viz.errors import UnknownName
from psm_viz.study.reader import Study
from psm_viz.ui import controls, studies, talk_figure
from psm_viz.ui.studies import StoredMap

KIN = "kin"
BELIEF, CONDUCT, AXIS, TRUST = "belief", "bad answers", "Assistant axis", "trust in the place"
TRAIT = "trait: "
"""What the name of a trait's colour begins with."""


def pick_colour(study: Study, messages: Any) -> str:
    """What colour means: 'kin', a measure, or the name of an evidence of the study."""
    options = {KIN: "kin (shape: family)"} | {e: f"would say: {e}" for e in study.evidences}
    options |= {m: m for m in measures(study)}
    return controls.pick("Colour", options, "colour", messages, KIN)


def measures(study: Study) -> list[str]:
    """What a study has a number of for every persona."""
    traits = [f"{TRAIT}{t}" for t in study.cast.personas[0].traits]
    has = {BELIEF: talk_figure.has_talks(study), AXIS: study.has_table("positions")}
    return [m for m in (BELIEF, CONDUCT, AXIS, TRUST) if has.get(m, True)] + traits


def colour_of(study: Study, picked: str, checkpoint: str, stored: StoredMap) -> Colour | None:
    """The colour that was picked; None where it means kin. Raises PsmVizError, and UnknownName for
    what was not measured at this checkpoint."""
    if picked == KIN:
        return None
    if picked in measures(study):
        found = _measured(study, picked, checkpoint, stored)
        if found is None:
            raise UnknownName(
                f"The cast was not asked at {checkpoint}: no {picked} of each persona is known.",
                "Colour means kin instead. Choose another checkpoint, or another colour.",
            )
        return found
    table, record = studies.likelihood(study, picked)
    overlay = overlay_of(picked, table, study.cast)
    names = {p.id: p.name for p in study.cast.personas}
    return Colour(overlay, overlay_finding(overlay, names), overlay_words(overlay, record))


def _measured(study: Study, picked: str, checkpoint: str, stored: StoredMap) -> Colour | None:
    """The colour of a measure, or None where a checkpoint was not asked."""
    cast = study.cast
    if picked == TRUST:
        return measure_colour.trust_colour(stored.points, cast)
    if picked.startswith(TRAIT):
        return measure_colour.trait_colour(picked.removeprefix(TRAIT), cast)
    if picked == AXIS:
        table = studies.table(study, "positions")
        here = (table.checkpoint == checkpoint) & (table.pooling == stored.pooling)
        return measure_colour.axis_colour(where(table, here), cast, checkpoint)
    if picked == BELIEF:
        table, way = studies.table(study, "belief"), talk_figure.headline_way(study)
        here = (table.checkpoint == checkpoint) & (table.way == way) & (table.of == "family")
        whole = here & (table.answers == talk_figure.note_of(study).answers)
        masses = where(table, whole)
        return measure_colour.belief_colour(masses, cast, checkpoint, talk_figure.WAYS[way])
    if not studies.has_answers(study, checkpoint):
        return None
    said = studies.judgements(study, checkpoint)
    return measure_colour.conduct_colour(said, cast, checkpoint)
