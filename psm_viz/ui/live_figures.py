"""The figures beside a talk on the Live page: its path on the map, and who would have said it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from psm_viz.charts.figures import Figure, Shown
from psm_viz.charts.live_figures import Side as Drawn
from psm_viz.charts.live_figures import path_figure, unfolding_figure, ways_figure, ways_of
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.reads import Reads
from psm_viz.errors import PsmVizError
from psm_viz.study.files import sha256
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, talk_card
from psm_viz.ui.live_client import Live
from psm_viz.ui.live_state import Stage
from psm_viz.ui.live_voices import name_of


def drawn(study: Study, state: Mapping[str, Any], stage: Stage) -> list[Drawn]:
    """The sides of a talk as figures take them: first what is believed before any answer."""
    prior = state.get("prior") or {}
    return [
        Drawn(name_of(s.voice, study), [prior, *(h or {} for h in s.heard)]) for s in stage.sides
    ]


def show(one: Shown, study: Study, more: Any = "") -> None:
    """Show a figure of what is under way: no address says what it was drawn from, so that its table
    and `more` do."""
    drawn_from = f"{one.frame.to_csv()}{more}" if isinstance(one, Figure) else ""
    figure.show(one, study, "/live", unsaid=sha256(drawn_from.encode()))


def talk_figures(
    reads: Reads, sides: Sequence[Drawn], families: Sequence[str], projection: str
) -> None:
    """The path of a talk on the map and belief unfolding on each side of it that was read, in the
    way that the reader chooses below them; and every way beside the others."""
    study, top = reads.study, st.container()
    talked = [s for s in sides if any(h.get("belief") for h in s.heard[1:])]
    ways, way = ways_of(sides), ""
    if len(ways) > 1:
        figure.section("The same talk read in every way", "ways")
        way = controls.pick_segment("Map and bars above go by", ways, "read", top)
        for n, (side, column) in enumerate(zip(talked, st.columns(len(talked)), strict=True)):
            with column:
                show(ways_figure(side, study.cast, str(n)), study)
    with top:
        show(path_figure(reads, sides, projection, MapView(), way), study, way)
        if talked:
            for n, (side, column) in enumerate(zip(talked, st.columns(len(talked)), strict=True)):
                with column:
                    show(unfolding_figure(side, study.cast, families, str(n), way), study, way)
            st.html(talk_card.kin_legend(study))


@st.fragment(run_every=2.0)
def wait_for_readings(live: Live) -> None:
    """Say that talks are not read yet, and draw the page anew as soon as they are."""
    figure.caption(
        "How talks are read is being fitted to the study's own talks; you can talk meanwhile, and "
        "the map follows."
    )
    try:
        fitted = live.state()["fitted"]
    except PsmVizError:
        fitted = True  # the page says what has become of the process
    if fitted:
        st.rerun()


def beside(
    live: Live,
    study: Study,
    reads: Reads,
    state: Mapping[str, Any],
    stage: Stage,
    projection: str,
) -> None:
    """The map with the talk's path, belief unfolding on each side, and all ways of reading."""
    if not state["fitted"]:
        wait_for_readings(live)
        return
    if state.get("without"):
        figure.empty("This study does not tell who speaks.", str(state["without"]))
        return
    talk_figures(reads, drawn(study, state, stage), state["families"], projection)
