"""The figures of the drift page: what each shows, its finding, its caption.

Thin Streamlit parts over `psm_viz.charts`; all numbers come from the study's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import dot_chart, drift_details, findings, step_chart
from psm_viz.charts.frames import where
from psm_viz.errors import PsmVizError
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study, made_by
from psm_viz.ui import controls, figure, studies

WIDTH = 520


def steps_of(branches: Mapping[str, Sequence[Checkpoint]]) -> list[int]:
    """All steps at which one of the branches was saved, with the start."""
    own = {c.step for b, saved in branches.items() for c in saved if c.branch == b}
    return sorted({0, *own})


def movement_title(study: Study, pooling: str, branches: Sequence[str], now: int) -> str:
    """The page's finding: which branches moved the Assistant apart from its cast."""
    try:
        drift = studies.table(study, "drift")
    except PsmVizError:
        return "Where the branches lead"
    rows = findings.figure_rows(drift, findings.HEADLINE, pooling)
    if rows.empty:
        return "Where the branches lead"
    own = study.manifest.notes.get("benign")
    beside = [own] if own and own not in branches else []
    benign = findings.branch_ends(rows, beside, now)
    ends = findings.branch_ends(rows, branches, now)
    return findings.norm_finding(ends, benign[0] if benign else None)


def trail_words(
    study: Study, info: Mapping[str, Any], pooling: str, projection: str, space: str
) -> str:
    """The caption of the trails."""
    centred = "its own cast's mean" if space == "own" else "the reference's mean"
    how = (
        "Distances on a UMAP are not measurements."
        if projection == "UMAP"
        else "The first two principal components."
    )
    return (
        f"The Assistant at saved checkpoints, each centred on {centred}, placed among "
        f"{len(study.cast.personas)} personas of {study.manifest.reference}. Dotted lines join "
        "saved checkpoints by straight interpolation: nothing was measured between them. "
        f"Hollow: off the map. {POOLING_NAMES.get(pooling, pooling).capitalize()}, layer "
        f"{study.manifest.headline_layer}. {how}"
    )


def _starts(study: Study, branches: Sequence[str]) -> dict[str, str]:
    first = {b: study.manifest.branch(b)[0] for b in branches}
    return {b: c.id for b, c in first.items() if c.branch != b}


def step_figures(study: Study, pooling: str, branches: Sequence[str], now: int) -> None:
    """Three charts by step, aligned: bad answers, place on the axis, size of the shift."""
    m = study.manifest
    until = max(steps_of({b: m.branch(b) for b in branches}))
    shared: dict[str, Any] = {"study": study, "width": WIDTH, "small": True}
    pooled = POOLING_NAMES.get(pooling, pooling).capitalize()
    intervals = f"{pooled}, layer {m.headline_layer}; tint: 95 % interval."
    with figure.guard():
        _rates(study, branches, now, until, shared)
    with figure.guard():
        drift = studies.wanted(study, "drift", "Where the Assistant moved has not been measured.")
        for measured, companion, name in FIGURES:
            if drift is None:
                break
            rows = findings.figure_rows(drift, measured, pooling)
            if rows.empty:
                figure.empty(f"{TITLES[name]} was not measured.", made_by("drift"))
                continue
            _movement(study, rows, drift, companion, name, (pooling, branches, now, until), shared)
    figure.caption(
        "By training step (spaced by ratio). Bad answers: heavy held-out, thin trained topics. "
        "Axis: heavy what the cast's movement does not predict, thin the whole movement, in SDs of "
        "the cast. Shift: heavy what the cast's does not predict, thin the cast's own, in "
        f"residual-stream units. {intervals} Grey: null (widest of these branches; bad answers: "
        "the reference's interval). Lines between saved steps are interpolated. Counted from "
        f"{findings.listed(sorted(set(_starts(study, branches).values())) or ['the start'])}."
        + _no_folds(study, branches)
    )


def _no_folds(study: Study, branches: Sequence[str]) -> str:
    """What the caption says of checkpoints that brought vectors only."""
    bare = [
        c.id
        for b in branches
        for c in study.manifest.branch(b)
        if c.branch == b and not studies.has_folds(study, c.id)
    ]
    return f" No folds, so sizes without interval or test: {findings.listed(bare)}." if bare else ""


