"""What a branch's movement is made of: traits, families, a predicted arrow, words or weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from psm_viz.charts import dot_chart, drift_details
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.reader import Study, made_by
from psm_viz.ui import controls, figure, studies

WIDTH = 520


def makeup_figures(
    study: Study, pooling: str, branches: Sequence[str], now: int, messages: Any
) -> None:
    """Four figures about one branch at a step, two a row, under the branch's picker."""
    m = study.manifest
    figure.section("What it is made of", "makeup")
    branch = controls.pick_segment(
        "Branch",
        {b: b for b in branches},
        "branch",
        "branch",
        messages,
        label_visibility="collapsed",
    )
    own = [c for c in m.branch(branch) if c.branch == branch and c.step <= now]
    if not own:
        figure.finding(f"Nothing of {branch} was saved up to step {now}", small=True)
        return
    checkpoint = own[-1].id
    how = f"{checkpoint}, {POOLING_NAMES.get(pooling, pooling)}, layer {m.headline_layer}"
    shared: dict[str, Any] = {"study": study, "width": WIDTH, "small": True}
    first, second = st.columns(2, gap="medium")
    with first, figure.guard():
        _traits(study, checkpoint, pooling, branch, how, shared)
    with second, figure.guard():
        _posterior(study, checkpoint, pooling, branch, how, shared)
    first, second = st.columns(2, gap="medium")
    with first, figure.guard():
        _arrow(study, pooling, branches, messages, shared)
    with second, figure.guard():
        _effects(study, branch, shared)
    if not any(map(study.has_table, ("traits", "posterior", "words_or_weights"))):
        return
    figure.caption(
        f"Traits and families: {how}; 95 % intervals. Traits: the specific part of the shift along "
        "each trait's axis, SDs of the cast; filled: p at most .05 after the search over traits. "
        "Families: mixture weights from scores of personas left out; tick: the made world's exact "
        "posterior from the Assistant's answers. Arrow: cosine of the branch's specific shift with "
        "the arrow; grey: the same readiness dealt out to the cast at random. Words or weights: "
        "mean over the answer, whose text read by whose weights."
    )


def _traits(
    study: Study,
    checkpoint: str,
    pooling: str,
    branch: str,
    how: str,
    shared: dict[str, Any],
) -> None:
    table = studies.wanted(study, "traits", "The trait axes were not measured.")
    if table is None:
        return
    rows = drift_details.trait_rows(table, checkpoint, pooling)
    if rows.empty:
        figure.empty(f"{checkpoint} was not measured on the traits.", made_by("traits"))
        return
    title = drift_details.trait_finding(rows, branch)
    figure.figure(
        lambda p, width: dot_chart.dot_chart(rows, p, size=(width, dot_chart.height_of(rows))),
        rows,
        name=f"traits-{checkpoint}",
        title=title,
        words=f"Specific shift along each trait, SDs of the cast, {how}, 95 % interval; filled: p "
        "at most .05 after the search over traits, hollow: not shown.",
        alt=f"Specific shift along the traits at {checkpoint}: {dot_chart.spoken(rows)}. {title}.",
        key="traits",
        **shared,
    )


def _posterior(
    study: Study,
    checkpoint: str,
    pooling: str,
    branch: str,
    how: str,
    shared: dict[str, Any],
) -> None:
    table = studies.wanted(study, "posterior", "The mixture of families was not measured.")
    if table is None:
        return
    names = {f.id: f.name for f in study.cast.families}
    known = study.has_table("exact_families")
    observer = studies.table(study, "exact_families") if known else None
    rows = drift_details.posterior_rows(table, observer, checkpoint, pooling, names)
    if rows.empty:
        figure.empty(f"{checkpoint} has no mixture of families.", made_by("posterior"))
        return
    title = drift_details.posterior_finding(rows, branch)
    exact = "; tick: the exact posterior" if rows.tick.notna().any() else ""
    figure.figure(
        lambda p, width: dot_chart.dot_chart(
            rows, p, percent=True, tick_name="exact", size=(width, dot_chart.height_of(rows))
        ),
        rows,
        name=f"families-{checkpoint}",
        title=title,
        words=f"Weights of the families, {how}, 95 % interval{exact}.",
        alt=f"Weights of the families at {checkpoint}: {dot_chart.spoken(rows)}. {title}.",
        key="posterior",
        **shared,
    )


def _arrow(
    study: Study, pooling: str, branches: Sequence[str], messages: Any, shared: dict[str, Any]
) -> None:
    what = "No evidence was scored against these branches."
    table = studies.wanted(study, "evidence_scores", what)
    if table is None:
        return
    every = {str(e): str(e) for e in dict.fromkeys(table.evidence)}
    evidence = next(iter(every))
    if len(every) > 1:
        evidence = controls.pick("Arrow of", every, "arrow", "arrow", messages)
    rows = drift_details.arrow_rows(
        table, evidence, pooling, branches, controls.branch_order(study)
    )
    title = drift_details.arrow_finding(rows, evidence)
    if rows.empty:
        figure.empty(f"{title}.", made_by("evidence_scores"))
        return
    figure.figure(
        lambda p, width: dot_chart.dot_chart(rows, p, size=(width, dot_chart.height_of(rows))),
        rows,
        name=f"arrow-{evidence}",
        title=title,
        words=f"Cosine of each branch's specific shift with the arrow of {evidence}, "
        f"{POOLING_NAMES.get(pooling, pooling)}, 95 % interval; grey: the same readiness dealt "
        "out to the cast at random; filled: p at most .05.",
        alt=f"Cosine with the arrow of {evidence} by branch: {dot_chart.spoken(rows)}.",
        key="arrow-figure",
        **shared,
    )


def _effects(study: Study, branch: str, shared: dict[str, Any]) -> None:
    table = studies.wanted(study, "words_or_weights", "Words and weights were not told apart.")
    if table is None:
        return
    rows = drift_details.effect_rows(table, branch)
    title = drift_details.effect_finding(rows, branch)
    if rows.empty:
        figure.empty(f"{title}.", made_by("words_or_weights"))
        return
    figure.figure(
        lambda p, width: dot_chart.dot_chart(
            rows, p, percent=True, size=(width, dot_chart.height_of(rows))
        ),
        rows,
        name=f"words-or-weights-{branch}",
        title=title,
        words=f"Shares of {branch}'s shift over the answers by whose text is read and whose "
        "weights read it, mean over the answer, 95 % interval.",
        alt=f"Words or weights, {branch}: {dot_chart.spoken(rows, percent=True)}. {title}.",
        key="effects",
        **shared,
    )
