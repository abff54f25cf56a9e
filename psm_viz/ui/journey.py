"""The figures of the drift page: what each shows, its finding, its caption.

Thin Streamlit parts over `psm_viz.charts`; all numbers come from the study's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz import ui
from psm_viz.charts import findings, steps
from psm_viz.charts.rows import each, where
from psm_viz.errors import PsmVizError
from psm_viz.store import Study
from psm_viz.study import POOLING_NAMES, Checkpoint

WIDTH = 520


def steps_of(branches: Mapping[str, Sequence[Checkpoint]]) -> list[int]:
    """All steps at which one of the branches was saved, with the start."""
    own = {c.step for b, saved in branches.items() for c in saved if c.branch == b}
    return sorted({0, *own})


def movement_title(study: Study, pooling: str, branches: Sequence[str], now: int) -> str:
    """The page's finding: which branches moved the Assistant apart from its cast."""
    try:
        drift = ui.table(study, "drift")
    except PsmVizError:
        return "Where the branches lead"
    rows = findings.figure_rows(drift, "specific_norm", pooling)
    band = findings.null_band(drift, study.manifest.noise_floor, "specific_norm", pooling)
    return findings.norm_finding(findings.branch_ends(rows, branches, now), band)


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
    with ui.guard():
        rates = ui.table(study, "rates").rename(columns={"mean": "value"})
        held = steps.from_start(where(rates, rates.set == "heldout"), _starts(study, branches))
        trained = steps.from_start(where(rates, rates.set == "trained"), _starts(study, branches))
        both = pd.concat([held, trained])
        both = where(both, both.branch.isin(list(branches)))
        at = where(rates, (rates.checkpoint == m.reference) & (rates.set == "heldout"))
        band = findings.Band(float(at.iloc[0].low), float(at.iloc[0].high)) if len(at) else None
        title = findings.rate_finding(ui.table(study, "rates"), branches, m.reference, now)
        ui.figure(
            lambda p, width: steps.step_chart(
                held,
                branches,
                ui.branch_order(study),
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
    with ui.guard():
        drift = ui.table(study, "drift")
        for figure, companion, name in (
            ("axis_component", None, "axis"),
            ("specific_norm", "global_norm", "shift"),
        ):
            rows = steps.from_zero(findings.figure_rows(drift, figure, pooling), branches)
            paler = findings.figure_rows(drift, companion, pooling) if companion else None
            paler = steps.from_zero(paler, branches) if paler is not None else None
            band = findings.null_band(drift, m.noise_floor, figure, pooling)
            ends = findings.branch_ends(rows, branches, now)
            if paler is None:
                title = findings.axis_finding(ends, band)
            else:
                title = findings.share_finding(
                    ends, findings.branch_ends(paler, branches, now), band
                )
            last = name == "shift"

            def build(p: Any, width: int | None, r=rows, q=paler, b=band, x=last) -> Any:
                return steps.step_chart(
                    r,
                    branches,
                    ui.branch_order(study),
                    p,
                    b,
                    paler=q,
                    now=now,
                    until=until,
                    ticks=x,
                    size=(width, 112 if x else 96),
                )

            ui.figure(
                build,
                where(rows, rows.branch.isin([*branches])),
                name=name,
                title=title,
                words=f"{FIGURES[figure]} {intervals} Grey: noise floor.",
                alt=f"{FIGURES[figure]} By training step. {title}.",
                key=name,
                **shared,
            )
    ui.caption(
        "By training step (spaced by ratio). Bad answers: heavy held-out, thin trained topics. "
        "Axis: movement in SDs of the cast. Shift: heavy the Assistant's own, thin the cast's, in "
        f"residual-stream units. {intervals} Grey: noise floor (bad answers: the reference's "
        "interval). Lines between saved steps are interpolated. Movement is counted from "
        f"{findings.listed(sorted(set(_starts(study, branches).values())) or ['the start'])}."
    )


FIGURES = {
    "axis_component": "Movement along the Assistant axis, SDs of the cast (down: less Assistant).",
    "specific_norm": "Norm of the Assistant's shift beyond the cast's (heavy), the cast's (thin).",
}


def pooling_figures(study: Study, branches: Sequence[str], now: int) -> None:
    """Both poolings' specific shift at the end of each branch, against the noise floor."""
    m, drift = study.manifest, ui.table(study, "drift")
    roles = len(study.cast.personas)
    panels: dict[str, tuple[pd.DataFrame, findings.Band | None]] = {}
    ends: dict[str, list[tuple[findings.End, findings.Band | None]]] = {}
    for pooling in m.poolings:
        rows = findings.figure_rows(drift, "specific_norm", pooling)
        ranks = findings.figure_rows(drift, "specific_percentile", pooling)
        band = findings.null_band(drift, m.noise_floor, "specific_norm", pooling)
        last = findings.branch_ends(rows, branches)
        rank = {e.branch: e.value for e in findings.branch_ends(ranks, branches)}
        frame = pd.DataFrame([e.__dict__ for e in last], columns=["branch", "value", "low", "high"])
        frame["note"] = [
            findings.percentile_words(rank[b], roles) if b in rank else "" for b in frame.branch
        ]
        panels[pooling] = (frame, band)
        ends[POOLING_NAMES.get(pooling, pooling)] = [(e, band) for e in last]
    ui.finding(findings.pooling_finding(ends))
    for (pooling, (frame, band)), column in zip(
        panels.items(), st.columns(len(panels), gap="medium"), strict=True
    ):
        with column:
            name = POOLING_NAMES.get(pooling, pooling).capitalize()
            if frame.empty:
                ui.caption(f"{name}: not measured for these branches.")
                continue
            ui.figure(
                lambda p, width, f=frame, b=band: steps.ends_chart(
                    f, ui.branch_order(study), p, b, (width, 46 + 30 * len(f))
                ),
                frame,
                name=f"ends-{pooling}",
                title=name,
                words="Norm of the Assistant's specific shift at the end of each branch, "
                f"{name.lower()}, "
                f"layer {m.headline_layer}, 95 % interval; grey: noise floor.",
                alt=f"Specific shift by branch, {name.lower()}: "
                + "; ".join(f"{r.branch} {r.value:.2g}, {r.note}" for r in each(frame)),
                study=study,
                width=WIDTH,
                key=f"ends-{pooling}",
                small=True,
            )
    ui.caption(
        f"The Assistant's shift beyond the cast's at each branch's last checkpoint, layer "
        f"{m.headline_layer}, with 95 % interval; grey: noise floor, the reference asked other "
        f"questions of the same topics with another seed; percentiles among {roles} personas. "
        "Each pooling has its own scale."
    )
