"""Method: how far the map and the statistics can be trusted, and what each of them says."""

import streamlit as st

from psm_viz import ui
from psm_viz.errors import PsmVizError
from psm_viz.ui import method_figures

messages = st.container()
controls = st.columns([2.2, 2.2, 2.6, 1], vertical_alignment="bottom")
more = controls[3].popover("More", icon=":material/tune:", width="stretch")
try:
    with more:
        study = ui.pick_study(messages)
        m = study.manifest
    with controls[0]:
        poolings = ui.pooling_options(m.poolings)
        pooling = ui.pick("Pooling", poolings, "pooling", "pooling", messages, m.headline_pooling)
    with controls[1]:
        saved = {c.id: c.id for c in m.drawn}
        last = m.branch(ui.branch_order(study)[0])[-1].id
        checkpoint = ui.pick("Checkpoint", saved, "checkpoint", "checkpoint", messages, last)
except PsmVizError as e:
    with messages:
        ui.notice(e)
    st.stop()

with ui.guard():
    method_figures.map_section(study, pooling)
st.divider()
with ui.guard():
    method_figures.alarm_section(study, messages)
st.divider()
method_figures.glossary_section()
st.divider()
left, middle, right = st.columns(3, gap="medium")
with left, ui.guard():
    method_figures.layer_figure(study, checkpoint, pooling)
with middle, ui.guard():
    method_figures.confound_figure(study, checkpoint, pooling)
with right, ui.guard():
    method_figures.steering_figure(study)
