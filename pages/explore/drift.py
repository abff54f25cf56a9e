"""Drift: where training moves the Assistant, beside what it says and the noise floor."""

import streamlit as st

from psm_viz import ui
from psm_viz.charts import trails
from psm_viz.charts.map_ground import PROJECTIONS
from psm_viz.errors import PsmVizError
from psm_viz.ui import drift_answers, drift_figures
from psm_viz.ui.drift_details import makeup_figures

HEIGHT = 452

messages = st.container()
controls = st.columns([5.2, 1.9, 2, 0.9, 0.9, 0.95], vertical_alignment="bottom", wrap=False)
more = controls[5].popover("More", icon=":material/tune:", width="stretch")
try:
    with more:
        study = ui.pick_study(messages)
        m = study.manifest
        projections = {k: k for k in PROJECTIONS}
        projection = ui.pick_segment(
            "Projection", projections, "projection", "projection", messages
        )
        frames = {"own": "own mean", "reference": "reference"}
        space = ui.pick("Centred on", frames, "frame", "frame", messages)
        ui.check_link("layer", {str(n): f"layer {n}" for n in m.layers}, "layer", messages)
    with controls[0]:
        chosen = ui.pick_branches(study, messages)
    with controls[1]:
        poolings = ui.pooling_options(m.poolings)
        pooling = ui.pick("Pooling", poolings, "pooling", "pooling", messages, m.headline_pooling)
    branches = {b: m.branch(b) for b in chosen}
    now = ui.pick_step(
        drift_figures.steps_of(branches), controls[2], controls[3], controls[4], messages
    )
except PsmVizError as e:
    with messages:
        ui.notice(e)
    st.stop()
if not branches:
    ui.caption("Choose one or more branches above to see where they lead.")
    st.stop()

left, right = st.columns([1.28, 1], gap="medium")
with left, ui.guard():
    points, info = ui.map_of(study, pooling, m.headline_layer)
    path = trails.trail_points(points, branches, projection, space)
    title = drift_figures.movement_title(study, pooling, chosen, now)
    ui.figure(
        lambda p, width: trails.trail_map(
            points,
            study.cast,
            branches,
            ui.branch_order(study),
            m.reference,
            now,
            p,
            projection,
            space,
            (width, HEIGHT),
        ),
        trails.trail_table(path),
        name=f"trails-{pooling}",
        title=title,
        words=drift_figures.trail_words(study, info, pooling, projection, space),
        alt=f"The Assistant's way over the map on {', '.join(chosen)} up to step {now}. {title}.",
        study=study,
        width=trails.WIDTH,
        key="trails",
        hero="hero-drift",
    )
with right, ui.guard():
    drift_figures.step_figures(study, pooling, chosen, now)

st.divider()
with ui.guard():
    drift_figures.pooling_figures(study, chosen)
st.divider()
with ui.guard():
    makeup_figures(study, pooling, chosen, now, messages)
st.divider()
with ui.guard():
    ui.section("What it says", "says")
    drift_answers.asked_strip(study, branches, now, messages)
