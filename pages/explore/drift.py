"""Drift: what training does to the talks of the Assistant, beside the cast and benign training."""

from dataclasses import replace
from functools import partial

import streamlit as st

from psm_viz.charts import choices
from psm_viz.charts.drift_view import DriftChoice
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.talk_course import steps_of
from psm_viz.charts.talk_figures import has_talks
from psm_viz.ui import (
    controls,
    drift_answers,
    drift_details,
    drift_figures,
    drift_talks,
    figure,
    first_figure,
    studies,
)

messages, columns, more = controls.picker_row([5, 4, 1], late=True)
with first_figure.after(), figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        reads = studies.reads(study)
        m = study.manifest
        view = MapView(controls.pick_projection(messages), controls.pick_space(messages))
        pooling = controls.pick_pooling(study, messages)
        controls.check_link("layer", {str(n): f"layer {n}" for n in m.layers}, "layer", messages)
    with columns[0]:
        branches = controls.pick_branches(study, messages)
    saved = {b: m.branch(b) for b in branches}
    talks = has_talks(study)
    with columns[1]:
        question = drift_answers.pick_question(reads, saved, messages)
if not branches:
    figure.caption("Choose one or more branches above to see where they lead.")
    first_figure.stop()

named = controls.study_in_link(study)
now = controls.step_of_link(steps_of(saved), messages)
choice = DriftChoice(reads, branches, now, question, pooling, view.projection, view.space)
if talks:
    few, every = choice.talk_choices()
    link = partial(choice.link_of, study=named)
    left, right = st.columns([2.15, 1], gap="medium")
    with left, figure.guard():
        drift_talks.story(few, every, link)
    with left:
        drift_talks.below(every, link)
    with right:
        drift_talks.beside(every, link)
else:
    drift_talks.say_what_makes_talks(study)

if talks and not controls.pick_details():
    first_figure.stop()
choice = replace(choice, details=talks)


@st.fragment
def at_step() -> None:
    """The statistics of means at a step, which is chosen without drawing anything else anew."""
    figure.section("At a step of training", "steps")
    asked = choices.steps_of_details(study, saved)
    now = controls.pick_step(asked, st.columns([5, 1, 1], vertical_alignment="bottom"))
    here = replace(choice, step=now)
    link = partial(here.link_of, study=named)
    left, right = st.columns([1.28, 1], gap="medium")
    with left, figure.guard():
        drift_figures.trails(here.chosen(), view, link)
    with right, figure.guard():
        drift_figures.by_step(here.chosen(), link)
    st.divider()
    with figure.guard():
        figure.section("What it is made of", "makeup")
        here = replace(here, branch=drift_details.pick_branch(here, messages))
        drift_details.makeup(here, messages, named)
    st.divider()
    with figure.guard():
        figure.section("What it says", "says")
        drift_answers.asked_strip(reads, saved, now, question)


at_step()
st.divider()
with figure.guard():
    drift_figures.ends(choice.chosen(), partial(choice.link_of, study=named))
