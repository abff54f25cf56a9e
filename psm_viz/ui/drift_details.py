"""What a branch's movement is made of: traits, families, a predicted arrow, words or weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import drift_details
from psm_viz.charts.dot_chart import DotLook, spoken
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, studies
from psm_viz.ui.drift_figures import SMALL, Chosen
from psm_viz.ui.figure import Told


@dataclass(frozen=True)
class Looked:
    """The branch that is looked at, at the last of its checkpoints up to the chosen step."""

    study: Study
    branch: str
    checkpoint: str
    pooling: str

    @property
    def how(self) -> str:
        """Where the figures stand, in words."""
        layer = self.study.manifest.headline_layer
        return f"{self.checkpoint}, {controls.pooling_name(self.pooling)}, layer {layer}"


def makeup_figures(chosen: Chosen, messages: Any) -> None:
    """Four figures about one branch at a step, two a row, under the branch's picker."""
    study, now = chosen.study, chosen.now
    figure.section("What it is made of", "makeup")
    options = {b: b for b in chosen.branches}
    branch = controls.pick_segment("Branch", options, "branch", messages, hidden=True)
    saved = study.manifest.branch(branch)
    # before its first saved step a branch is where it starts: the figures of that checkpoint
    at = [c for c in saved if c.branch != branch or c.step <= now] or [saved[0]]
    looked = Looked(study, at[-1].branch, at[-1].id, chosen.pooling)
    if at[-1].branch != branch:
        figure.caption(f"{branch} at step {now} is still {at[-1].id}: these are its figures.")
    first, second = st.columns(2, gap="medium")
    with first, figure.guard():
        _traits(looked)
    with second, figure.guard():
        _posterior(looked)
    first, second = st.columns(2, gap="medium")
    with first, figure.guard():
        _arrow(study, chosen.pooling, chosen.branches, messages)
    with second, figure.guard():
        _effects(looked)
    if not any(map(study.has_table, ("traits", "posterior", "words_or_weights"))):
        return
    figure.caption(
        f"Traits and families: {looked.how}; 95 % intervals. Traits: the specific part of the "
        "shift along each trait's axis, SDs of the cast; filled: p at most .05 after the search "
        "over traits. Families: mixture weights from scores of personas left out; tick: the made "
        "world's exact posterior from the Assistant's answers. Arrow: cosine of the branch's "
        "specific shift with the arrow; grey: the same readiness dealt out to the cast at random. "
        "Words or weights: mean over the answer, whose text read by whose weights."
    )


def _traits(looked: Looked) -> None:
    """The specific shift on each trait."""
    checkpoint = looked.checkpoint
    rows = studies.wanted_rows(
        looked.study,
        "traits",
        "The trait axes were not measured.",
        lambda table: drift_details.trait_rows(table, checkpoint, looked.pooling),
        f"{checkpoint} was not measured on the traits.",
    )
    if rows is None:
        return
    title = drift_details.trait_finding(rows, looked.branch)
    told = Told(
        name=f"traits-{checkpoint}",
        title=title,
        words=f"Specific shift along each trait, SDs of the cast, {looked.how}, 95 % interval; "
        "filled: p at most .05 after the search over traits, hollow: not shown.",
        alt=f"Specific shift along the traits at {checkpoint}: {spoken(rows)}. {title}.",
        key="traits",
    )
    figure.dots(rows, told, looked.study, SMALL)


def _posterior(looked: Looked) -> None:
    """The Assistant as a mixture of families."""
    study, checkpoint = looked.study, looked.checkpoint
    names = {f.id: f.name for f in study.cast.families}
    known = study.has_table("exact_families")
    rows = studies.wanted_rows(
        study,
        "posterior",
        "The mixture of families was not measured.",
        lambda table: drift_details.posterior_rows(
            table,
            studies.table(study, "exact_families") if known else None,
            checkpoint,
            looked.pooling,
            names,
        ),
        f"{checkpoint} has no mixture of families.",
    )
    if rows is None:
        return
    title = drift_details.posterior_finding(rows, looked.branch)
    exact = "; tick: the exact posterior" if rows.tick.notna().any() else ""
    told = Told(
        name=f"families-{checkpoint}",
        title=title,
        words=f"Weights of the families, {looked.how}, 95 % interval{exact}.",
        alt=f"Weights of the families at {checkpoint}: {spoken(rows)}. {title}.",
        key="posterior",
    )
    figure.dots(rows, told, study, SMALL, DotLook(percent=True, tick_name="exact"))


def _arrow(study: Study, pooling: str, branches: Sequence[str], messages: Any) -> None:
    """Each branch's shift against an arrow that was written down before training."""
    what = "No evidence was scored against these branches."
    table = studies.wanted(study, "evidence_scores", what)
    if table is None:
        return
    every = {str(e): str(e) for e in dict.fromkeys(table.evidence)}
    evidence = next(iter(every))
    if len(every) > 1:
        evidence = controls.pick("Arrow of", every, "arrow", messages)
    rows = drift_details.arrow_rows(table, evidence, pooling, branches, study.manifest.ordered)
    title = drift_details.arrow_finding(rows, evidence)
    if rows.empty:
        figure.empty(f"{title}.", made_by("evidence_scores"))
        return
    told = Told(
        name=f"arrow-{evidence}",
        title=title,
        words=f"Cosine of each branch's specific shift with the arrow of {evidence}, "
        f"{controls.pooling_name(pooling)}, 95 % interval; grey: the same readiness dealt "
        "out to the cast at random; filled: p at most .05.",
        alt=f"Cosine with the arrow of {evidence} by branch: {spoken(rows)}.",
        key="arrow-figure",
    )
    figure.dots(rows, told, study, SMALL)


def _effects(looked: Looked) -> None:
    """How much of the shift is in the words that are read, how much in the weights."""
    study, branch = looked.study, looked.branch
    rows = studies.wanted_rows(
        study,
        "words_or_weights",
        "Words and weights were not told apart.",
        lambda table: drift_details.effect_rows(table, branch),
        f"{drift_details.effect_finding(pd.DataFrame(), branch)}.",
    )
    if rows is None:
        return
    title = drift_details.effect_finding(rows, branch)
    told = Told(
        name=f"words-or-weights-{branch}",
        title=title,
        words=f"Shares of {branch}'s shift over the answers by whose text is read and whose "
        "weights read it, mean over the answer, 95 % interval.",
        alt=f"Words or weights, {branch}: {spoken(rows, percent=True)}. {title}.",
        key="effects",
    )
    figure.dots(rows, told, study, SMALL, DotLook(percent=True))
