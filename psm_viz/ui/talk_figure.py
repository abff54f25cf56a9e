"""The map of talks on the Map page, and the card of a talk: what was said, who it sounds like."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import talk_map
from psm_viz.charts.frames import where
from psm_viz.charts.map_ground import WIDTH, MapView
from psm_viz.charts.measure_colour import Colour
from psm_viz.charts.palette import kin_colours
from psm_viz.charts.talk_findings import kin_shares, place_of_talks
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.talks import EXACT, LIKELIHOOD, OWN, REFERENCE, TURN, TalkNote, families_in
from psm_viz.ui import controls, figure, studies
from psm_viz.ui.figure import Layout, Told

HEIGHT = 470
WAYS = {
    LIKELIHOOD: "by how likely the reference finds the words as each persona",
    OWN: "by the model's inner state",
    REFERENCE: "by the reference's inner state after the same words",
    EXACT: "by the exact observer of the made world",
}
"""How a talk is read, in words."""
EXPLAINED = (
    "Each pale dot is a talk, {k} questions answered in turn by one of {n} personas, the "
    "characters that this model can play; talks that read alike lie close together. {colour} dots: "
    "talks of the Assistant, told nothing about whom to play, at one checkpoint (a saved state of "
    "training)."
)
EXPLAINED_BY_BELIEF = (
    "Each pale dot is one of {n} personas, the characters that this model can play, told whom to "
    "play; those whose inner states are alike lie close together. {colour} dots: talks of the "
    "Assistant, {k} questions answered in turn, told nothing about whom to play, at one checkpoint "
    "(a saved state of training); each lies among the characters who would say the same."
)
SHOWN = ("beliefs", "belief", "belief_readings")
"""The tables that pages of talks are made from, beside a map."""
BY_STATES, BY_BELIEF = "talk_map", "belief_map"
"""Maps on which talks are placed by their states, or, where these do not tell who speaks, by
belief."""


def has_talks(study: Study) -> bool:
    """Whether the study can show its talks: on a map, and along training."""
    mapped = any(study.has_table(f"{m}_quality") for m in (BY_STATES, BY_BELIEF))
    return mapped and all(map(study.has_table, SHOWN))


def map_of_talks(study: Study) -> str:
    """Which map of talks a study has."""
    return BY_STATES if study.has_table(BY_STATES) else BY_BELIEF


def talk_points(study: Study) -> pd.DataFrame:
    """The cast and the Assistant's talks on the study's map of talks."""
    return studies.table(study, map_of_talks(study))


def note_of(study: Study) -> TalkNote:
    """How the talks of a study were held that has tables of them."""
    note = study.talk_note
    assert note is not None  # `has_talks` was asked before
    return note


def say_what_makes_talks(study: Study) -> None:
    """In a study without talks, a line on the command that holds them."""
    if not has_talks(study):
        figure.caption(f"The dots are means: this study has held no talks. {HOLD_TALKS}")


def headline_way(study: Study) -> str:
    """The way of reading that the sentences go by."""
    table = studies.table(study, "belief_readings")
    name = str(table[table.headline.astype(bool)].reading.iloc[0])
    return LIKELIHOOD if name == LIKELIHOOD else OWN


def whole_talks(study: Study, checkpoint: str, way: str) -> pd.DataFrame:
    """Beliefs of the Assistant's whole talks at a checkpoint, read in one way."""
    beliefs, note = studies.table(study, "beliefs"), note_of(study)
    if checkpoint == study.manifest.reference and way == REFERENCE:
        way = OWN
    here = (beliefs.who == ASSISTANT) & (beliefs.checkpoint == checkpoint)
    return where(beliefs, here & (beliefs.way == way) & (beliefs.answers == note.answers))


def talk_figure(
    study: Study,
    checkpoint: str,
    view: MapView,
    chosen: int | None,
    colour: Colour | None,
    take: Callable[[], None],
) -> None:
    """The map of talks at one checkpoint; `take` is called after a click or a drawn area."""
    points, note = talk_points(study), note_of(study)
    n = len(talk_map.dots_at(points, checkpoint))
    if not n:
        figure.empty(
            f"{checkpoint} has held no talks.",
            "Its weights are needed: python -m psm_viz talks --study DIR --weights FOLDER",
        )
        return
    title = colour.finding if colour else place_title(study, checkpoint)
    accent = "Red" if figure.page_palette().name == "light" else "Orange"
    explained = EXPLAINED if map_of_talks(study) == BY_STATES else EXPLAINED_BY_BELIEF
    figure.caption(explained.format(n=len(study.cast.personas), k=note.answers, colour=accent))
    told = Told(
        name=f"talks-{checkpoint}",
        title=title,
        words=(f"{colour.words} A talk of the cast has its speaker's. " if colour else "")
        + f"{n} talks of the Assistant at {checkpoint} among those of the cast. "
        + map_words(study, view.projection),
        alt=f"Map of talks at {checkpoint}: {n} of the Assistant among the cast's. {title}.",
        key=f"map-{st.session_state.get('map_epoch', 0)}",
    )
    figure.figure(
        lambda p, width: talk_map.talk_map(
            points, study.cast, checkpoint, view, p, (width, HEIGHT), chosen
        ),
        talk_map.talk_table(points, study.cast, checkpoint, view.overlay),
        told,
        study,
        Layout(WIDTH, hero="hero"),
        on_select=take,
    )


