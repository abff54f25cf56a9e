"""The figures of the Method page: how far the map and the statistics can be trusted.

Thin Streamlit parts over `psm_viz.charts.map_trust` and `psm_viz.charts.method_details`; every
number was written by `derive` or `validate`, none is computed here.
"""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import map_trust, method_details
from psm_viz.charts.choices import pooling_name
from psm_viz.charts.dot_chart import DotLook, Rule, spoken
from psm_viz.charts.figures import Layout, Told
from psm_viz.charts.findings import capital
from psm_viz.charts.frames import where
from psm_viz.charts.glossary import STATISTICS
from psm_viz.charts.line_chart import LineLook, line_chart
from psm_viz.charts.map_figures import quality
from psm_viz.charts.reads import StoredMap
from psm_viz.stats.significance import ALPHA
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, studies

CAPTIONED = Layout(560, small=True, captioned=True)
OTHER = "Choose the other pooling above."


# -- the map ------------------------------------------------------------------------------------


def map_section(study: Study, pooling: str) -> None:
    """The stored map beside a map of noise, and other settings and seeds."""
    figure.section("How far this map can be trusted", "map")
    stored = studies.reads(study).map_of(pooling, study.manifest.headline_layer)
    trials = studies.table(study, "map_trials") if study.has_table("map_trials") else None
    tried = None if trials is None else where(trials, trials.pooling == pooling)
    noise = pd.DataFrame() if tried is None else where(tried, tried["data"] == map_trust.NOISE)
    figure.finding(map_trust.map_finding(stored.info, noise))
    left, right = st.columns([1.28, 1], gap="medium")
    with left, figure.guard():
        _map_and_noise(study, stored, noise)
    with right, figure.guard():
        _map_trials(study, pooling, tried)


def _map_and_noise(study: Study, stored: StoredMap, noise: pd.DataFrame) -> None:
    """Two small maps of the same marks. `noise`: the trials on Gaussian noise."""
    pooling, name = stored.pooling, pooling_name(stored.pooling)
    beside = studies.wanted_rows(
        study,
        "gaussian_map",
        "No map of noise was drawn for comparison.",
        lambda table: where(table, table.pooling == pooling),
        f"A map of noise was drawn for another pooling than the {name}.",
        OTHER,
    )
    if beside is None:
        return
    twins = map_trust.twin_points(stored.points, beside)
    first = {str(k): v for k, v in noise.iloc[0].items()} if len(noise) else {}
    words = {
        "cast": f"The cast: trustworthiness {quality(stored.info, 'trustworthiness')}",
        map_trust.NOISE: f"Noise: trustworthiness {quality(first, 'trustworthiness')}",
    }
    told = Told(
        name=f"map-and-noise-{pooling}",
        title="The same marks, once placed by their vectors and once by Gaussian noise",
        words=f"Left: the stored map, {name}, layer {stored.layer}. Right: as many Gaussian "
        "vectors of the same size through the same UMAP, each given a persona's mark. A map of "
        "noise has clumps too; what it lacks is kin of one hue in one place. Neighbours kept: "
        "share of each persona's 15 nearest that stay; chance "
        f"{quality(stored.info, 'knn_chance')}.",
        alt=f"Two small maps of {len(study.cast.personas)} personas: the stored map, and "
        f"Gaussian noise. {words['cast']}. {words[map_trust.NOISE]}.",
        key="twins",
    )
    figure.figure(
        lambda p, width: map_trust.twin_map(twins, words, study.cast, p, (width, 262)),
        twins.drop(columns=["px", "py"]),
        told,
        study,
        Layout(640, label=True),
    )


def _map_trials(study: Study, pooling: str, tried: pd.DataFrame | None) -> None:
    """How much another setting or seed would change the picture."""
    if tried is None:
        studies.wanted(study, "map_trials", "No other settings or seeds were tried.")
        return
    rows = map_trust.trial_rows(tried)
    if rows.empty:
        name = pooling_name(pooling)
        figure.empty(f"Settings and seeds were tried for another pooling than the {name}.", OTHER)
        return
    title = map_trust.trial_finding(rows)
    told = Told(
        name=f"map-trials-{pooling}",
        title=title,
        words="Neighbours, least distance and metric of UMAP; one dot a seed. Procrustes "
        "disparity against the stored map: 0 is the same picture after turning and scaling, 1 "
        "nothing in common. At the right, the share of neighbours kept.",
        alt=f"Disparity of other settings and seeds from the stored map. {title}.",
        key="trials",
    )
    look = DotLook(rules=(Rule(0.0, "the stored map"),), accent=False)
    figure.dots(rows, told, study, CAPTIONED, look, row=32)


# -- false alarms and power ---------------------------------------------------------------------


def alarm_section(study: Study, messages: Any) -> None:
    """False alarms against the rule, and power by the size of a planted movement."""
    figure.section("Does it cry wolf?", "alarms")
    table = studies.wanted(study, "validation", "The statistics were not put to the test yet.")
    if table is None:
        return
    rows = method_details.alarm_rows(table)
    figure.finding(method_details.alarm_finding(rows))
    kinds = {str(d): str(d) for d in dict.fromkeys(table["data"])}
    left, right = st.columns([1, 1.1], gap="medium")
    with left:
        _alarms(study, rows)
    with right:
        data = next(iter(kinds))
        if len(kinds) > 1:
            data = controls.pick("Planted in", kinds, "planted", messages, what="data set")
        power = method_details.power_rows(table, data)
        figure.label(method_details.power_finding(power))
        _power(study, power, data)


