"""The figures of the Drift page by branch and step: what each shows, its finding, its caption.

Thin Streamlit parts over `psm_viz.charts`; all numbers come from the study's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from psm_viz.charts import dot_chart, drift_details, findings, step_chart, trails
from psm_viz.charts.frames import where
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.step_chart import StepLook
from psm_viz.charts.talk_course import steps_of
from psm_viz.errors import PsmVizError
from psm_viz.study.layout import made_by
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study
from psm_viz.ui import controls, drift_odds, figure, studies
from psm_viz.ui.figure import Layout, Told
from psm_viz.ui.map_figure import CENTRED, NO_MEASURE

HEIGHT = 452
"""Of the map with the trails, in pixels."""
SMALL = Layout(520, small=True)
FIGURES = (
    (findings.ALONG, "axis_component", "axis"),
    (findings.HEADLINE, "global_norm", "shift"),
)
"""Figure, thin companion, name; the last has the steps written under it."""
TITLES = {
    "axis": "Movement along the Assistant axis beyond what the cast predicts",
    "shift": "The Assistant's shift beyond what the cast predicts",
}
WORDS = {
    "axis": "Movement along the Assistant axis that the cast's does not predict (heavy) and in all "
    "(thin), SDs of the cast; down: less Assistant.",
    "shift": "Norm of the Assistant's shift that the cast's does not predict (heavy), and of the "
    "cast's mean shift (thin).",
}


@dataclass(frozen=True)
class Chosen:
    """What the reader chose to see of the drift."""

    study: Study
    pooling: str
    branches: Sequence[str]
    now: int
    """The step up to which the branches are followed."""

    @property
    def saved(self) -> dict[str, Sequence[Checkpoint]]:
        """The checkpoints of each branch, that where it starts first."""
        return {b: self.study.manifest.branch(b) for b in self.branches}

    @property
    def until(self) -> int:
        """The last step at which any of the branches was saved."""
        return max(steps_of(self.saved))

    @property
    def starts(self) -> dict[str, str]:
        """The checkpoint that each branch starts from, where that is another branch's."""
        first = {b: saved[0] for b, saved in self.saved.items()}
        return {b: c.id for b, c in first.items() if c.branch != b}

    @property
    def every(self) -> list[str]:
        """All branches of the study, in the order that gives each its mark and dash."""
        return self.study.manifest.ordered

    @property
    def pooled(self) -> str:
        """The pooling in words."""
        return controls.pooling_name(self.pooling)


def steps_of_means(study: Study, saved: Mapping[str, Sequence[Checkpoint]]) -> list[int]:
    """The steps at which the cast was asked in some branch, so that means can be compared, 0 among
    them where a branch starts from another's checkpoint."""
    at = [(c.step if c.branch == b else 0, c.id) for b, own in saved.items() for c in own]
    return sorted({step for step, c in at if study.holds(c, "vectors")})


# -- the trails ---------------------------------------------------------------------------------


def trail_figure(chosen: Chosen, view: MapView) -> None:
    """The Assistant's way over the map, under the page's finding."""
    study, m = chosen.study, chosen.study.manifest
    stored = studies.map_of(study, chosen.pooling, m.headline_layer)
    course = trails.Course(chosen.saved, chosen.every, m.reference, chosen.now)
    title = movement_title(chosen)
    told = Told(
        name=f"trails-{chosen.pooling}",
        title=title,
        words=trail_words(chosen, view),
        alt=f"The Assistant's way over the map on {', '.join(chosen.branches)} up to step "
        f"{chosen.now}. {title}.",
        key="trails",
    )
    figure.figure(
        lambda p, width: trails.trail_map(
            stored.points, study.cast, course, view, p, (width, HEIGHT)
        ),
        trails.trail_table(trails.trail_points(stored.points, course.branches, view)),
        told,
        study,
        Layout(trails.WIDTH, hero="hero-drift"),
    )


