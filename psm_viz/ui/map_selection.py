"""What is selected on the Map page: an area drawn with the pointer, or families from a list."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import map_selection
from psm_viz.charts.frames import where
from psm_viz.charts.map_selection import Wanted
from psm_viz.charts.map_view import MapChoice
from psm_viz.charts.persona_map import assistant_points
from psm_viz.charts.talk_figures import talk_points
from psm_viz.charts.talk_map import dots_at
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.ui import controls, export_menu, figure

AREA = "map-area"
"""Of the session: the plane that an area was drawn on, and the area."""
HINT = f"{controls.MOVES} Shift + drag: list who lies in an area. Without a mouse: More."


def take_gesture(study: Study, plane: str, key: str) -> None:
    """What a click or a drawn area on the map does; `plane` names what the map shows, `key` is that
    of its widget."""
    event = st.session_state.get(key) or {}
    area = map_selection.area_of(event.get("selection"))
    if area is None:
        controls.take_click(study, key)
        return
    st.session_state[AREA] = (plane, area)
    # The map outlines it itself: what Vega draws would keep the pointer off the marks inside.
    controls.forget_click()


def pick_families(study: Study, messages: Any) -> list[str]:
    """The families to list beside the map."""
    names = {f.id: f.name for f in study.cast.families}
    asked = st.query_params.get_all("families")
    known = [i for i, name in names.items() if i in asked or name in asked]
    if known and "families" not in st.session_state:
        st.session_state["families"] = known  # a link may name ids too
    controls.check_link("families", names, "family", messages)
    return st.multiselect(
        "List these families",
        list(names),
        format_func=lambda i: names.get(i, str(i)),
        key="families",
        bind="query-params",
        placeholder="None",
    )


def wanted_of(plane: str, families: list[str]) -> Wanted:
    """What is selected on the map that shows this plane."""
    kept = st.session_state.get(AREA)
    return Wanted(kept[1] if kept and kept[0] == plane else None, families)


def clear() -> None:
    """Select nothing."""
    st.session_state.pop(AREA, None)
    st.session_state["families"] = []


def points_of(choice: MapChoice) -> pd.DataFrame:
    """The points of the map that may be selected, with whose they are (persona)."""
    if choice.talks:
        points = talk_points(choice.reads)
        own = dots_at(points, choice.checkpoint)
        return pd.concat([where(points, points.kind != ASSISTANT), own])
    points = choice.stored.points
    people = where(points, points.kind == "persona")
    star = assistant_points(points, choice.checkpoint, choice.space)
    return pd.concat([people.assign(persona=people.id), star.assign(persona=ASSISTANT)])


def selection_card(choice: MapChoice, wanted: Wanted) -> None:
    """What is selected, as a table with its file."""
    reads, view = choice.reads, choice.view()
    table = map_selection.selected(
        points_of(choice), reads.study.cast, wanted, view.projection, view.overlay
    )
    if (table.what == map_selection.TALK).any():
        table = map_selection.with_words(table, reads.talk_words(choice.checkpoint))
    figure.finding(map_selection.selection_finding(table), small=True)
    shown = table.drop(columns="persona")
    with st.container(horizontal=True, key="selection"):
        name = f"selected-{choice.checkpoint}"
        export_menu.table_file("CSV", lambda: shown, name, "selection-CSV")
        st.button("Clear the selection", key="selection-clear", on_click=clear)
    if table.empty:
        figure.caption("Nothing lies there. Draw a larger area, or choose families under More.")
        return
    st.dataframe(shown, hide_index=True, height=min(36 * len(shown) + 38, 260), width="stretch")
