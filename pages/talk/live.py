"""Live: talk to the model, see who it takes itself to be, push it, teach it, watch it move."""

import streamlit as st

from psm_viz.ui import (
    controls,
    figure,
    live_figures,
    live_process,
    live_room,
    live_talk,
    live_teach,
    live_voices,
    studies,
)

messages, columns, more = controls.picker_row([1.6, 2, 2, 2.2, 1])
with figure.needed(messages):
    with more:
        study = controls.pick_study(messages)
        projection = controls.pick_projection(messages)
        live_room.pick_room()
    with columns[0]:
        task = live_teach.pick_task(messages)
    asked = live_talk.linked()
    live, state = live_process.pick_live(study)
    reads = studies.reads(study)

if task == live_teach.TEACH:
    lesson = live_teach.lesson_of(study, live)
    with messages:
        live_talk.say_problem()
    left, right = st.columns([1, 1.15], gap="large")
    with left, figure.guard():
        live_teach.lines_section(live, state, lesson)
        under_way = st.container()
        live_teach.keep_section(live, lesson)
    with right, figure.guard():
        live_teach.figures_section(study, reads, state, lesson, projection)
    with figure.guard():
        live_teach.progress_section(live, lesson, under_way)
    st.stop()

with figure.needed(messages):
    first = live_voices.pick_first(study, state, columns[1:], messages)
    voices = live_voices.pick_beside(first, state, columns[3], st.container(), messages)
    stage = live_talk.stage_of(study, voices)
    with more:
        live_talk.whole_talk(study, stage, reads, state)
        live_voices.own_direction(study, live, state)
        live_process.stop_button(study, live, state)
    live_talk.start_from_link(study, stage, reads, asked)
    live_talk.say_problem()
    live_talk.do_what_was_asked(live, stage)
left, right = st.columns([1.15, 1], gap="large")
with right, figure.guard():
    live_figures.beside(live, study, reads, state, stage, projection)
with left, figure.guard():
    live_talk.talk_section(study, live, stage)