def _alarms(study: Study, rows: pd.DataFrame) -> None:
    """Rates of firing where nothing is there."""
    marks = dict(zip(rows.lane, rows["mark"], strict=True))
    key = ", ".join(f"{mark}: {lane}" for lane, mark in marks.items())
    told = Told(
        name="false-alarms",
        title=f"False alarms where nothing is there ({key})",
        words="How often a statistic fires on data without the movement that it looks for: "
        "nothing planted, the whole cast carried along, or planted for others; one dot a data "
        "set, plant and size. Pale: Monte Carlo intervals of 95 %; the line is the rule of 5 "
        "%. Hollow: the whole interval lies above it.",
        alt=f"False-alarm rates. {method_details.alarm_finding(rows)}.",
        key="alarms",
    )
    look = DotLook(rules=(Rule(ALPHA, "5 %"),), percent=True, lanes="lane", accent=False)
    frame = rows.rename(columns={"lane": "activations"})
    figure.dots(rows, told, study, Layout(560, label=True), look, row=38, frame=frame)


def _power(study: Study, power: pd.DataFrame, data: str) -> None:
    """Small multiples, one a statistic: rate of firing by the size of what was planted."""
    names = [str(n) for n in dict.fromkeys(power.statistic)]
    for start in range(0, len(names), 2):
        for name, column in zip(names[start : start + 2], st.columns(2, gap="small"), strict=False):
            with column:
                _power_of(study, name, where(power, power.statistic == name), data)
    figure.caption(
        f"How often a statistic fires by the size of what was planted, {data}; tint: 95 % Monte "
        "Carlo interval; grey line: 5 %. Sizes (spaced by ratio): of a mixture the share of the "
        "way, of others in units of the cast's radius."
    )


def _power_of(study: Study, name: str, rows: pd.DataFrame, data: str) -> None:
    """One statistic's power."""
    title = method_details.title_of(name)
    told = Told(
        name=f"power-{name}",
        title=title,
        words=f"How often '{title}' fires by the size of a planted movement, {data}, 95 % Monte "
        "Carlo interval; line: 5 %.",
        alt=f"Power of {title} by planted size, {data}.",
        key=f"power-{name}",
    )
    look = LineLook(rule=Rule(ALPHA), percent=True, domain=(0.0, 1.0), ratios=True, nominal=250)
    figure.figure(
        lambda p, width: line_chart(rows, p, look, (width, 128)),
        rows,
        told,
        study,
        Layout(320, small=True, label=True),
    )


# -- what each statistic says -------------------------------------------------------------------


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


# -- layers, confounds, steering ----------------------------------------------------------------


def layer_figure(study: Study, checkpoint: str, pooling: str) -> None:
    """What is kept by layer at one checkpoint."""
    figure.section("Across layers", "layers")
    table = studies.wanted(study, "layers", "The layers were not compared.")
    if table is None:
        return
    rows, null = method_details.layer_rows(table, checkpoint, pooling)
    if rows.empty:
        figure.empty(f"{checkpoint} was not compared layer by layer.", made_by("layers"))
        return
    title = method_details.layer_finding(table, checkpoint, pooling)
    told = Told(
        name=f"layers-{checkpoint}",
        title=title,
        words=f"{checkpoint} against its start, {pooling_name(pooling)}: cosine of "
        "the Assistant axes, and linear CKA of the cast; 1 is unchanged. Grey: CKA with roles "
        "dealt out at random.",
        alt=f"Axis cosine and CKA by layer at {checkpoint}. {title}.",
        key="layers",
    )
    look = LineLook(bands=[("roles dealt anew", null)], x_title="layer")
    _lines(study, rows, rows, look, told)


def confound_figure(study: Study, checkpoint: str, pooling: str) -> None:
    """How the axis goes with what is no character."""
    figure.section("What else the axis goes with", "confounds")
    rows = studies.wanted_rows(
        study,
        "confounds",
        "Confounds were not measured.",
        lambda table: method_details.confound_rows(table, checkpoint, pooling),
        f"{checkpoint} has no answers to compare with: confounds need them.",
    )
    if rows is None:
        return
    told = Told(
        name=f"confounds-{checkpoint}",
        title=method_details.confound_finding(rows),
        words=f"Correlation of the place on the Assistant axis with answer length and activation "
        f"norm at {checkpoint}, {pooling_name(pooling)}; 95 % interval.",
        alt=f"Confounds at {checkpoint}: {spoken(rows)}.",
        key="confounds",
    )
    figure.dots(rows, told, study, CAPTIONED, DotLook(accent=False))


def steering_figure(study: Study) -> None:
    """Steered answers against random directions of the same norm."""
    figure.section("Is the direction a cause?", "steering")
    table = studies.wanted(study, "steering", "Steering was not tried on this model.")
    if table is None:
        return
    rows, bands = method_details.steering_rows(table)
    if rows.empty:
        figure.empty("No direction was steered along.", made_by("steering"))
        return
    title = method_details.steering_finding(rows, bands)
    told = Told(
        name="steering",
        title=title,
        words="Share of bad answers while a direction is added to the reference's activations, by "
        "strength (1: the specific shift of the strongest branch). Grey: where 95 % of random "
        "directions of the same norm fall.",
        alt=f"Bad answers by steering strength. {title}.",
        key="steering",
    )
    look = LineLook(bands=list(bands.items()), percent=True, x_title="strength")
    _lines(study, rows, table, look, told)


def _lines(
    study: Study, rows: pd.DataFrame, table: pd.DataFrame, look: LineLook, told: Told
) -> None:
    """A line chart with its caption under it."""
    figure.figure(
        lambda p, width: line_chart(rows, p, look, (width, 190)), table, told, study, CAPTIONED
    )
