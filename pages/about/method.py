"""Method: how far the map and the statistics can be trusted, and what each of them says."""

import streamlit as st

from psm_viz.ui import controls, figure, method_figures, method_talks

messages, columns, more = controls.picker_row([2.2, 2.2, 2.6, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
    with columns[0]:
        pooling = controls.pick_pooling(study, messages)
    with columns[1]:
        last = study.manifest.branch(study.manifest.ordered[0])[-1].id
        checkpoint = controls.pick_checkpoint(study, messages, last)

with figure.guard():
    method_talks.talk_section(study)
with figure.guard():
    method_figures.map_section(study, pooling)
st.divider()
with figure.guard():
    method_figures.alarm_section(study, messages)
st.divider()
method_figures.glossary_section()
st.divider()
left, middle, right = st.columns(3, gap="medium")
with left, figure.guard():
    method_figures.layer_figure(study, checkpoint, pooling)
with middle, figure.guard():
    method_figures.confound_figure(study, checkpoint, pooling)
with right, figure.guard():
    method_figures.steering_figure(study)
