"""The words about the map of talks, and the card of a talk: what was said in it."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from psm_viz.charts import choices
from psm_viz.charts.frames import where
from psm_viz.charts.palette import kin_colours
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import (
    BY_STATES,
    has_talks,
    how_asked,
    map_of_talks,
    no_talks,
    note_of,
)
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.talks import TURN
from psm_viz.ui import controls, figure

TOLD = "told"
"""In the address: which of a persona's talks is read; state: of whom it is."""
EXPLAINED = (
    "Each pale dot is a talk, {k} questions answered {how} by one of {n} personas, the "
    "characters that this model can play; talks that read alike lie close together. {colour} dots: "
    "talks of the Assistant, told nothing about whom to play, at one checkpoint (a saved state of "
    "training). All personas together are the cast; like families of them are a kin."
)
EXPLAINED_BY_BELIEF = (
    "Each pale dot is one of {n} personas, the characters that this model can play, told whom to "
    "play; those whose inner states are alike lie close together. {colour} dots: talks of the "
    "Assistant, {k} questions answered {how}, told nothing about whom to play, at one checkpoint "
    "(a saved state of training); each lies among the characters who would say the same. All "
    "personas together are the cast; like families of them are a kin."
)


def say_what_makes_talks(study: Study) -> None:
    """In a study that cannot show talks, a line on why, and what would make them."""
    if not has_talks(study):
        why, next_step = no_talks(study)
        figure.caption(f"The dots are means. {why}. {next_step}")


def explain(study: Study) -> None:
    """What the dots of the map of talks are."""
    colour = "Red" if figure.page_palette().name == "light" else "Orange"
    explained = EXPLAINED if map_of_talks(study) == BY_STATES else EXPLAINED_BY_BELIEF
    n, k = len(study.cast.personas), note_of(study).answers
    figure.caption(explained.format(n=n, k=k, how=how_asked(study), colour=colour))


def pick_talk(reads: Reads, checkpoint: str, messages: Any) -> int | None:
    """One of the Assistant's talks; None where the checkpoint held none."""
    options = choices.talks_of(reads, checkpoint)
    if not options:
        return None
    return int(controls.pick("Talk of the Assistant", options, "talk", messages))


def talk_words(reads: Reads, checkpoint: str, talk: int) -> None:
    """The words of one of the Assistant's talks, and the way to go on with it."""
    _turns(reads, checkpoint, ASSISTANT, talk)
    asked = urlencode({"checkpoint": checkpoint, "go": talk} | controls.kept_study())
    figure.link(f"./live?{asked}", "Go on with this talk")


def told_talk(reads: Reads, checkpoint: str, persona: str, messages: Any) -> None:
    """The words of one of a persona's talks, where it held any and one is asked for."""
    held = choices.talks_of(reads, checkpoint, persona)
    # Not bound to the address: the talks of others have the same numbers.
    own = f"{TOLD}-{checkpoint}-{persona}"
    if st.session_state.get(TOLD) not in (None, own):
        st.query_params.pop(TOLD, None)
    st.session_state[TOLD] = own
    if not held:
        return
    controls.check_link(TOLD, {i: i for i in held}, "talk", messages)
    options, asked = {"": "Read one of its talks", **held}, st.query_params.get(TOLD, "")
    chosen = st.selectbox(
        "Talk",
        list(options),
        index=list(options).index(asked) if asked in options else 0,
        format_func=options.__getitem__,
        key=own,
        label_visibility="collapsed",
    )
    if chosen:
        st.query_params[TOLD] = chosen
        _turns(reads, checkpoint, persona, int(chosen))
    else:
        st.query_params.pop(TOLD, None)


def _turns(reads: Reads, checkpoint: str, persona: str, talk: int) -> None:
    """A talk's questions and answers."""
    said = reads.talk_answers(checkpoint, persona)
    text = {q.id: q.text for q in reads.study.questions}
    own = where(said, said.talk == talk).sort_values(TURN)
    rows = [
        f'<p class="psm-asked">{escape(text[str(q)])}</p>'
        + figure.answer_html(str(t), str(v), small=True)
        for q, t, v in zip(own.question, own.text, own.valence, strict=True)
    ]
    name = "the Assistant" if persona == ASSISTANT else reads.study.cast.persona(persona).name
    # A part that scrolls can be reached by keyboard.
    st.html(
        f'<div class="psm-talk" tabindex="0" role="region" aria-label="Talk {talk} of '
        f'{escape(name)}">{"".join(rows)}</div>'
    )


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
