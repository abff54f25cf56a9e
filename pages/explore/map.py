"""The map: the cast's talks, the Assistant's among them, and a card of what is chosen."""

from functools import partial

import streamlit as st

from psm_viz.charts.map_ground import MapView
from psm_viz.charts.persona_map import neighbours_of
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import (
    controls,
    figure,
    map_card,
    map_colour,
    map_figure,
    map_selection,
    studies,
    talk_figure,
)

messages, columns, more = controls.picker_row([1.9, 1.35, 1.9, 2.2, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        talks = talk_figure.has_talks(study) and controls.pick_unit(messages) == controls.TALKS
        maps = studies.maps_by_pooling(study)
        m = study.manifest
        pooling = controls.pick_pooling(study, messages, maps)
        layers = {str(n): f"layer {n}" for n in maps[pooling]}
        layer = controls.pick_layer(layers, messages, m.headline_layer)
        space = controls.pick_space(messages)
        zoom = controls.pick_zoom(messages)
        families = map_selection.pick_families(study, messages)
        blocks = st.toggle("Show the cast's blocks", key="blocks", bind="query-params")
        fade = st.toggle("Pale where the map is unreliable", key="fade", bind="query-params")
        talk_figure.say_what_makes_talks(study)
    with columns[0]:
        checkpoint = controls.pick_checkpoint(study, messages, m.reference)
    with columns[1]:
        projection = controls.pick_projection(messages)
    with columns[2]:
        meant = map_colour.pick_colour(study, messages)
    with columns[3]:
        persona = controls.pick_persona(study, messages)
    stored = studies.map_of(study, pooling, layer)
colour = None
with messages, figure.guard():
    colour = map_colour.colour_of(study, meant, checkpoint, stored)

overlay = colour.overlay if colour else None
plane = f"{'talks' if talks else f'{pooling}-L{layer}'}-{projection}"
wanted = map_selection.wanted_of(plane, families)
look = {"fade": fade, "zoom": zoom, "area": wanted.area, "overlay": overlay}
view = MapView(projection, space, persona, blocks, **look)
take = partial(map_selection.take_gesture, study, plane)
left, right = st.columns([2.15, 1], gap="medium")
shown = None
with right, figure.guard():
    if wanted:
        rows = (
            map_selection.rows_of_talks(study, checkpoint)
            if talks
            else map_selection.rows_of_means(stored, checkpoint, view)
        )
        map_selection.selection_card(study, checkpoint, rows, view, wanted)
    map_card.head(study, persona)
    if talks and persona == ASSISTANT:
        shown = talk_figure.talk_card(study, checkpoint, messages)
    else:
        map_card.answer(study, checkpoint, persona, messages)
        map_card.neighbours(study, neighbours_of(stored.points, persona, checkpoint, space))
        map_card.track(studies.table(study, "positions"), study, checkpoint, pooling, persona)
with left, figure.guard():
    if talks:
        talk_figure.talk_figure(study, checkpoint, view, shown, colour, take)
    else:
        map_figure.map_figure(study, stored, checkpoint, view, colour, take)
    figure.caption(map_selection.HINT)
