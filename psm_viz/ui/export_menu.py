"""What a figure's menu gives: its table, its files, and a place among those that are collected."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from psm_viz.charts import export
from psm_viz.charts.address import PAGES, page_of
from psm_viz.charts.export import CAPTION, FORMS, Export, Form, Source
from psm_viz.charts.figures import Figure

NAMES = {
    **{"svg": "SVG", "png": "PNG", "pdf": "PDF", "html": "HTML", "vega": "Vega-Lite"},
    **{"csv": "CSV", "parquet": "Parquet"},
}
"""The forms of files as a reader knows them."""
COLLECTED = "collected"
"""The state that holds (link, name) of the figures that were collected."""


def downloads(one: Figure, source: Source, link: str) -> None:
    """The table behind a figure and its files, each made on the click; and a button that collects
    it, where its link brings it back."""
    files(one, source, link)
    if page_of(link) in PAGES:
        st.button(
            "Collect for export",
            key=f"{one.told.key}-collect",
            help="Several figures as one file: page Export",
            icon=":material/library_add:",
            on_click=collect,
            args=(link, one.told.name),
        )
    table(one.frame)


def files(one: Figure, source: Source, link: str) -> None:
    """A button a form."""
    made = Export(one, export.record_of(one, source, link))
    with st.container(horizontal=True, gap="small"):
        for word, form in FORMS.items():
            _button(NAMES[word], form, made, one.told.key)
        _button("Caption", CAPTION, made, one.told.key)


def _button(name: str, form: Form, made: Export, key: str) -> None:
    st.download_button(
        name,
        data=lambda: form.make(made),
        file_name=made.name + form.end,
        mime=form.mime,
        key=f"{key}-{name}",
        on_click="ignore",
    )


def collect(link: str, name: str) -> None:
    """Put a figure among those that are collected, once."""
    held = st.session_state.setdefault(COLLECTED, [])
    if (link, name) not in held:
        held.append((link, name))
    st.toast(f"Collected: {name}. The page Export has {len(held)}.")


def table_file(name: str, table: Callable[[], pd.DataFrame], file: str, key: str) -> None:
    """A button that downloads a table as CSV, made on the click: what a button holds is kept for as
    long as its session."""
    st.download_button(
        name,
        data=lambda: export.csv(table()),
        file_name=f"{file}.csv",
        mime="text/csv",
        key=key,
        on_click="ignore",
    )


def table(frame: pd.DataFrame) -> None:
    """A table behind a figure."""
    st.dataframe(frame, hide_index=True, height=260, width=620)