def place_title(study: Study, checkpoint: str) -> str:
    """Where the talks lie and what changed, by the headline reading."""
    way, m = headline_way(study), study.manifest
    before, now = (whole_talks(study, c, way) for c in (m.reference, checkpoint))
    families = families_in(now, study.cast)
    shares = [kin_shares(frame, study.cast, families) for frame in (before, now)]
    return place_of_talks(shares[0], shares[1], checkpoint, m, study.cast)


def map_words(study: Study, projection: str) -> str:
    """How far the map can be trusted, beside the same of noise."""
    table = studies.table(study, f"{map_of_talks(study)}_quality")
    own = table[table.data == "talks"].iloc[0]
    noise = table[table.data == "Gaussian talks"]
    prefix = "pca_" if projection == "PCA" else ""

    def pair(name: str, form: str = ".2f") -> str:
        low, high = noise[name].min(), noise[name].max()
        return f"{own[name]:{form}} (Gaussian noise {low:{form}} to {high:{form}})"

    words = (
        f"Neighbours kept {pair(f'{prefix}knn_recall')}, chance {own.knn_chance:.2f}; "
        f"trustworthiness {pair(f'{prefix}trustworthiness')}"
    )
    if map_of_talks(study) == BY_BELIEF:
        dealt = table[table.data == "speakers shuffled"].error
        words += (
            f". Talks of the cast, placed the same way, lie {own.error:.0%} of the map's width "
            f"from their speakers (speakers shuffled: {dealt.min():.0%} to {dealt.max():.0%})."
        )
    else:
        if projection != "PCA":
            words += f"; placement error {pair('loo_error_median', '.1%')} of the map's width"
        words += ". Hollow: near no talk of the cast."
    return f"{words} Distances on a map are not measurements.{_untold(study)}"


def _untold(study: Study) -> str:
    """The families that belief cannot name, since they have one persona alone."""
    readings = studies.table(study, "belief_readings")
    left = next(iter(readings["left_out"].astype(str)), "")
    return f" Of one persona alone, so never named by belief: {left}." if left else ""


def talk_card(study: Study, checkpoint: str, messages: Any) -> int | None:
    """The card of one of the Assistant's talks: its words, and the belief unfolding. Returns the
    talk that is shown."""
    if not study.holds(checkpoint, "talks"):
        return None
    said = studies.talk_answers(study, checkpoint)
    text = {q.id: q.text for q in study.questions}
    first = where(said, said[TURN] == 0)
    options = {
        str(t): f"Talk {t}: {text[str(q)]}" for t, q in zip(first.talk, first.question, strict=True)
    }
    chosen = int(controls.pick("Talk of the Assistant", options, "talk", messages))
    own = where(said, said.talk == chosen)
    rows = [
        f'<p class="psm-asked">{escape(text[str(q)])}</p>'
        + figure.answer_html(str(t), str(v), small=True)
        for q, t, v in zip(own.question, own.text, own.valence, strict=True)
    ]
    # A part that scrolls can be reached by keyboard.
    st.html(
        f'<div class="psm-talk" tabindex="0" role="region" aria-label="Talk {chosen} of the '
        f'Assistant">{"".join(rows)}</div>'
    )
    unfolding(study, checkpoint, chosen)
    return chosen


def unfolding(study: Study, checkpoint: str, talk: int) -> None:
    """Who the talk sounds like, after 0, 1, 2, 4 answers."""
    way = headline_way(study)
    beliefs = studies.table(study, "beliefs")
    here = (beliefs.who == ASSISTANT) & (beliefs.checkpoint == checkpoint)
    own = where(beliefs, here & (beliefs.way == way) & (beliefs.talk == talk))
    rows = talk_map.unfolding(own, study.cast, families_in(beliefs, study.cast))
    last = where(rows, rows.answers == rows.answers.max()).sort_values("mass", ascending=False)
    best = last.iloc[0]
    told = Told(
        name=f"belief-{checkpoint}-{talk}",
        title=f"It sounds like: {best['name']}, {best.mass:.0%}",
        words=f"Belief: how likely each kin is to have said this, after so many answers, read "
        f"{WAYS[way]}. Before any answer all families count alike.",
        alt=f"Belief over kins after 0 to {int(rows.answers.max())} answers; at the end "
        f"{best['name']} {best.mass:.0%}.",
        key="unfolding",
    )
    figure.figure(
        lambda p, width: talk_map.unfolding_chart(rows, study.cast, p, (width, 132)),
        rows.drop(columns="kin"),
        told,
        study,
        Layout(380, small=True, label=True, captioned=True),
    )
    st.html(kin_legend(study))


def kin_legend(study: Study) -> str:
    """The kins' names with their hues, in the order of the bars."""
    colours = kin_colours(study.cast, figure.page_palette())
    used = {f.kin for f in study.cast.families}
    parts = [
        f'<span><i style="background:{colours[k]}" aria-hidden="true"></i>{escape(name)}</span>'
        for k, name in study.cast.kins.items()
        if k in used
    ]
    return f'<p class="psm-legend">{"".join(parts)}</p>'
