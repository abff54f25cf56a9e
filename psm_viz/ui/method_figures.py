"""The figures of the Method page: how far the map and the statistics can be trusted.

Thin Streamlit parts over `psm_viz.charts.trust`; every number was written by `derive` or
`validate`, none is computed here.
"""

from __future__ import annotations

from html import escape
from numbers import Real
from typing import Any

import streamlit as st

from psm_viz.charts import dot_chart, line_chart, map_trust, method_details
from psm_viz.charts.findings import capital
from psm_viz.charts.frames import where
from psm_viz.charts.glossary import STATISTICS
from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.reader import Study, made_by
from psm_viz.ui import controls, figure, studies

WIDTH = 560
OTHER = "Choose the other pooling above."
RULE = dot_chart.Rule(ALPHA, "5 %")


def map_section(study: Study, pooling: str) -> None:
    """The stored map beside a map of noise, and other settings and seeds."""
    m = study.manifest
    figure.section("How far this map can be trusted", "map")
    points, info = studies.map_of(study, pooling, m.headline_layer)
    has_trials = study.has_table("map_trials")
    trials = studies.table(study, "map_trials") if has_trials else None
    tried = None if trials is None else where(trials, trials.pooling == pooling)
    noise = None if tried is None else where(tried, tried["data"] == map_trust.NOISE)
    figure.finding(map_trust.map_finding(info, points.head(0) if noise is None else noise))
    left, right = st.columns([1.28, 1], gap="medium")
    name = POOLING_NAMES.get(pooling, pooling)
    how = f"{name}, layer {m.headline_layer}"
    with left, figure.guard():
        gaussian = studies.wanted(
            study, "gaussian_map", "No map of noise was drawn for comparison."
        )
        beside = None if gaussian is None else where(gaussian, gaussian.pooling == pooling)
        if beside is not None and beside.empty:
            figure.empty(f"A map of noise was drawn for another pooling than the {name}.", OTHER)
        elif beside is not None:
            twins = map_trust.twin_points(points, beside)
            first = {}
            if noise is not None and len(noise):
                first = {str(k): v for k, v in noise.iloc[0].items()}
            words = {
                "cast": f"The cast: trustworthiness {_say(info, 'trustworthiness')}",
                map_trust.NOISE: f"Noise: trustworthiness {_say(first, 'trustworthiness')}",
            }
            figure.figure(
                lambda p, width: map_trust.twin_map(twins, words, study.cast, p, (width, 262)),
                twins.drop(columns=["px", "py"]),
                name=f"map-and-noise-{pooling}",
                title="The same marks, once placed by their vectors and once by Gaussian noise",
                words=f"Left: the stored map, {how}. Right: as many Gaussian vectors of the same "
                "size through the same UMAP, each given a persona's mark. A map of noise has "
                "clumps too; what it lacks is kin of one hue in one place. Neighbours kept: share "
                f"of each persona's 15 nearest that stay; chance {_say(info, 'knn_chance')}.",
                alt=f"Two small maps of {len(study.cast.personas)} personas: the stored map, and "
                f"Gaussian noise. {words['cast']}. {words[map_trust.NOISE]}.",
                study=study,
                width=640,
                key="twins",
                label=True,
            )
    with right, figure.guard():
        if tried is None:
            studies.wanted(study, "map_trials", "No other settings or seeds were tried.")
            return
        rows = map_trust.trial_rows(tried)
        if rows.empty:
            figure.empty(
                f"Settings and seeds were tried for another pooling than the {name}.", OTHER
            )
            return
        figure.figure(
            lambda p, width: dot_chart.dot_chart(
                rows,
                p,
                rules=(dot_chart.Rule(0.0, "the stored map"),),
                accent=False,
                size=(width, dot_chart.height_of(rows, 32)),
            ),
            rows,
            name=f"map-trials-{pooling}",
            title=map_trust.trial_finding(rows),
            words="Neighbours, least distance and metric of UMAP; one dot a seed. Procrustes "
            "disparity against the stored map: 0 is the same picture after turning and scaling, 1 "
            "nothing in common. At the right, the share of neighbours kept.",
            alt=f"Disparity of other settings and seeds from the stored map. "
            f"{map_trust.trial_finding(rows)}.",
            study=study,
            width=WIDTH,
            key="trials",
            small=True,
            captioned=True,
        )


