"""The Method page's parts: each figure under its finding, and what each statistic says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st

from psm_viz.charts import method_details, method_figures, method_talks
from psm_viz.charts.figures import Missing, Shown
from psm_viz.charts.findings import capital
from psm_viz.charts.glossary import STATISTICS
from psm_viz.charts.method_view import MethodChoice
from psm_viz.ui import controls, figure


def shown(choice: MethodChoice, make: Callable[[], Shown], link: figure.LinkOf) -> None:
    """One figure; what is wrong with its data is told in its place."""
    with figure.guard():
        figure.linked(make(), choice.study, link)


def talk_section(choice: MethodChoice, link: figure.LinkOf) -> None:
    """Figures of talks whose speakers are known; nothing for a study without talks."""
    makers = method_talks.makers(choice.study)
    if not makers:
        return
    figure.section("How far belief from talks can be trusted", "talks")
    for pair in (makers[n : n + 2] for n in range(0, len(makers), 2)):
        for make, column in zip(pair, st.columns(2, gap="medium"), strict=False):
            with column, figure.guard():
                figure.linked(make(choice.reads), choice.study, link)


def map_section(choice: MethodChoice, link: figure.LinkOf) -> None:
    """The stored map beside a map of noise, and other settings and seeds."""
    figure.section("How far this map can be trusted", "map")
    figure.finding(choice.map_finding)
    left, right = st.columns([1.28, 1], gap="medium")
    with left:
        shown(choice, choice.map_and_noise, link)
    with right:
        shown(choice, choice.map_trials, link)


def alarm_section(choice: MethodChoice, messages: Any, named: str) -> None:
    """False alarms against the rule, and power by the size of a planted movement; `named` is what
    links call the study."""
    figure.section("Does it cry wolf?", "alarms")
    alarms, link = choice.alarms(), lambda one: choice.link_of(one, named)
    if isinstance(alarms, Missing):
        figure.linked(alarms, choice.study, link)
        return
    figure.finding(method_details.alarm_finding(alarms.frame))
    left, right = st.columns([1, 1.1], gap="medium")
    with left:
        figure.linked(alarms, choice.study, link)
    with right:
        _power(choice, messages, named)


def _power(choice: MethodChoice, messages: Any, named: str) -> None:
    """Small multiples, one a statistic: rate of firing by the size of what was planted."""
    kinds = method_figures.planted_in(choice.reads)
    if len(kinds) > 1:
        planted = controls.pick("Planted in", kinds, "planted", messages, what="data set")
        choice = replace(choice, planted=planted)
    figure.linked(choice.power(), choice.study, lambda one: choice.link_of(one, named))


def glossary_section() -> None:
    """One sentence a statistic, with its null, as a definition list."""
    figure.section("What each statistic says", "statistics")
    terms = []
    for e in STATISTICS.values():
        source = f" {escape(capital(e.source))}." if e.source else ""
        terms.append(
            f"<div><dt>{escape(e.title)}</dt><dd>{escape(e.sentence)}</dd>"
            f'<dd class="psm-null">Null: {escape(e.null.rstrip("."))}.{source}</dd></div>'
        )
    st.html(f'<dl class="psm-terms">{"".join(terms)}</dl>')


def detail_section(choice: MethodChoice, link: figure.LinkOf) -> None:
    """Layers, confounds and steering beside each other."""
    parts = (
        ("Across layers", "layers", choice.layers),
        ("What else the axis goes with", "confounds", choice.confounds),
        ("Is the direction a cause?", "steering", choice.steering),
    )
    columns = st.columns(len(parts), gap="medium")
    for (name, key, make), column in zip(parts, columns, strict=True):
        with column:
            figure.section(name, key)
            shown(choice, make, link)
    with columns[-1]:
        for make in choice.more:
            shown(choice, make, link)
