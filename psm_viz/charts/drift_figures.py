"""The figures of means along training: the Assistant's way over the map, and what it answers
and how far it moved by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from psm_viz.charts import (
    findings,
    odds_figures,
    step_chart,
    trails,
)
from psm_viz.charts.choices import branch_order, pooling_name
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told, scaled
from psm_viz.charts.frames import where
from psm_viz.charts.map_figures import CENTRED, NO_MEASURE
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.reads import Reads
from psm_viz.charts.step_chart import StepLook
from psm_viz.charts.talk_course import steps_of
from psm_viz.errors import PsmVizError
from psm_viz.study.layout import made_by
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study

HEIGHT = 452
"""Of the map with the trails, in pixels."""
SMALL = Layout(520, small=True)
ALONE = 190
"""Height of a chart by step in a file, where it does not stand among others."""
RESAMPLED = "95 %, topics drawn anew, then questions"
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


UNITS = {"axis": "along the axis, SDs of the cast", "shift": "shift, residual stream"}


@dataclass(frozen=True)
class Chosen:
    """What the reader chose to see of the drift."""

    reads: Reads
    pooling: str
    branches: Sequence[str]
    now: int
    """The step up to which the branches are followed: the last at which the cast was asked."""
    step: int
    """The step that was chosen, at which the Assistant's own answers are looked at."""

    @property
    def study(self) -> Study:
        """The study that is looked at."""
        return self.reads.study

    @property
    def counted(self) -> str:
        """How many branches and checkpoints are drawn, in words."""
        n = len({c.id for saved in self.saved.values() for c in saved})
        return f"{len(self.branches)} branches, {n} checkpoints"

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

    def facts(self, interval: str, null: str) -> Facts:
        """What a figure of these branches rests on."""
        layer = self.study.manifest.headline_layer
        return Facts(self.counted, self.pooled, layer, interval, null)

    @property
    def every(self) -> list[str]:
        """All branches of the study, in the order that gives each its mark and dash."""
        return branch_order(self.study)

    @property
    def pooled(self) -> str:
        """The pooling in words."""
        return pooling_name(self.pooling)


# -- the trails ---------------------------------------------------------------------------------


def trail_figure(chosen: Chosen, view: MapView) -> Figure:
    """The Assistant's way over the map, under the page's finding."""
    study, m = chosen.study, chosen.study.manifest
    stored = chosen.reads.map_of(chosen.pooling, m.headline_layer)
    course = trails.Course(chosen.saved, chosen.every, m.reference, chosen.now)
    title = movement_title(chosen)
    told = Told(
        name=f"trails-{chosen.pooling}",
        title=title,
        words=trail_words(chosen, view),
        alt=f"The Assistant's way over the map on {', '.join(chosen.branches)} up to step "
        f"{chosen.now}. {title}.",
        key="trails",
        facts=chosen.facts("", ""),
    )
    return Figure(
        lambda p, width: trails.trail_map(
            stored.points,
            study.cast,
            course,
            view,
            p,
            (width, scaled(HEIGHT, width, trails.WIDTH)),
        ),
        trails.trail_table(trails.trail_points(stored.points, course.branches, view)),
        told,
        Layout(trails.WIDTH, hero="hero-drift"),
    )


def movement_title(chosen: Chosen) -> str:
    """The page's finding: which branches moved the Assistant apart from its cast."""
    try:
        drift = chosen.reads.table("drift")
    except PsmVizError:
        return "Where the branches lead"
    rows = findings.figure_rows(drift, findings.HEADLINE, chosen.pooling)
    if rows.empty:
        return "Where the branches lead"
    own = chosen.study.manifest.notes.get("benign")
    beside = [own] if own and own not in chosen.branches else []
    benign = findings.branch_ends(rows, beside, chosen.now)
    ends = findings.branch_ends(rows, chosen.branches, chosen.now)
    waiting = findings.not_begun(chosen.branches, ends, chosen.now)
    title = findings.norm_finding(ends, benign[0] if benign else None, waiting)
    return findings.by_step(title, chosen.now, chosen.step)


def trail_words(chosen: Chosen, view: MapView) -> str:
    """The caption of the trails."""
    m = chosen.study.manifest
    pca = "The first two principal components."
    return (
        f"The Assistant at saved checkpoints, each centred on {CENTRED[view.space]}, placed among "
        f"{len(chosen.study.cast.personas)} personas of {m.reference}. Dotted lines join "
        "saved checkpoints by straight interpolation: nothing was measured between them. "
        "Hollow: off the map. Units: length in the residual stream. "
        f"{chosen.pooled.capitalize()}, layer {m.headline_layer}. "
        f"{NO_MEASURE if view.projection == 'UMAP' else pca}"
    )


