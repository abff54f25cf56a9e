"""The figure of the Map page: its finding, its caption, and what a click on it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import streamlit as st

from psm_viz.charts import findings, persona_map
from psm_viz.charts.map_ground import WIDTH, MapView
from psm_viz.charts.measure_colour import Colour
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure
from psm_viz.ui.studies import StoredMap

HEIGHT = 470
CENTRED = {"own": "its own cast's mean", "reference": "the reference's mean"}
"""`MapView.space` in words."""
NO_MEASURE = "Distances on a UMAP are not measurements."


def map_figure(
    study: Study,
    stored: StoredMap,
    checkpoint: str,
    view: MapView,
    colour: Colour | None,
    take: Callable[[], None],
) -> None:
    """The map of one checkpoint; `take` is called after a click or a drawn area."""
    title = colour.finding if colour else place_title(study, stored, checkpoint, view.space)
    words = map_words(study, stored, checkpoint, view)
    told = figure.Told(
        name=f"map-{checkpoint}-{stored.pooling}-L{stored.layer}",
        title=title,
        words=f"{colour.words} {words}".strip() if colour else words,
        alt=f"Map of {len(study.cast.personas)} personas at {checkpoint}. {title}.",
        key=f"map-{st.session_state.get('map_epoch', 0)}",
    )
    figure.figure(
        lambda p, width: persona_map.cast_map(
            stored.points, study.cast, checkpoint, view, p, (width, HEIGHT)
        ),
        persona_map.map_table(stored.points, study.cast, checkpoint, view),
        told,
        study,
        figure.Layout(WIDTH, hero="hero"),
        on_select=take,
    )


def place_title(study: Study, stored: StoredMap, checkpoint: str, space: str) -> str:
    """Where the Assistant stands, or why it is not drawn."""
    star = persona_map.assistant_points(stored.points, checkpoint, space)
    if star.empty:
        strange, absent = (stored.info.get(k, {}) for k in ("not_placeable", "not_held"))
        return findings.strange_finding(checkpoint, strange, absent)
    names = {f.id: f.name for f in study.cast.families}
    row = star.iloc[0]
    return findings.place_finding(persona_map.mixture_of(row), bool(row.off_map), names)


def map_words(study: Study, stored: StoredMap, checkpoint: str, view: MapView) -> str:
    """The caption of a map: what, n, pooling, layer, and how far it can be trusted."""
    info = stored.info
    questions = len([q for q in study.questions if q.set == "main"])
    asked = f", {questions} questions" if questions else ""
    what = (
        f"{len(study.cast.personas)} personas where {study.manifest.reference} has them, and the "
        f"Assistant of {checkpoint}, centred on {CENTRED[view.space]}. "
        f"{controls.pooling_name(stored.pooling).capitalize()}, layer {stored.layer}{asked}."
    )
    if view.projection == "PCA":
        shares = info.get("pca_explained") or []
        kept = f"{sum(shares[:2]):.0%}" if shares else "an unmeasured share"
        return (
            f"{what} The first two principal components, {kept} of the variance between personas. "
            f"Trustworthiness {quality(info, 'pca_trustworthiness')}; neighbours kept "
            f"{quality(info, 'pca_knn_recall')} (chance {quality(info, 'knn_chance')})."
        )
    # The ring's hues mean kin: it is drawn where colour means kin.
    ringed = "" if view.overlay else "Ring: the families that place the Assistant. "
    return (
        f"{what} Trustworthiness {quality(info, 'trustworthiness')}; neighbours kept "
        f"{quality(info, 'knn_recall')} (chance {quality(info, 'knn_chance')}); placement error "
        f"{quality(info, 'loo_error_median', '.1%')} of the map's width. {ringed}{NO_MEASURE}"
    )


def quality(info: Mapping[str, Any], key: str, form: str = ".2g") -> str:
    """A figure of a map's quality in words."""
    value = info.get(key)
    return format(value, form) if isinstance(value, Real) else "not measured"
