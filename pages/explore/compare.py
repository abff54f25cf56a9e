"""Compare: two checkpoints on the same land, what was said at both, and what moved between them."""

import streamlit as st

from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import compare_figures, compare_movers, controls, figure

messages, columns, more = controls.picker_row([1.9, 1.5, 1.5, 2.2, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        projection = controls.pick_projection(messages)
    pair, free = compare_figures.pick_pair(study, columns, messages)
    with free or more:
        persona = controls.pick_persona(study, messages)

top = st.container()
st.divider()
left, right = st.columns([1, 1.25], gap="large")
talk = None
with left, figure.guard():
    if persona == ASSISTANT:
        talk = compare_figures.pick_talk(study, pair, messages)
    compare_figures.beside_section(study, pair, persona, talk, messages)
with top, figure.guard():
    compare_figures.maps(study, pair, projection, persona, talk)
with right, figure.guard():
    compare_movers.mover_section(study, pair, messages)
