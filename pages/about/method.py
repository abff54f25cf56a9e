"""Method: how far the map and the statistics can be trusted, and what each of them says."""

import streamlit as st

from psm_viz.errors import PsmVizError
from psm_viz.ui import controls, figure, method_figures

messages = st.container()
row = st.columns([2.2, 2.2, 2.6, 1], vertical_alignment="bottom")
more = row[3].popover("More", icon=":material/tune:", width="stretch")
try:
    with more:
        study = controls.pick_study(messages)
        m = study.manifest
    with row[0]:
        poolings = controls.pooling_options(m.poolings)
        pooling = controls.pick(
            "Pooling", poolings, "pooling", "pooling", messages, m.headline_pooling
        )
    with row[1]:
        saved = {c.id: c.id for c in m.drawn}
        last = m.branch(controls.branch_order(study)[0])[-1].id
        checkpoint = controls.pick("Checkpoint", saved, "checkpoint", "checkpoint", messages, last)
except PsmVizError as e:
    with messages:
        figure.notice(e)
    st.stop()

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