# -- by step ------------------------------------------------------------------------------------


def rates_figure(chosen: Chosen) -> Shown:
    """The share of bad answers by step, trained topics beside held-out ones."""
    reference = chosen.study.manifest.reference
    if odds_figures.speak(chosen.study):
        rows, look, told = odds_figures.course(replace(chosen, now=chosen.step))
        return _stepped(chosen, rows, pd.concat([rows, look.paler]), look, told, 96)
    if not chosen.study.has_table("rates"):
        return Missing("No rates of bad answers were measured.", made_by("rates"))
    table = chosen.reads.table("rates")
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
        now=chosen.step,
        until=chosen.until,
        percent=True,
        ticks=False,
        unit="bad answers",
    )
    title = findings.rate_finding(table, chosen.branches, reference, chosen.step)
    title = findings.by_step(title, chosen.step)
    told = Told(
        name="bad-answers",
        title=title,
        words="Bad answers of good and bad ones, by probability mass; heavy: held-out topics, "
        "thin: trained topics; grey: the reference's own interval.",
        alt=f"Share of bad answers by training step. {title}.",
        key="rates",
        facts=Facts(
            n=f"{chosen.counted}, {_prompts(held)} prompts each",
            interval=RESAMPLED,
            null="the reference's own interval",
        ),
    )
    return _stepped(chosen, held, pd.concat([held, trained]), look, told, 96)


def _prompts(rows: pd.DataFrame) -> str:
    found = sorted({int(n) for n in rows.n.dropna()})
    return " to ".join(map(str, dict.fromkeys((found[0], found[-1])))) if found else "no"


def movement_figures(chosen: Chosen) -> list[Shown]:
    """Place on the axis and size of the shift by step, aligned under the share of bad answers."""
    if not chosen.study.has_table("drift"):
        return [Missing("Where the Assistant moved has not been measured.", made_by("drift"))]
    drift = chosen.reads.table("drift")
    out = []
    for measured, companion, name in FIGURES:
        rows, thin = (findings.figure_rows(drift, f, chosen.pooling) for f in (measured, companion))
        out.append(_movement(chosen, rows, thin, name))
    return out


def step_words(chosen: Chosen) -> str:
    """The caption of the three charts by step."""
    layer = chosen.study.manifest.headline_layer
    return (
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
        and not chosen.study.holds(c.id, "folds")
    ]
    return f" No folds, so sizes without interval or test: {findings.listed(bare)}." if bare else ""


def _movement(chosen: Chosen, rows: pd.DataFrame, thin: pd.DataFrame, name: str) -> Shown:
    """One figure of the Assistant's movement by step, its companion drawn thin."""
    if rows.empty:
        return Missing(f"{TITLES[name]} was not measured.", made_by("drift"))
    branches, last = chosen.branches, name == FIGURES[-1][2]
    ends = findings.branch_ends(rows, branches, chosen.now)
    waiting = findings.not_begun(branches, ends, chosen.now)
    title = (
        findings.share_finding(ends, findings.branch_ends(thin, branches, chosen.now), waiting)
        if last
        else findings.axis_finding(ends, waiting)
    )
    title = findings.by_step(title, chosen.now, chosen.step)
    null = step_chart.null_name(rows, branches)
    look = StepLook(
        chosen.every,
        paler=step_chart.from_zero(thin, branches),
        band=step_chart.null_envelope(rows, branches),
        band_name=null,
        now=chosen.now,
        until=chosen.until,
        ticks=last,
        unit=UNITS[name],
    )
    told = Told(
        name=name,
        title=title,
        words=f"{WORDS[name]} Grey: {null}, the widest of these branches.",
        alt=f"{TITLES[name]} by training step. {title}.",
        key=name,
        facts=chosen.facts(
            RESAMPLED, f"{null.removeprefix('null: ')}, the widest of these branches"
        ),
    )
    begun = step_chart.from_zero(rows, branches)
    return _stepped(chosen, begun, begun, look, told, 112 if last else 96)


def _stepped(
    chosen: Chosen,
    rows: pd.DataFrame,
    table: pd.DataFrame,
    look: StepLook,
    told: Told,
    height: int,
) -> Figure:
    """A chart of the chosen branches by step, with the rows of its table that are theirs. In a file
    it stands alone, so its steps are written under it."""
    alone = replace(look, ticks=True)
    return Figure(
        lambda p, width: step_chart.step_chart(
            rows,
            chosen.branches,
            p,
            look if width is None else alone,
            (width, height if width is None else ALONE),
        ),
        where(table, table.branch.isin([*chosen.branches])),
        told,
        SMALL,
    )
