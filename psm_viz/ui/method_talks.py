"""The Method page's figures of talks: how often belief is right, whether it means what it says, and
whether planted mixtures come back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from psm_viz.charts import belief_trust
from psm_viz.charts.dot_chart import DotLook, Rule, spoken
from psm_viz.charts.figures import Layout, Told
from psm_viz.charts.frames import where
from psm_viz.charts.talk_figures import headline_way, note_of
from psm_viz.study.reader import Study
from psm_viz.study.talks import families_in
from psm_viz.ui import figure, studies

CAPTIONED = Layout(400, small=True, captioned=True)


def talk_section(study: Study) -> None:
    """Three figures on talks whose speakers are known; nothing for a study without talks."""
    if not study.has_table("belief_quality"):
        return
    figure.section("How far belief from talks can be trusted", "talks")
    left, middle, right = st.columns(3, gap="medium")
    with left, figure.guard():
        _told(study)
    with middle, figure.guard():
        _meant(study)
    with right, figure.guard():
        _planted(study)


def _told(study: Study) -> None:
    """How often the likeliest kin is the right one."""
    quality, m, k = studies.table(study, "belief_quality"), study.manifest, note_of(study).answers
    way = headline_way(studies.reads(study))
    rows = belief_trust.told_rows(quality, m.reference, k)
    at = where(quality, (quality.checkpoint == m.reference) & (quality.answers == k))
    chance = float(where(at, at.way == way).kin_chance.iloc[0])
    title = belief_trust.told_finding(quality, m.reference, k, way)
    told = Told(
        name="belief-told",
        title=title,
        words="Talks of the cast put into the Assistant's seat, each read without its persona and "
        "its last question. Hollow, what should tell less: words without a model, weights that "
        "learned nothing, families dealt out anew. At the right the Brier score, the squared miss "
        "of the belief in those who act badly.",
        alt=f"Share of talks whose kin is named right: {spoken(rows, percent=True)}.",
        key="belief-told",
    )
    figure.dots(
        rows,
        told,
        study,
        CAPTIONED,
        DotLook(rules=(Rule(chance, "chance"),), percent=True, accent=False),
    )


def _meant(study: Study) -> None:
    """Belief against what was so."""
    beliefs = studies.table(study, "beliefs")
    rows = belief_trust.meant_rows(
        beliefs,
        study.cast,
        families_in(beliefs, study.cast),
        study.manifest.reference,
        note_of(study).answers,
    )
    told = Told(
        name="belief-meant",
        title="Where belief says so much, so often it is so: on the line it means what it says",
        words="Every kin and talk of the cast at the reference, out of sample, gathered by fifths "
        "of belief; families count alike.",
        alt="Belief against the share that was so, by way of reading, beside the diagonal.",
        key="belief-meant",
    )
    _diagonal(rows, ("belief", "share that was so"), told, study)


def _planted(study: Study) -> None:
    """Planted shares against those given back."""
    trials = studies.wanted(study, "belief_trials", "No mixtures of talks were planted.")
    if trials is None:
        return
    rows = belief_trust.planted_rows(trials)
    told = Told(
        name="belief-planted",
        title="Planted shares of talks by those who act badly, and the shares that come back",
        words="Talks of personas whom the reading never saw, mixed in known shares; the share that "
        "explains the beliefs best (prior-shift EM), mean and two standard deviations over trials.",
        alt="Shares given back against shares planted, beside the diagonal.",
        key="belief-planted",
    )
    _diagonal(rows, ("planted share", "share given back"), told, study)


def _diagonal(rows: pd.DataFrame, titles: tuple[str, str], told: Told, study: Study) -> None:
    """A figure of marks against the diagonal on which both are equal."""
    figure.figure(
        lambda p, width: belief_trust.diagonal_chart(rows, p, titles, (width, 250)),
        rows,
        told,
        study,
        CAPTIONED,
    )