def movement_title(chosen: Chosen) -> str:
    """The page's finding: which branches moved the Assistant apart from its cast."""
    try:
        drift = studies.table(chosen.study, "drift")
    except PsmVizError:
        return "Where the branches lead"
    rows = findings.figure_rows(drift, findings.HEADLINE, chosen.pooling)
    if rows.empty:
        return "Where the branches lead"
    own = chosen.study.manifest.notes.get("benign")
    beside = [own] if own and own not in chosen.branches else []
    benign = findings.branch_ends(rows, beside, chosen.now)
    ends = findings.branch_ends(rows, chosen.branches, chosen.now)
    return findings.norm_finding(ends, benign[0] if benign else None)


def trail_words(chosen: Chosen, view: MapView) -> str:
    """The caption of the trails."""
    m = chosen.study.manifest
    pca = "The first two principal components."
    return (
        f"The Assistant at saved checkpoints, each centred on {CENTRED[view.space]}, placed among "
        f"{len(chosen.study.cast.personas)} personas of {m.reference}. Dotted lines join "
        "saved checkpoints by straight interpolation: nothing was measured between them. "
        f"Hollow: off the map. {chosen.pooled.capitalize()}, layer {m.headline_layer}. "
        f"{NO_MEASURE if view.projection == 'UMAP' else pca}"
    )


# -- by step ------------------------------------------------------------------------------------


def step_figures(chosen: Chosen) -> None:
    """Three charts by step, aligned: bad answers, place on the axis, size of the shift."""
    with figure.guard():
        _rates(chosen)
    with figure.guard():
        what = "Where the Assistant moved has not been measured."
        drift = studies.wanted(chosen.study, "drift", what)
        for measured, companion, name in FIGURES:
            if drift is not None:
                rows, thin = (
                    findings.figure_rows(drift, f, chosen.pooling) for f in (measured, companion)
                )
                _movement(chosen, rows, thin, name)
    layer = chosen.study.manifest.headline_layer
    figure.caption(
        "By training step (spaced by ratio). Bad answers: heavy held-out, thin trained topics. "
        "Axis: heavy what the cast's movement does not predict, thin the whole movement, in SDs of "
        "the cast. Shift: heavy what the cast's does not predict, thin the cast's own, in "
        f"residual-stream units. {chosen.pooled.capitalize()}, layer {layer}; tint: 95 % interval. "
        "Grey: null (widest of these branches; bad answers: the reference's interval). Lines "
        "between saved steps are interpolated. Counted from "
        f"{findings.listed(sorted(set(chosen.starts.values())) or ['the start'])}."
        + _no_folds(chosen)
    )


def _no_folds(chosen: Chosen) -> str:
    """What the caption says of checkpoints that brought vectors only."""
    bare = [
        c.id
        for b, saved in chosen.saved.items()
        for c in saved
        if c.branch == b
        and chosen.study.holds(c.id, "vectors")
        and not studies.has_folds(chosen.study, c.id)
    ]
    return f" No folds, so sizes without interval or test: {findings.listed(bare)}." if bare else ""


def _rates(chosen: Chosen) -> None:
    """The share of bad answers, trained topics beside held-out ones."""
    reference = chosen.study.manifest.reference
    if drift_odds.speak(chosen.study):
        rows, look, told = drift_odds.course(chosen)
        _stepped(chosen, rows, pd.concat([rows, look.paler]), look, told, 96)
        return
    table = studies.wanted(chosen.study, "rates", "No rates of bad answers were measured.")
    if table is None:
        return
    rates = table.rename(columns={"mean": "value"})
    held, trained = (
        step_chart.from_start(where(rates, rates.set == s), chosen.starts)
        for s in ("heldout", "trained")
    )
    at = where(rates, (rates.checkpoint == reference) & (rates.set == "heldout"))
    own = findings.Band(float(at.iloc[0].low), float(at.iloc[0].high)) if len(at) else None
    look = StepLook(
        chosen.every,
        paler=trained,
        band=step_chart.flat(own, chosen.until) if own else None,
        band_name="reference",
        now=chosen.now,
        until=chosen.until,
        percent=True,
        ticks=False,
    )
    title = findings.rate_finding(table, chosen.branches, reference, chosen.now)
    told = Told(
        name="bad-answers",
        title=title,
        words="Bad answers of good and bad ones, by probability mass; heavy: held-out topics, "
        "thin: trained topics; grey: the reference's own interval.",
        alt=f"Share of bad answers by training step. {title}.",
        key="rates",
    )
    _stepped(chosen, held, pd.concat([held, trained]), look, told, 96)