def _rates(
    study: Study, branches: Sequence[str], now: int, until: int, shared: Mapping[str, Any]
) -> None:
    """The share of bad answers, trained topics beside held-out ones."""
    m = study.manifest
    table = studies.wanted(study, "rates", "No rates of bad answers were measured.")
    if table is None:
        return
    rates = table.rename(columns={"mean": "value"})
    held = step_chart.from_start(where(rates, rates.set == "heldout"), _starts(study, branches))
    trained = step_chart.from_start(where(rates, rates.set == "trained"), _starts(study, branches))
    both = pd.concat([held, trained])
    both = where(both, both.branch.isin(list(branches)))
    at = where(rates, (rates.checkpoint == m.reference) & (rates.set == "heldout"))
    own = findings.Band(float(at.iloc[0].low), float(at.iloc[0].high)) if len(at) else None
    band = step_chart.flat(own, until) if own else None
    title = findings.rate_finding(table, branches, m.reference, now)
    figure.figure(
        lambda p, width: step_chart.step_chart(
            held,
            branches,
            controls.branch_order(study),
            p,
            band,
            "reference",
            trained,
            now,
            until,
            percent=True,
            ticks=False,
            size=(width, 96),
        ),
        both,
        name="bad-answers",
        title=title,
        words="Bad answers of good and bad ones, by probability mass; heavy: held-out topics, "
        "thin: trained topics; grey: the reference's own interval.",
        alt=f"Share of bad answers by training step. {title}.",
        key="rates",
        **shared,
    )


def _movement(
    study: Study,
    rows: pd.DataFrame,
    drift: pd.DataFrame,
    companion: str,
    name: str,
    at: tuple[str, Sequence[str], int, int],
    shared: Mapping[str, Any],
) -> None:
    """One figure of the Assistant's movement by step, its companion drawn thin."""
    pooling, branches, now, until = at
    other = findings.figure_rows(drift, companion, pooling)
    ends = findings.branch_ends(rows, branches, now)
    last = name == "shift"
    title = (
        findings.share_finding(ends, findings.branch_ends(other, branches, now))
        if last
        else findings.axis_finding(ends)
    )
    band, band_name = step_chart.null_envelope(rows, branches), step_chart.null_name(rows, branches)
    begun, thin = step_chart.from_zero(rows, branches), step_chart.from_zero(other, branches)
    figure.figure(
        lambda p, width: step_chart.step_chart(
            begun,
            branches,
            controls.branch_order(study),
            p,
            band,
            band_name,
            paler=thin,
            now=now,
            until=until,
            ticks=last,
            size=(width, 112 if last else 96),
        ),
        where(begun, begun.branch.isin([*branches])),
        name=name,
        title=title,
        words=f"{WORDS[name]} Grey: {band_name}, the widest of these branches.",
        alt=f"{TITLES[name]} by training step. {title}.",
        key=name,
        **shared,
    )


FIGURES = (
    (findings.ALONG, "axis_component", "axis"),
    (findings.HEADLINE, "global_norm", "shift"),
)
"""Figure, thin companion, name."""
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


def pooling_figures(study: Study, branches: Sequence[str]) -> None:
    """Both poolings' shift at the end of each branch, each against its own null."""
    m = study.manifest
    drift = studies.wanted(study, "drift", "The ends of the branches were not measured.")
    if drift is None:
        return
    roles = len(study.cast.personas)
    panels = {
        pooling: drift_details.ends_rows(
            drift,
            findings.HEADLINE,
            "given_cast_percentile",
            pooling,
            branches,
            controls.branch_order(study),
            m.notes,
            m.noise_floor,
            roles,
        )
        for pooling in m.poolings
    }
    names = {p: POOLING_NAMES.get(p, p) for p in panels}
    figure.section("At the end of each branch", "ends")
    if all(f.empty for f in panels.values()):
        figure.empty("Movement beyond the cast's was not measured.", made_by("drift"))
        return
    ends = {names[p]: drift_details.ends_of(f) for p, f in panels.items()}
    figure.finding(findings.pooling_finding(ends))
    for (pooling, frame), column in zip(
        panels.items(), st.columns(len(panels), gap="medium"), strict=True
    ):
        with column:
            name = names[pooling].capitalize()
            if frame.empty:
                figure.caption(f"{name}: not measured for these branches.")
                continue
            figure.figure(
                lambda p, width, f=frame: dot_chart.dot_chart(
                    f, p, size=(width, dot_chart.height_of(f))
                ),
                frame,
                name=f"ends-{pooling}",
                title=name,
                words="Norm of what is left of the Assistant's shift after predicting it from the "
                f"cast's, at the end of each branch, {name.lower()}, layer {m.headline_layer}, "
                "95 % interval; grey: each branch's own null; filled: p at most .05.",
                alt=f"Movement beyond the cast's by branch, {name.lower()}: "
                f"{dot_chart.spoken(frame)}",
                study=study,
                width=WIDTH,
                key=f"ends-{pooling}",
                small=True,
                label=True,
            )
    figure.caption(
        "What is left of the Assistant's shift after predicting it from the cast's, at each "
        f"branch's last checkpoint, layer {m.headline_layer}, with 95 % interval. Grey: each row's "
        "own null. Filled: p at most .05 after the search over saved steps; hollow: not shown. "
        f"In ink, controls: a benign branch; the noise floor, {m.reference} asked other questions "
        f"of the same topics with another seed. Ranks among {roles} personas. Each pooling has "
        "its own scale."
    )
