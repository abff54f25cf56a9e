"""The map: the cast, the Assistant among them, and a card of whoever is chosen."""

import streamlit as st

from psm_viz.charts.map_ground import MapView
from psm_viz.charts.persona_map import neighbours_of
from psm_viz.ui import controls, figure, map_card, map_colour, map_figure, studies

messages, columns, more = controls.picker_row([2.2, 1.5, 2.6, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        maps = studies.maps_by_pooling(study)
        m = study.manifest
        pooling = controls.pick_pooling(study, messages, maps)
        layers = {str(n): f"layer {n}" for n in maps[pooling]}
        layer = int(controls.pick("Layer", layers, "layer", messages, str(m.headline_layer)))
        space = controls.pick_space(messages)
        meant = map_colour.pick_colour(study, messages)
        blocks = st.toggle("Show the cast's blocks", key="blocks", bind="query-params")
        fade = st.toggle("Pale where the map is unreliable", key="fade", bind="query-params")
    with columns[0]:
        checkpoint = controls.pick_checkpoint(study, messages, m.reference)
    with columns[1]:
        projection = controls.pick_projection(messages)
    with columns[2]:
        persona = controls.pick_persona(study, messages)
    stored = studies.map_of(study, pooling, layer)
    colour = map_colour.colour_of(study, meant)

overlay = colour.overlay if colour else None
view = MapView(projection, space, persona, blocks, fade, overlay)
left, right = st.columns([2.15, 1], gap="medium")
with left, figure.guard():
    map_figure.map_figure(study, stored, checkpoint, view, colour)
with right, figure.guard():
    map_card.head(study, persona)
    map_card.answer(study, checkpoint, persona, messages)
    map_card.neighbours(study, neighbours_of(stored.points, persona, checkpoint, space))
    map_card.track(studies.table(study, "positions"), study, checkpoint, pooling, persona)
