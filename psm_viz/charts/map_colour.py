"""The colour that was picked for a map: kin, a measure of the study, or how readily each persona
would give some answers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psm_viz.charts import measure_colour
from psm_viz.charts.choices import (
    AXIS,
    BELIEF,
    CONDUCT,
    KIN,
    MEASURED,
    TRAIT,
    TRUST,
    measures,
)
from psm_viz.charts.evidence_colour import overlay_finding, overlay_of, overlay_words
from psm_viz.charts.frames import where
from psm_viz.charts.measure_colour import Colour
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import WAYS, headline_way, note_of
from psm_viz.errors import UnknownName
from psm_viz.stats.axis_scale import scale_along
from psm_viz.study.activations import common_cast
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import Study


def colour_of(
    reads: Reads, picked: str, checkpoint: str, pooling: str, points: pd.DataFrame
) -> Colour | None:
    """The colour that was picked; None where it means kin. `points` are those of the map.

    Raises PsmVizError, and UnknownName for what was not measured at this checkpoint.
    """
    study = reads.study
    if picked == KIN:
        return None
    if picked in measures(study):
        found = _measured(reads, picked, checkpoint, pooling, points)
        if found is None:
            raise UnknownName(
                f"No {picked} of each persona is known at {checkpoint}: "
                f"{study.manifest.without_cast(checkpoint)}.",
                "Choose another checkpoint, or another colour.",
            )
        return found
    table, record = reads.likelihood(picked)
    overlay = overlay_of(picked, table, study.cast)
    names = {p.id: p.name for p in study.cast.personas}
    return Colour(overlay, overlay_finding(overlay, names), overlay_words(overlay, record))


def _measured(
    reads: Reads, picked: str, checkpoint: str, pooling: str, points: pd.DataFrame
) -> Colour | None:
    """The colour of a measure, or None where a checkpoint was not asked."""
    cast = reads.study.cast
    if picked == TRUST:
        return measure_colour.trust_colour(points, cast)
    if picked.startswith(TRAIT):
        return measure_colour.trait_colour(picked.removeprefix(TRAIT), cast)
    if picked.startswith(MEASURED):
        trait = picked.removeprefix(MEASURED)
        key = ("along", trait, checkpoint, pooling)
        places = reads.once(key, lambda: _along(reads.study, trait, checkpoint, pooling))
        return measure_colour.vector_colour(trait, places, cast, checkpoint)
    if picked == AXIS:
        table = reads.table("positions")
        here = (table.checkpoint == checkpoint) & (table.pooling == pooling)
        return measure_colour.axis_colour(where(table, here), cast, checkpoint)
    if picked == BELIEF:
        table, way = reads.table("belief"), headline_way(reads)
        here = (table.checkpoint == checkpoint) & (table.way == way) & (table.of == "family")
        masses = where(table, here & (table.answers == note_of(reads.study).answers))
        return measure_colour.belief_colour(masses, cast, checkpoint, WAYS[way])
    if picked == CONDUCT and reads.has_answers(checkpoint):
        return measure_colour.conduct_colour(reads.judgements(checkpoint), cast, checkpoint)
    return None


def _along(study: Study, trait: str, checkpoint: str, pooling: str) -> pd.DataFrame:
    """Where each persona stands along a measured trait's vector: persona, z, in standard deviations
    of the reference's cast from its mean; no rows where the cast was not asked. Raises BadFile."""
    m = study.manifest
    layer, both = m.headline_layer, (study.vectors(checkpoint), study.vectors(m.reference))
    if not all(v.holds(pooling, layer) for v in both):
        return pd.DataFrame(columns=["persona", "z"])
    cast = common_cast(study.cast, both)
    here, start = (v.of(cast).at(pooling, layer)[:-1].astype(np.float64) for v in both)
    axis = study.trait(trait).at(pooling, layer)
    z = scale_along(axis, start, family_weights(cast)).of(here)
    return pd.DataFrame({"persona": [q.id for q in cast.personas], "z": z})
