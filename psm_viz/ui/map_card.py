"""The card beside the map: who it is, what it answers, who is near."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from psm_viz.charts.frames import where
from psm_viz.charts.palette import family_colours, family_shapes
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, studies

MARKS = {
    "circle": '<circle cx="5" cy="5" r="4"/>',
    "square": '<rect x="1.3" y="1.3" width="7.4" height="7.4"/>',
    "triangle-up": '<path d="M5 1L9.3 8.7H0.7Z"/>',
    "triangle-down": '<path d="M5 9L9.3 1.3H0.7Z"/>',
    "diamond": '<path d="M5 0.4L9 5L5 9.6L1 5Z"/>',
    "cross": '<path d="M3.4 1h3.2v2.4H9v3.2H6.6V9H3.4V6.6H1V3.4h2.4Z"/>',
}


def head(study: Study, persona: str, checkpoint: str) -> None:
    """Name, family and kin with its mark, one line about it, and the way to talk to it at a
    checkpoint."""
    who = study.cast.persona(persona)
    if persona == ASSISTANT:
        name, kin = '<p class="psm-name psm-star">\N{BLACK STAR} Assistant</p>', ""
        line = who.description or "Who answers when the model is told nothing about whom to play."
    else:
        p, family = figure.page_palette(), study.cast.family(who.family)
        colour = family_colours(study.cast, p)[family.id]
        mark = MARKS[family_shapes(study.cast)[family.id]]
        svg = f'<svg width="10" height="10" fill="{colour}" aria-hidden="true">{mark}</svg>'
        name = f'<p class="psm-name">{escape(who.name)}</p>'
        kin_name = study.cast.kins.get(family.kin, "")
        same = family.name.lower() == kin_name.lower()
        words = (
            family.name if same else f"{family.name}, of the {kin_name[:1].lower()}{kin_name[1:]}"
        )
        kin, line = f'<p class="psm-kin">{svg}{escape(words)}</p>', who.description
    st.html(f'<div class="psm-card">{name}{kin}<p class="psm-line">{escape(line)}</p></div>')
    if persona != ASSISTANT:
        at = {} if checkpoint == study.manifest.reference else {"checkpoint": checkpoint}
        asked = urlencode({"persona": persona} | at | controls.kept_study())
        figure.link(f"./live?{asked}", f"Talk to {who.name}")


def answer(study: Study, checkpoint: str, persona: str, messages: Any) -> None:
    """One real answer to a question of the reader's choice, and a way to the other samples."""
    if not study.holds(checkpoint, "responses"):
        figure.caption(f"{checkpoint} was imported as vectors alone: no answers were kept.")
        return
    rows = studies.reads(study).answers(checkpoint, persona)
    asked = {q.id: q.text for q in study.questions if q.id in set(rows.question)}
    if not asked:
        name = "the Assistant" if persona == ASSISTANT else study.cast.persona(persona).name
        figure.caption(f"No answers of {name} were kept at {checkpoint}.")
        return
    question = controls.pick("Asked", asked, "question", messages, hidden=True)
    own = where(rows, rows.question == question).sort_values(["variant", "sample"])
    key = f"sample-{persona}-{question}"
    at = st.session_state.get(key, 0) % max(len(own), 1)
    one = own.iloc[at]
    st.html(figure.answer_html(str(one.text), str(one.valence)))
    if len(own) > 1:
        st.button(
            f"Another of its {len(own)} answers",
            key=f"{key}-next",
            type="tertiary",
            icon=":material/autorenew:",
            on_click=lambda: st.session_state.update({key: at + 1}),
        )


def neighbours(study: Study, near: list[str]) -> None:
    """The five nearest personas, as buttons that choose them."""
    if not near:
        return
    figure.label("Nearest by cosine")
    with st.container(horizontal=True, gap="small", key="near"):
        for n, i in enumerate(near):
            # Keyed by their places: the focus stays on the button when others are near.
            st.button(
                figure.plain(study.cast.persona(i).name),
                key=f"near-{n}",
                type="tertiary",
                on_click=controls.select_persona,
                args=(i,),
            )
