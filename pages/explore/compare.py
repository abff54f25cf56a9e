"""Compare: two checkpoints on the same land, what was said at both, and what moved between them."""

from dataclasses import replace
from functools import partial

import streamlit as st

from psm_viz.charts.compare_view import CompareChoice
from psm_viz.charts.figures import Figure
from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import compare_figures, controls, figure, first_figure, studies

messages, columns, more = controls.picker_row([1.9, 1.5, 1.5, 2.2, 1], late=True)
with first_figure.after(), figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        projection = controls.pick_projection(messages)
    pair, branches, free = compare_figures.pick_pair(study, columns, messages)
    with free or more:
        persona = controls.pick_persona(study, messages)
choice = CompareChoice(studies.reads(study), pair, branches, projection, persona)

top = st.container()
st.divider()
left, right = st.columns([1, 1.25], gap="large")
with first_figure.after(), left, figure.guard():
    said = st.container()
    with said:
        compare_figures.said_heading()
        if persona == ASSISTANT:
            choice = replace(choice, talk=compare_figures.pick_talk(choice, messages))
with top, figure.guard():  # before what is slower
    maps, take = choice.maps(), partial(controls.take_click, study)
    link = choice.link_of(maps, controls.study_in_link(study))
    figure.show(maps, study, link, take, controls.map_key())
    if isinstance(maps, Figure):
        figure.caption(controls.BACK)
with said, figure.guard():
    compare_figures.beside_section(study, pair, persona, choice.talk, messages)
with right:
    compare_figures.mover_section(choice, messages)
