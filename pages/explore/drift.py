"""Drift: where training moves the Assistant, beside what it says and the noise floor."""

import streamlit as st

from psm_viz.charts import trails
from psm_viz.charts.map_ground import PROJECTIONS
from psm_viz.errors import PsmVizError
from psm_viz.ui import controls, drift_answers, drift_figures, figure, studies
from psm_viz.ui.drift_details import makeup_figures

HEIGHT = 452

messages = st.container()
row = st.columns([5.2, 1.9, 2, 0.9, 0.9, 0.95], vertical_alignment="bottom", wrap=False)
more = row[5].popover("More", icon=":material/tune:", width="stretch")
try:
    with more:
        study = controls.pick_study(messages)
        m = study.manifest
        projections = {k: k for k in PROJECTIONS}
        projection = controls.pick_segment(
            "Projection", projections, "projection", "projection", messages
        )
        frames = {"own": "own mean", "reference": "reference"}
        space = controls.pick("Centred on", frames, "frame", "frame", messages)
        controls.check_link("layer", {str(n): f"layer {n}" for n in m.layers}, "layer", messages)
    with row[0]:
        chosen = controls.pick_branches(study, messages)
    with row[1]:
        poolings = controls.pooling_options(m.poolings)
        pooling = controls.pick(
            "Pooling", poolings, "pooling", "pooling", messages, m.headline_pooling
        )
    branches = {b: m.branch(b) for b in chosen}
    now = controls.pick_step(drift_figures.steps_of(branches), row[2], row[3], row[4], messages)
except PsmVizError as e:
    with messages:
        figure.notice(e)
    st.stop()
if not branches:
    figure.caption("Choose one or more branches above to see where they lead.")
    st.stop()

left, right = st.columns([1.28, 1], gap="medium")
with left, figure.guard():
    points, info = studies.map_of(study, pooling, m.headline_layer)
    path = trails.trail_points(points, branches, projection, space)
    title = drift_figures.movement_title(study, pooling, chosen, now)
    figure.figure(
        lambda p, width: trails.trail_map(
            points,
            study.cast,
            branches,
            controls.branch_order(study),
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
with right, figure.guard():
    drift_figures.step_figures(study, pooling, chosen, now)

st.divider()
with figure.guard():
    drift_figures.pooling_figures(study, chosen)
st.divider()
with figure.guard():
    makeup_figures(study, pooling, chosen, now, messages)
st.divider()
with figure.guard():
    figure.section("What it says", "says")
    drift_answers.asked_strip(study, branches, now, messages)
