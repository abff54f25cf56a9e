"""The part of the Live page that starts a model, waits for it, and says when it is gone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from psm_viz.errors import PsmVizError
from psm_viz.study.reader import Study
from psm_viz.ui import figure, live_recorded
from psm_viz.ui.live_client import Gone, Live, registry
from psm_viz.ui.live_follow import PROBLEM

PATIENCE = 0.4
"""Seconds between two looks at a model that loads."""


def pick_live(study: Study) -> tuple[Live, dict[str, Any]]:
    """The model process of a study and what it offers. While there is none, or it loads, the page
    says so and ends here."""
    live = registry().of(study.folder)
    if live is None:
        offer_to_start(study)
        live_recorded.recorded_section(study)
        st.stop()
    try:
        state = live.state()
    except Gone as e:
        figure.notice(e)
        offer_to_start(study, "Start it again")
        live_recorded.recorded_section(study)
        st.stop()
    if state["failed"]:
        registry().stop(study.folder)
        figure.empty("The model could not be loaded.", str(state["failed"]))
        offer_to_start(study, "Try again")
        live_recorded.recorded_section(study)
        st.stop()
    if not state["ready"]:
        wait_for(live)
    return live, state


def offer_to_start(study: Study, label: str = "Load the model") -> None:
    """What the page is for, and the button that loads the model."""
    name = str(study.manifest.model.get("name", study.manifest.name))
    figure.finding(f"Talk to the {name}, and see who it takes itself to be")
    figure.caption(
        "This page holds the model in memory, in a process of its own on this computer: you talk "
        "to it, and after every answer the map shows which characters would have said the same. "
        "You can push it along a direction, let two checkpoints (saved states of training) answer "
        "the same words side by side, and train it on lines of your own. Nothing leaves this "
        "computer."
    )
    if st.button(label, key="live-start", type="primary"):
        try:
            with st.spinner("Starting the process"):
                registry().start(study.folder)
        except PsmVizError as e:
            figure.notice(e)
            return
        st.session_state.pop(PROBLEM, None)  # it was the old process's
        st.rerun()


def wait_for(live: Live) -> None:
    """Say how far a model is that loads, and draw the page anew when it is there."""
    with st.status("Loading the model", expanded=False) as status:
        began = time.monotonic()
        while True:
            state = live.state()
            if state["ready"] or state["failed"]:
                st.rerun()
            seconds = time.monotonic() - began
            status.update(label=f"{str(state['line']).capitalize()}, {seconds:.0f} s")
            time.sleep(PATIENCE)


def stop_button(study: Study, live: Live, state: Mapping[str, Any]) -> None:
    """The button that takes a model out of memory, where this dashboard put it there; says what
    would end with it."""
    if live.process is None:
        figure.caption("This model process was started by hand: end it where you started it.")
        return
    if state.get("busy"):
        figure.caption(
            f"It is at work on {state['busy']}, perhaps for somebody else, which would end too."
        )
    st.button(
        "Take the model out of memory",
        key="live-stop",
        on_click=registry().stop,
        args=(study.folder,),
    )