def _say(info: dict[str, Any], key: str) -> str:
    value = info.get(key)
    return f"{value:.2g}" if isinstance(value, Real) else "not measured"


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
        marks = dict(zip(rows.lane, rows["mark"], strict=True))
        key = ", ".join(f"{mark}: {lane}" for lane, mark in marks.items())
        figure.figure(
            lambda p, width: dot_chart.dot_chart(
                rows,
                p,
                rules=(RULE,),
                percent=True,
                lanes="lane",
                accent=False,
                size=(width, dot_chart.height_of(rows, 38)),
            ),
            rows.rename(columns={"lane": "activations"}),
            name="false-alarms",
            title=f"False alarms where nothing is there ({key})",
            words="How often a statistic fires on data without the movement that it looks for: "
            "nothing planted, the whole cast carried along, or planted for others; one dot a data "
            "set, plant and size. Pale: Monte Carlo intervals of 95 %; the line is the rule of 5 "
            "%. Hollow: the whole interval lies above it.",
            alt=f"False-alarm rates. {method_details.alarm_finding(rows)}.",
            study=study,
            width=WIDTH,
            key="alarms",
            label=True,
        )
    with right:
        data = next(iter(kinds))
        if len(kinds) > 1:
            data = controls.pick("Planted in", kinds, "planted", "data set", messages)
        power = method_details.power_rows(table, data)
        st.html(f'<p class="psm-label">{escape(method_details.power_finding(power))}</p>')
        _power(study, power, data)


def _power(study: Study, power: Any, data: str) -> None:
    """Small multiples, one a statistic: rate of firing by the size of what was planted."""
    names = list(dict.fromkeys(power.statistic))
    for start in range(0, len(names), 2):
        for name, column in zip(names[start : start + 2], st.columns(2, gap="small"), strict=False):
            rows = where(power, power.statistic == name)
            series = list(dict.fromkeys(rows.series))
            with column:
                figure.figure(
                    lambda p, width, r=rows, s=series: line_chart.line_chart(
                        r,
                        s,
                        p,
                        rule=dot_chart.Rule(ALPHA),
                        percent=True,
                        domain=(0.0, 1.0),
                        ratios=True,
                        nominal=250,
                        size=(width, 128),
                    ),
                    rows,
                    name=f"power-{name}",
                    title=method_details.title_of(name),
                    words=f"How often '{method_details.title_of(name)}' fires by the size of a "
                    f"planted movement, {data}, 95 % Monte Carlo interval; line: 5 %.",
                    alt=f"Power of {method_details.title_of(name)} by planted size, {data}.",
                    study=study,
                    width=320,
                    key=f"power-{name}",
                    small=True,
                    label=True,
                )
    figure.caption(
        f"How often a statistic fires by the size of what was planted, {data}; tint: 95 % Monte "
        "Carlo interval; grey line: 5 %. Sizes (spaced by ratio): of a mixture the share of the "
        "way, of others in units of the cast's radius."
    )


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
    figure.figure(
        lambda p, width: line_chart.line_chart(
            rows,
            list(dict.fromkeys(rows.series)),
            p,
            bands=[("roles dealt anew", null)],
            x_title="layer",
            size=(width, 190),
        ),
        rows,
        name=f"layers-{checkpoint}",
        title=title,
        words=f"{checkpoint} against its start, {POOLING_NAMES.get(pooling, pooling)}: cosine of "
        "the Assistant axes, and linear CKA of the cast; 1 is unchanged. Grey: CKA with roles "
        "dealt out at random.",
        alt=f"Axis cosine and CKA by layer at {checkpoint}. {title}.",
        study=study,
        width=WIDTH,
        key="layers",
        small=True,
        captioned=True,
    )


def confound_figure(study: Study, checkpoint: str, pooling: str) -> None:
    """How the axis goes with what is no character."""
    figure.section("What else the axis goes with", "confounds")
    table = studies.wanted(study, "confounds", "Confounds were not measured.")
    if table is None:
        return
    rows = method_details.confound_rows(table, checkpoint, pooling)
    if rows.empty:
        figure.empty(
            f"{checkpoint} has no answers to compare with: confounds need them.",
            made_by("confounds"),
        )
        return
    title = method_details.confound_finding(rows)
    figure.figure(
        lambda p, width: dot_chart.dot_chart(
            rows, p, accent=False, size=(width, dot_chart.height_of(rows))
        ),
        rows,
        name=f"confounds-{checkpoint}",
        title=title,
        words=f"Correlation of the place on the Assistant axis with answer length and activation "
        f"norm at {checkpoint}, {POOLING_NAMES.get(pooling, pooling)}; 95 % interval.",
        alt=f"Confounds at {checkpoint}: {dot_chart.spoken(rows)}.",
        study=study,
        width=WIDTH,
        key="confounds",
        small=True,
        captioned=True,
    )


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
    figure.figure(
        lambda p, width: line_chart.line_chart(
            rows,
            list(dict.fromkeys(rows.series)),
            p,
            bands=list(bands.items()),
            percent=True,
            x_title="strength",
            size=(width, 190),
        ),
        table,
        name="steering",
        title=title,
        words="Share of bad answers while a direction is added to the reference's activations, by "
        "strength (1: the specific shift of the strongest branch). Grey: where 95 % of random "
        "directions of the same norm fall.",
        alt=f"Bad answers by steering strength. {title}.",
        study=study,
        width=WIDTH,
        key="steering",
        small=True,
        captioned=True,
    )
