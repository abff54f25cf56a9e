"""Drift: what training does to the talks of the Assistant, beside the cast and benign training."""

import streamlit as st

from psm_viz.charts.map_ground import MapView
from psm_viz.charts.talk_course import TalkCourse, steps_of
from psm_viz.charts.talk_course_chart import COLUMNS_AT_ONCE
from psm_viz.ui import (
    controls,
    drift_answers,
    drift_details,
    drift_figures,
    drift_talks,
    figure,
    talk_figure,
)

messages, columns, more = controls.picker_row([5, 4, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        m = study.manifest
        view = MapView(controls.pick_projection(messages), controls.pick_space(messages))
        pooling = controls.pick_pooling(study, messages)
        controls.check_link("layer", {str(n): f"layer {n}" for n in m.layers}, "layer", messages)
    with columns[0]:
        branches = controls.pick_branches(study, messages)
    saved = {b: m.branch(b) for b in branches}
    steps = steps_of(saved)
    talks = talk_figure.has_talks(study)
    with columns[1]:
        question = drift_answers.pick_question(study, saved, messages)
if not branches:
    figure.caption("Choose one or more branches above to see where they lead.")
    st.stop()

now = controls.step_of_link(steps, messages)
if talks:
    shown = dict(list(saved.items())[:COLUMNS_AT_ONCE])
    few, every = (
        drift_talks.TalkChoice(study, TalkCourse(s), view.projection, now, question)
        for s in (shown, saved)
    )
    left, right = st.columns([2.15, 1], gap="medium")
    with left, figure.guard():
        drift_talks.talk_story(few, every)
    for side, parts in ((left, drift_talks.BELOW), (right, drift_talks.BESIDE)):
        for part in parts:
            with side, figure.guard():
                part(every)
else:
    drift_talks.say_what_makes_talks(study)

if talks and not controls.pick_details():
    st.stop()


@st.fragment
def at_step() -> None:
    """The statistics of means at a step, which is chosen without drawing anything else anew."""
    figure.section("At a step of training", "steps")
    asked = drift_figures.steps_of_means(study, saved)
    now = controls.pick_step(asked, st.columns([5, 1, 1], vertical_alignment="bottom"))
    moved = drift_figures.Chosen(study, pooling, branches, now)
    left, right = st.columns([1.28, 1], gap="medium")
    with left, figure.guard():
        drift_figures.trail_figure(moved, view)
    with right, figure.guard():
        drift_figures.step_figures(moved)
    st.divider()
    with figure.guard():
        drift_details.makeup_figures(moved, messages)
    st.divider()
    with figure.guard():
        figure.section("What it says", "says")
        drift_answers.asked_strip(study, saved, now, question)


at_step()
st.divider()
with figure.guard():
    drift_figures.pooling_figures(study, branches)
