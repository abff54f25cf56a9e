"""The figures of the Method page: how far the map and the statistics can be trusted.

Every number was written by `derive` or `validate`, none is computed here.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from psm_viz.charts import map_trust, method_details
from psm_viz.charts.choices import pooling_name
from psm_viz.charts.dot_chart import DotLook, Rule, spoken
from psm_viz.charts.figures import (
    PHONE,
    Facts,
    Figure,
    Layout,
    Missing,
    Shown,
    Told,
    dots,
    scaled,
)
from psm_viz.charts.findings import listed
from psm_viz.charts.frames import where
from psm_viz.charts.line_chart import LineLook, line_chart, line_panels
from psm_viz.charts.map_figures import quality
from psm_viz.charts.palette import Palette
from psm_viz.charts.reads import Reads, StoredMap
from psm_viz.stats.significance import ALPHA

CAPTIONED = Layout(560, small=True, captioned=True)
TWINS = Layout(640, label=True)
TWINS_HEIGHT = 262
POWERS = 610
"""Pixels that two charts beside each other take."""
OTHER = "Choose the other pooling above."
UNTESTED = "The statistics were not put to the test yet."
MONTE_CARLO = "95 %, Monte Carlo"


# -- the map ------------------------------------------------------------------------------------


def stored_map(reads: Reads, pooling: str) -> StoredMap:
    """The map that is put to the test. Raises UnknownName, BadFile."""
    return reads.map_of(pooling, reads.study.manifest.headline_layer)


def noise_trials(reads: Reads, pooling: str) -> pd.DataFrame:
    """The trials of a pooling's map on Gaussian noise; none where nothing was tried."""
    if not reads.study.has_table("map_trials"):
        return pd.DataFrame()
    trials = reads.table("map_trials")
    return where(trials, (trials.pooling == pooling) & (trials["data"] == map_trust.NOISE))


def map_and_noise(reads: Reads, pooling: str) -> Shown:
    """Two small maps of the same marks. Raises UnknownName, BadFile."""
    study, name, stored = reads.study, pooling_name(pooling), stored_map(reads, pooling)
    beside = reads.rows(
        "gaussian_map",
        "No map of noise was drawn for comparison.",
        lambda table: where(table, table.pooling == pooling),
        f"A map of noise was drawn for another pooling than the {name}.",
        OTHER,
    )
    if isinstance(beside, Missing):
        return beside
    noise, twins = noise_trials(reads, pooling), map_trust.twin_points(stored.points, beside)
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
        facts=Facts(
            n=f"{len(study.cast.personas)} personas",
            pooling=name,
            layer=stored.layer,
            null="as many Gaussian vectors through the same UMAP",
        ),
    )

    def build(p: Any, width: int | None) -> Any:
        size = (width, scaled(TWINS_HEIGHT, width, TWINS.width))
        return map_trust.twin_map(twins, words, study.cast, p, size)

    return Figure(build, twins.drop(columns=["px", "py"]), told, TWINS)


def map_trials(reads: Reads, pooling: str) -> Shown:
    """How much another setting or seed would change the picture. Raises BadFile."""
    name = pooling_name(pooling)
    rows = reads.rows(
        "map_trials",
        "No other settings or seeds were tried.",
        lambda table: map_trust.trial_rows(where(table, table.pooling == pooling)),
        f"Settings and seeds were tried for another pooling than the {name}.",
        OTHER,
    )
    if isinstance(rows, Missing):
        return rows
    title = map_trust.trial_finding(rows)
    told = Told(
        name=f"map-trials-{pooling}",
        title=title,
        words="Neighbours, least distance and metric of UMAP; one dot a seed. Procrustes "
        "disparity against the stored map: 0 is the same picture after turning and scaling, 1 "
        "nothing in common. At the right, the share of neighbours kept.",
        alt=f"Disparity of other settings and seeds from the stored map. {title}.",
        key="trials",
        facts=Facts(
            n=f"{len(rows)} maps, the stored one among them",
            pooling=name,
            layer=reads.study.manifest.headline_layer,
        ),
    )
    look = DotLook(rules=(Rule(0.0, "the stored map"),), accent=False, unit="disparity")
    return dots(rows, told, CAPTIONED, look, row=32)


# -- false alarms and power ---------------------------------------------------------------------


def alarms(reads: Reads) -> Shown:
    """Rates of firing where nothing is there. Raises BadFile."""
    talks = reads.table("belief_trials") if reads.study.has_table("belief_trials") else None
    rows = reads.rows(
        "validation",
        UNTESTED,
        lambda table: method_details.alarm_rows(table, talks),
        "No false alarms were counted.",
    )
    if isinstance(rows, Missing):
        return rows
    marks = dict(zip(rows.lane, rows["mark"], strict=True))
    key = ", ".join(f"{mark}: {lane}" for lane, mark in marks.items())
    told = Told(
        name="false-alarms",
        title=f"Each dot tells how often a statistic fires where nothing is there ({key})",
        words="How often a statistic fires on data without the movement that it looks for: "
        "nothing planted, the whole cast carried along, or planted for others; of belief: talks "
        "of the same makeup drawn twice. One dot a data set, plant and size. Pale: Monte Carlo "
        "intervals of 95 %; the line is the rule of 5 %. Hollow: the whole interval lies above it.",
        alt=f"False-alarm rates. {method_details.alarm_finding(rows)}.",
        key="alarms",
        facts=Facts(n=f"{len(rows)} rates", interval=MONTE_CARLO),
    )
    look = DotLook(rules=(Rule(ALPHA, "5 %"),), percent=True, lanes="lane", accent=False)
    frame = rows.rename(columns={"lane": "activations"})
    return dots(rows, told, Layout(560, label=True), look, row=38, frame=frame)