def _movement(chosen: Chosen, rows: pd.DataFrame, thin: pd.DataFrame, name: str) -> None:
    """One figure of the Assistant's movement by step, its companion drawn thin."""
    if rows.empty:
        figure.empty(f"{TITLES[name]} was not measured.", made_by("drift"))
        return
    branches, last = chosen.branches, name == FIGURES[-1][2]
    ends = findings.branch_ends(rows, branches, chosen.now)
    title = (
        findings.share_finding(ends, findings.branch_ends(thin, branches, chosen.now))
        if last
        else findings.axis_finding(ends)
    )
    null = step_chart.null_name(rows, branches)
    look = StepLook(
        chosen.every,
        paler=step_chart.from_zero(thin, branches),
        band=step_chart.null_envelope(rows, branches),
        band_name=null,
        now=chosen.now,
        until=chosen.until,
        ticks=last,
    )
    told = Told(
        name=name,
        title=title,
        words=f"{WORDS[name]} Grey: {null}, the widest of these branches.",
        alt=f"{TITLES[name]} by training step. {title}.",
        key=name,
    )
    begun = step_chart.from_zero(rows, branches)
    _stepped(chosen, begun, begun, look, told, 112 if last else 96)


def _stepped(
    chosen: Chosen,
    rows: pd.DataFrame,
    table: pd.DataFrame,
    look: StepLook,
    told: Told,
    height: int,
) -> None:
    """A chart of the chosen branches by step, with the rows of its table that are theirs."""
    figure.figure(
        lambda p, width: step_chart.step_chart(rows, chosen.branches, p, look, (width, height)),
        where(table, table.branch.isin([*chosen.branches])),
        told,
        chosen.study,
        SMALL,
    )


# -- at the end ---------------------------------------------------------------------------------


def pooling_figures(study: Study, branches: Sequence[str]) -> None:
    """Both poolings' shift at the end of each branch, each against its own null."""
    m, roles = study.manifest, len(study.cast.personas)
    drift = studies.wanted(study, "drift", "The ends of the branches were not measured.")
    if drift is None:
        return
    every = study.manifest.ordered
    panels = {p: drift_details.ends_rows(drift, p, branches, every, m, roles) for p in m.poolings}
    figure.section("At the end of each branch", "ends")
    if all(rows.empty for rows in panels.values()):
        figure.empty("Movement beyond the cast's was not measured.", made_by("drift"))
        return
    ends = {controls.pooling_name(p): drift_details.ends_of(rows) for p, rows in panels.items()}
    figure.finding(findings.pooling_finding(ends))
    columns = st.columns(len(panels), gap="medium")
    for (pooling, rows), column in zip(panels.items(), columns, strict=True):
        with column:
            _ends(study, pooling, rows)
    figure.caption(
        "What is left of the Assistant's shift after predicting it from the cast's, at each "
        f"branch's last checkpoint, layer {m.headline_layer}, with 95 % interval. Grey: each row's "
        "own null. Filled: p at most .05 after the search over saved steps; hollow: not shown. "
        f"In ink, controls: a benign branch; the noise floor, {m.reference} asked other questions "
        f"of the same topics with another seed. Ranks among {roles} personas."
        + (" Each pooling has its own scale." if len(panels) > 1 else "")
    )


def _ends(study: Study, pooling: str, rows: pd.DataFrame) -> None:
    """One pooling's ends."""
    name = controls.pooling_name(pooling)
    if rows.empty:
        figure.caption(f"{name.capitalize()}: not measured for these branches.")
        return
    told = Told(
        name=f"ends-{pooling}",
        title=name.capitalize(),
        words="Norm of what is left of the Assistant's shift after predicting it from the "
        f"cast's, at the end of each branch, {name.lower()}, layer {study.manifest.headline_layer}"
        ", 95 % interval; grey: each branch's own null; filled: p at most .05.",
        alt=f"Movement beyond the cast's by branch, {name.lower()}: {dot_chart.spoken(rows)}",
        key=f"ends-{pooling}",
    )
    figure.dots(rows, told, study, Layout(520, small=True, label=True))
