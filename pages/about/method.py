"""Method: how far the map and the statistics can be trusted, and what each of them says."""

from functools import partial

import streamlit as st

from psm_viz.charts.method_view import MethodChoice, usual_checkpoint
from psm_viz.ui import controls, figure, method_figures, studies

messages, columns, more = controls.picker_row([2.2, 2.2, 2.6, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
    with columns[1]:
        pooling = controls.pick_pooling(study, messages)
    with columns[0]:
        checkpoint = controls.pick_checkpoint(study, messages, usual_checkpoint(study))
choice = MethodChoice(studies.reads(study), checkpoint, pooling)
named = controls.study_in_link(study)
link = partial(choice.link_of, study=named)

method_figures.talk_section(choice, link)
with figure.guard():
    method_figures.map_section(choice, link)
st.divider()
with figure.guard():
    method_figures.alarm_section(choice, messages, named)
st.divider()
method_figures.glossary_section()
st.divider()
method_figures.detail_section(choice, link)