def planted_in(reads: Reads) -> dict[str, str]:
    """The data that movements were planted in, by their names; none where nothing was tested.
    Raises BadFile."""
    if not reads.study.has_table("validation"):
        return {}
    return {str(d): str(d) for d in dict.fromkeys(reads.table("validation")["data"])}


def power_figure(reads: Reads, planted: str) -> Shown:
    """A small chart a statistic: how often it fires by the size of what was planted in the data
    `planted`. Raises BadFile."""
    rows = reads.rows(
        "validation",
        UNTESTED,
        lambda table: method_details.power_rows(table, planted),
        f"No movement was planted in the data {planted}.",
    )
    if isinstance(rows, Missing):
        return rows
    panels = {
        method_details.title_of(str(name)): own
        for name, own in rows.groupby("statistic", sort=False)
    }
    told = Told(
        name="power",
        title=method_details.power_finding(rows),
        words=f"How often a statistic fires by the size of what was planted, {planted}; tint: "
        "95 % Monte Carlo interval; grey line: 5 %. Sizes (spaced by ratio): of a mixture the "
        "share of the way, of others in units of the cast's radius.",
        alt=f"Power of {listed(list(panels))} by planted size, {planted}.",
        key="power",
        facts=Facts(n=f"{int(rows.n.sum()):,} trials", interval=MONTE_CARLO),
    )
    look = LineLook(
        rule=Rule(ALPHA), percent=True, x_title="planted size", domain=(0.0, 1.0), ratios=True
    )

    def draw(p: Palette, width: int | None) -> Any:
        abreast = 1 if width is not None and width < POWERS else 2
        return line_panels(panels, p, look, (width or POWERS, 128), abreast)

    return Figure(draw, rows, told, Layout(POWERS, label=True, fixed=True, narrow=PHONE))


# -- layers, confounds, steering ----------------------------------------------------------------


def layer_figure(reads: Reads, checkpoint: str, pooling: str) -> Shown:
    """What is kept by layer at one checkpoint. Raises BadFile."""
    found = reads.rows(
        "layers",
        "The layers were not compared.",
        lambda table: method_details.layer_rows(table, checkpoint, pooling)[0],
        f"{checkpoint} was not compared layer by layer.",
    )
    if isinstance(found, Missing):
        return found
    table = reads.table("layers")
    rows, null = method_details.layer_rows(table, checkpoint, pooling)
    title = method_details.layer_finding(table, checkpoint, pooling)
    told = Told(
        name=f"layers-{checkpoint}",
        title=title,
        words=f"{checkpoint} against its start, {pooling_name(pooling)}: cosine of "
        "the Assistant axes, and linear CKA of the cast; 1 is unchanged. Grey: CKA with roles "
        "dealt out at random.",
        alt=f"Axis cosine and CKA by layer at {checkpoint}. {title}.",
        key="layers",
        facts=Facts(
            n=f"{rows.x.nunique()} layers",
            pooling=pooling_name(pooling),
            null="CKA with roles dealt out at random",
        ),
    )
    look = LineLook(bands=[("roles dealt anew", null)], x_title="layer")
    return lines_figure(rows, rows, look, told)


def confound_figure(reads: Reads, checkpoint: str, pooling: str) -> Shown:
    """How the axis goes with what is no character. Raises BadFile."""
    rows = reads.rows(
        "confounds",
        "Confounds were not measured.",
        lambda table: method_details.confound_rows(table, checkpoint, pooling),
        f"{checkpoint} has no answers to compare with: confounds need them.",
    )
    if isinstance(rows, Missing):
        return rows
    told = Told(
        name=f"confounds-{checkpoint}",
        title=method_details.confound_finding(rows),
        words=f"Correlation of the place on the Assistant axis with answer length and activation "
        f"norm at {checkpoint}, {pooling_name(pooling)}; 95 % interval.",
        alt=f"Confounds at {checkpoint}: {spoken(rows)}.",
        key="confounds",
        facts=Facts(
            pooling=pooling_name(pooling),
            layer=reads.study.manifest.headline_layer,
            interval="95 %",
        ),
    )
    return dots(rows, told, CAPTIONED, DotLook(accent=False, unit="correlation"))


def steering_figure(reads: Reads) -> Shown:
    """Steered answers against random directions of the same norm. Raises BadFile."""
    found = reads.rows(
        "steering",
        "Steering was not tried on this model.",
        lambda table: method_details.steering_rows(table)[0],
        "No direction was steered along.",
    )
    if isinstance(found, Missing):
        return found
    table = reads.table("steering")
    rows, bands = method_details.steering_rows(table)
    title = method_details.steering_finding(rows, bands)
    told = Told(
        name="steering",
        title=title,
        words="Share of bad answers while a direction is added to the reference's activations, by "
        "strength (1: the specific shift of the strongest branch). Grey: where 95 % of random "
        "directions of the same norm fall." + method_details.steering_words(rows, bands),
        alt=f"Bad answers by steering strength. {title}.",
        key="steering",
        facts=Facts(
            n=f"{rows.series.nunique()} directions",
            null="random directions of the same norm",
        ),
    )
    look = LineLook(bands=list(bands.items()), percent=True, x_title="strength")
    return lines_figure(rows, table, look, told)


def lines_figure(rows: pd.DataFrame, table: pd.DataFrame, look: LineLook, told: Told) -> Figure:
    """A line chart; `table` is what lies behind it."""
    return Figure(lambda p, width: line_chart(rows, p, look, (width, 190)), table, told, CAPTIONED)
