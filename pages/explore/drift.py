"""Drift: where training moves the Assistant, beside what it says and the noise floor."""

import streamlit as st

from psm_viz.charts.map_ground import MapView
from psm_viz.ui import controls, drift_answers, drift_details, drift_figures, figure

messages, columns, more = controls.picker_row([5.2, 1.9, 2, 0.9, 0.9, 0.95], wrap=False)
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        m = study.manifest
        view = MapView(controls.pick_projection(messages), controls.pick_space(messages))
        controls.check_link("layer", {str(n): f"layer {n}" for n in m.layers}, "layer", messages)
    with columns[0]:
        branches = controls.pick_branches(study, messages)
    with columns[1]:
        pooling = controls.pick_pooling(study, messages)
    saved = {b: m.branch(b) for b in branches}
    now = controls.pick_step(drift_figures.steps_of(saved), columns[2:5], messages)
if not branches:
    figure.caption("Choose one or more branches above to see where they lead.")
    st.stop()

chosen = drift_figures.Chosen(study, pooling, branches, now)
left, right = st.columns([1.28, 1], gap="medium")
with left, figure.guard():
    drift_figures.trail_figure(chosen, view)
with right, figure.guard():
    drift_figures.step_figures(chosen)

st.divider()
with figure.guard():
    drift_figures.pooling_figures(study, branches)
st.divider()
with figure.guard():
    drift_details.makeup_figures(chosen, messages)
st.divider()
with figure.guard():
    figure.section("What it says", "says")
    drift_answers.asked_strip(study, saved, now, messages)
