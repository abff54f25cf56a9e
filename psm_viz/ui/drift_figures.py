"""The Drift page's figures of means by branch and step, set on the page."""

from __future__ import annotations

import streamlit as st

from psm_viz.charts.drift_figures import (
    Chosen,
    movement_figures,
    rates_figure,
    step_words,
    trail_figure,
)
from psm_viz.charts.end_figures import end_panels, ends_figure, ends_title, ends_words
from psm_viz.charts.figures import Missing
from psm_viz.charts.map_ground import MapView
from psm_viz.ui import figure


def trails(chosen: Chosen, view: MapView, link: figure.LinkOf) -> None:
    """The Assistant's way over the map, under the page's finding."""
    figure.linked(trail_figure(chosen, view), chosen.study, link)


def by_step(chosen: Chosen, link: figure.LinkOf) -> None:
    """Three charts by step, aligned: bad answers, place on the axis, size of the shift."""
    with figure.guard():
        figure.linked(rates_figure(chosen), chosen.study, link)
    with figure.guard():
        for one in movement_figures(chosen):
            figure.linked(one, chosen.study, link)
    figure.caption(step_words(chosen))


def ends(chosen: Chosen, link: figure.LinkOf) -> None:
    """Both poolings' shift at the end of each branch, each against its own null."""
    panels = end_panels(chosen)
    figure.section("At the end of each branch", "ends")
    if isinstance(panels, Missing):
        figure.linked(panels, chosen.study, link)
        return
    figure.finding(ends_title(panels))
    columns = st.columns(len(panels), gap="medium")
    for (pooling, rows), column in zip(panels.items(), columns, strict=True):
        with column:
            figure.linked(ends_figure(chosen.study, pooling, rows), chosen.study, link)
    figure.caption(ends_words(chosen))
