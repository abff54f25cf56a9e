"""The map: the cast's talks, the Assistant's among them, and a card of what is chosen."""

from dataclasses import replace
from functools import partial

import streamlit as st

from psm_viz.charts import choices
from psm_viz.charts.figures import Figure
from psm_viz.charts.map_view import MapChoice
from psm_viz.charts.persona_map import AREA, CLICK, neighbours_of
from psm_viz.charts.talk_figures import has_talks
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import controls, figure, first_figure, map_card, map_selection, studies, talk_card

messages, columns, more = controls.picker_row([1.9, 1.35, 1.9, 2.2, 1], late=True)
with first_figure.after(), figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        reads = studies.reads(study)
        talks = has_talks(study) and controls.pick_unit(messages) == choices.TALKS
        maps = reads.maps_by_pooling()
        m = study.manifest
        pooling = controls.pick_pooling(study, messages, maps)
        layer = controls.pick_layer(choices.layers(maps[pooling]), messages, m.headline_layer)
        space, blocks, fade = "own", False, False
        if talks:  # they are centred on their question's mean, and their land is always shown
            controls.check_link("frame", choices.SPACES, "frame", messages)
        else:
            space = controls.pick_space(messages)
        zoom = controls.pick_zoom(messages)
        families = map_selection.pick_families(study, messages)
        if not talks:
            blocks = st.toggle("Show the cast's blocks", key="blocks", bind="query-params")
            fade = st.toggle("Pale where the map is unreliable", key="fade", bind="query-params")
        talk_card.say_what_makes_talks(study)
    with columns[0]:
        checkpoint = controls.pick_checkpoint(study, messages, m.reference)
    with columns[1]:
        projection = controls.pick_projection(messages)
    with columns[2]:
        colour = controls.pick_colour(study, messages)
    with columns[3]:
        persona = controls.pick_persona(study, messages)
    stored = reads.map_of(pooling, layer)

plane = f"{'talks' if talks else f'{pooling}-L{layer}'}-{projection}"
wanted = map_selection.wanted_of(plane, families)
choice = MapChoice(
    *(reads, checkpoint, persona, talks, pooling, layer, choices.KIN),
    *(projection, space, blocks, fade),
    zoom=zoom,
    area=wanted.area,
)
with messages, figure.guard():  # What was not measured here leaves colour to kin.
    coloured = replace(choice, colour=colour)
    coloured.view()
    choice = coloured

left, right = st.columns([2.15, 1], gap="medium")
with right:  # the card's words follow the map: what stands before a figure delays it
    above, picked, below = st.container(), st.container(), st.container()
of_assistant = talks and persona == ASSISTANT
with first_figure.after(), picked, figure.guard():
    if of_assistant:
        choice = replace(choice, talk=talk_card.pick_talk(reads, checkpoint, messages))
link = choice.link(controls.study_in_link(study))
with left, figure.guard():
    drawn = choice.map()
    if talks and isinstance(drawn, Figure):
        talk_card.explain(study)
    take = partial(map_selection.take_gesture, study, plane)
    unsaid = repr(wanted.area)
    figure.show(drawn, study, link, take, controls.map_key(), (CLICK, AREA), unsaid)
    figure.caption(map_selection.HINT)
with above, figure.guard():
    if wanted:
        map_selection.selection_card(choice, wanted)
    map_card.head(study, persona, checkpoint)
with below, figure.guard():
    if choice.talk is not None:
        talk_card.talk_words(reads, checkpoint, choice.talk)
    elif not of_assistant:
        map_card.answer(study, checkpoint, persona, messages)
        if persona != ASSISTANT:
            talk_card.told_talk(reads, checkpoint, persona, messages)
        map_card.neighbours(study, neighbours_of(stored.points, persona, checkpoint, space))
    for one in choice.card():
        figure.show(one, study, link)
    if choice.shown is not None:
        st.html(talk_card.kin_legend(study))
