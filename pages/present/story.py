"""Story: a story for a room, step by step, and its files to take along."""

import streamlit as st

from psm_viz.ui import figure, story

messages = st.container()
with figure.needed(messages):
    opened = story.pick_story(messages)
    told = story.stage(opened)
story.files(opened, told)
