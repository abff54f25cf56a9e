"""What a branch's movement is made of, set on the Drift page: traits, families, a predicted arrow,
words or weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from psm_viz.charts.drift_view import DriftChoice
from psm_viz.charts.figures import Shown
from psm_viz.charts.makeup_figures import (
    Looked,
    arrow_figure,
    arrows,
    effects_figure,
    families_figure,
    looked_at,
    traits_figure,
)
from psm_viz.ui import controls, figure


def pick_branch(choice: DriftChoice, messages: Any) -> str:
    """The branch whose movement is taken apart."""
    options = {b: b for b in choice.branches}
    return controls.pick_segment("Branch", options, "branch", messages, hidden=True)


def pick_arrow(choice: DriftChoice, messages: Any) -> str:
    """The evidence whose arrow is drawn; '' where none was scored."""
    every = arrows(choice.reads.study, choice.reads)
    if len(every) > 1:
        return controls.pick("Arrow of", every, "arrow", messages)
    return next(iter(every), "")


def makeup(choice: DriftChoice, messages: Any, named: str) -> None:
    """Four figures about one branch at a step, two a row. `named`: what links call the study."""
    study, looked = choice.reads.study, looked_at(choice.chosen(), choice.branch)

    def link(one: Shown) -> str:
        return choice.link_of(one, named)

    if looked.branch != choice.branch:
        figure.caption(
            f"{choice.branch} at step {choice.step} is still {looked.checkpoint}: these are its "
            "figures."
        )
    first, second = st.columns(2, gap="medium")
    with first, figure.guard():
        figure.linked(traits_figure(looked), study, link)
    with second, figure.guard():
        figure.linked(families_figure(looked), study, link)
    first, second = st.columns(2, gap="medium")
    with first, figure.guard():
        arrow = pick_arrow(choice, messages)
        one = arrow_figure(choice.reads, choice.pooling, choice.branches, arrow)
        figure.show(one, study, replace(choice, arrow=arrow).link_of(one, named))
    with second, figure.guard():
        figure.linked(effects_figure(looked), study, link)
    if any(map(study.has_table, ("traits", "posterior", "words_or_weights"))):
        figure.caption(_words(looked))


def _words(looked: Looked) -> str:
    """The caption of the four."""
    return (
        f"Traits and families: {looked.how}; 95 % intervals. Traits: the specific part of the "
        "shift along each trait's axis, SDs of the cast; filled: p at most .05 after the search "
        "over traits. Families: mixture weights from scores of personas left out; tick: the made "
        "world's exact posterior from the Assistant's answers. Arrow: cosine of the branch's "
        "specific shift with the arrow; grey: the same readiness dealt out to the cast at random. "
        "Words or weights: mean over the answer, whose text read by whose weights."
    )
