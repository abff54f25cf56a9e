"""The talk on the Live page: what was said, on one side or several, and how it may go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from psm_viz.charts import choices
from psm_viz.charts.reads import Reads
from psm_viz.errors import PsmVizError
from psm_viz.messages import ASSISTANT, USER, Voice
from psm_viz.study.manifest import first_of_topics
from psm_viz.study.reader import Study
from psm_viz.ui import figure
from psm_viz.ui.live_client import Live
from psm_viz.ui.live_follow import PROBLEM, ask_all, broken_off, cancel_all, follow, read_side
from psm_viz.ui.live_state import Side, Stage, as_file, of_file, saved_here, transcripts
from psm_viz.ui.live_voices import chosen_for, name_of

STAGE = "live-stage"
"""Key of the session's talk, which outlives the page."""
GONE, OPENED = "live-gone", "live-file"
"""State: what the address named that was taken up, and the file that was opened."""
SHOWN = 40
"""Messages of a talk that the page shows, from its end."""
OFFERED = 6
"""Questions that are one click away."""


def stage_of(study: Study, voices: Sequence[Voice]) -> Stage:
    """The session's talk on this study, its voices as chosen."""
    held = st.session_state.get(STAGE)
    if held is None or held[0] != study.folder:
        held = (study.folder, Stage([Side(voices[0])]))
        st.session_state[STAGE] = held
    stage: Stage = held[1]
    stage.voices(list(voices))
    return stage


def linked() -> str:
    """The checkpoint that the address names, before a menu that does not offer it corrects it."""
    return st.query_params.get("checkpoint", "")


def start_from_link(study: Study, stage: Stage, reads: Reads, asked: str) -> None:
    """Take up the stored talk that the address names, once: of the checkpoint that was `asked` for,
    whoever is here to go on with it."""
    wanted, here = st.query_params.get("go", ""), stage.sides[0].voice.checkpoint
    checkpoint = asked if asked in {c.id for c in study.manifest.checkpoints} else here
    if not wanted or (asked, wanted) in st.session_state.get(GONE, ()):
        return
    # the address says next what the menu made of it
    st.session_state[GONE] = {(named, wanted) for named in (asked, here, "")}
    if wanted in choices.talks_of(reads, checkpoint):
        start_from(study, stage, reads, checkpoint, int(wanted))
        if checkpoint != here:
            stage.owner = checkpoint


def talk_section(study: Study, live: Live, stage: Stage) -> None:
    """What was said on each side, the answer that is under way, and the ways to go on."""
    box = st.container(height=430, key="live-talk", autoscroll=True)
    with box:
        if stage.owner:
            figure.caption(
                f"This talk is {stage.owner}'s, whose weights are not here: "
                f"{stage.sides[0].voice.checkpoint} goes on with it. docs/live.md says where "
                "weights are looked for."
            )
        if not any(s.messages for s in stage.sides) and not stage.jobs:
            figure.caption(
                "Nothing was said yet. Ask one of the questions below, or write your own."
            )
        columns = st.columns(len(stage.sides), gap="medium")
        for n, (side, column) in enumerate(zip(stage.sides, columns, strict=True)):
            with column:
                _side(study, stage, n, side)
        growing = [column.empty() for column in columns]
    waiting = st.empty()
    if stage.jobs:
        _follow(live, stage, growing, waiting)
    _ways_to_ask(study, stage)


def _side(study: Study, stage: Stage, number: int, side: Side) -> None:
    """One side's turns."""
    if len(stage.sides) > 1:
        figure.label(name_of(side.voice, study))
    first = max(0, len(side.messages) - SHOWN) // 2 * 2
    if first:
        figure.caption(f"The first {first} messages are not shown; a saved talk has them.")
    answer = first // 2
    for at, m in list(enumerate(side.messages))[first:]:
        asked = m["role"] == USER
        with st.container(key=f"turn-{number}-{at}", horizontal=True, wrap=False, gap="small"):
            st.html(turn_html(m["content"], asked, "" if asked else side.notes[answer]))
            with st.popover("", icon=":material/edit:", type="tertiary", help="Change these words"):
                _edit(stage, number, at, m["content"], asked)
        answer += not asked


def turn_html(text: str, asked: bool, note: str) -> str:
    """A question, or an answer in quotation type with what is to be said of it."""
    if asked:
        return f'<p class="psm-asked psm-turn">{escape(text)}</p>'
    more = f'<p class="psm-caption">{escape(note)}</p>' if note else ""
    return f'<blockquote class="psm-quote psm-turn">{escape(text)}</blockquote>{more}'


def _edit(stage: Stage, number: int, at: int, text: str, asked: bool) -> None:
    """Other words in the place of a turn; the talk goes on from there."""
    key = f"edit-{number}-{at}"
    st.text_area("Your words" if asked else "Words in its mouth", text, key=key)
    st.button(
        "Ask this and forget what came after" if asked else "Let it have said this",
        key=f"{key}-go",
        on_click=partial(_rewrite, stage, number, at, key),
    )


def _rewrite(stage: Stage, number: int, at: int, key: str) -> None:
    text = str(st.session_state.get(key, "")).strip()
    if not text or at >= len(stage.sides[number].messages):
        return
    if stage.sides[number].messages[at]["role"] == USER:
        for side in stage.sides:  # the same words for all
            if at < len(side.messages):
                side.rewrite(at, text)
        st.session_state["live-todo"] = "ask"
    else:
        stage.sides[number].rewrite(at, text)
        st.session_state["live-todo"] = f"read {number}"


def do_what_was_asked(live: Live, stage: Stage) -> None:
    """Send what a click asked for before this run. Raises BadInput, Gone."""
    todo = str(st.session_state.pop("live-todo", ""))
    if todo == "ask":
        ask_all(live, stage)
    elif todo == "read all":
        for n in range(len(stage.sides)):
            read_side(live, stage, n, whole=True)
    elif todo:
        read_side(live, stage, int(todo.removeprefix("read ")))


def _follow(live: Live, stage: Stage, growing: list[Any], waiting: Any) -> None:
    """Show answers as they grow; afterwards draw the page anew."""

    def grow(side: int, text: str) -> None:
        waiting.empty()
        growing[side].html(turn_html(f"{text} \N{HORIZONTAL ELLIPSIS}", False, ""))

    stop = st.empty()
    stop.button("Stop", key="live-cancel", on_click=cancel_all, args=(live, stage))
    begun = "Reading the talk further." if stage.jobs[0].seen else "Asked."
    waiting.html(f'<p class="psm-caption">{begun}</p>')
    try:
        follow(live, stage, grow, lambda text: waiting.html(f'<p class="psm-caption">{text}.</p>'))
    except PsmVizError as e:
        for asked in stage.jobs:
            broken_off(stage, asked)
        stage.jobs.clear()
        waiting.empty()
        st.session_state[PROBLEM] = e
    st.rerun()


def say_problem() -> None:
    """What went wrong in the last run, once."""
    problem = st.session_state.pop(PROBLEM, None)
    if problem is not None:
        figure.notice(problem)


def _ways_to_ask(study: Study, stage: Stage) -> None:
    """A line to write in, questions to click, and what may be done with the whole talk."""
    text = st.chat_input("Say something to it", key="live-say", max_chars=100_000)
    if text and text.strip():
        _say(stage, text.strip())
        st.rerun()
    st.pills(
        "Questions that every character of the study was asked",
        first_questions(study),
        key="live-offered",
        on_change=_offered,
        args=(stage,),
    )


def _offered(stage: Stage) -> None:
    chosen = st.session_state.get("live-offered")
    if chosen:
        _say(stage, str(chosen))
        st.session_state["live-offered"] = None


def _say(stage: Stage, text: str) -> None:
    for side in stage.sides:
        side.say(text)
        side.last = ""
    st.session_state["live-todo"] = "ask"


def first_questions(study: Study) -> list[str]:
    """A question of each of the first topics."""
    return [q.text for q in first_of_topics(study.questions)][:OFFERED]


def whole_talk(study: Study, stage: Stage, reads: Reads, state: Mapping[str, Any]) -> None:
    """Begin anew, start from a stored talk, save the talk, open a saved one."""
    st.button("Begin anew", key="live-anew", on_click=stage.anew)
    _stored(study, stage, reads)
    if any(s.messages for s in stage.sides):
        st.download_button(
            "Save this talk",
            partial(as_file, stage, study),
            "talk.json",
            "application/json",
            on_click="ignore",
            help="With the study, the voices and what was heard; it opens here again.",
        )
        st.download_button(
            "Save as a transcript",
            partial(transcripts, stage.sides, study),
            "transcript.json" if len(stage.sides) == 1 else "transcripts.jsonl",
            "application/json",
            on_click="ignore",
            help="In the form of the Assistant-axis repository: model, turns, conversation.",
        )
    st.file_uploader(
        "Open a talk",
        type=["json", "jsonl"],
        key=OPENED,
        on_change=partial(_opened, study, stage, state),
    )


def _opened(study: Study, stage: Stage, state: Mapping[str, Any]) -> None:
    """Take up the talk of a file that was chosen: with its voices, where it was saved here and they
    are offered; otherwise with those that were chosen, who read it anew."""
    file = st.session_state.get(OPENED)
    if file is None:
        return
    try:
        sides = saved_here(file.getvalue(), file.name, study)
        menus = chosen_for([s.voice for s in sides], state) if sides else {}
        if menus:
            st.session_state.update(menus)
            stage.anew()
            stage.sides = sides
        else:
            _open(stage, of_file(file.getvalue(), file.name))
    except PsmVizError as e:
        st.session_state[PROBLEM] = e


def _open(stage: Stage, talks: list[list[dict[str, str]]]) -> None:
    """Take up talks of a file: one a side, as far as there are sides; the first for the others."""
    stage.anew()
    for n, side in enumerate(stage.sides):
        _take_up(side, talks[min(n, len(talks) - 1)])
    st.session_state["live-todo"] = "read all"


def _take_up(side: Side, messages: Sequence[dict[str, str]], last: str = "") -> None:
    side.messages = [dict(m) for m in messages]
    side.heard = [None] * side.answers
    side.notes = [""] * side.answers
    side.last = last


def _stored(study: Study, stage: Stage, reads: Reads) -> None:
    """Start from a talk that the study holds."""
    checkpoint = stage.sides[0].voice.checkpoint
    known = {c.id for c in study.manifest.checkpoints}
    options = choices.talks_of(reads, checkpoint) if checkpoint in known else {}
    if not options:
        return
    st.selectbox(
        f"Start from a stored talk of {checkpoint}",
        list(options),
        index=None,
        format_func=lambda i: options[i],
        key="live-stored",
        on_change=partial(_start_from, study, stage, reads, checkpoint),
    )


def _start_from(study: Study, stage: Stage, reads: Reads, checkpoint: str) -> None:
    chosen = st.session_state.get("live-stored")
    if chosen is None:
        return
    start_from(study, stage, reads, checkpoint, int(chosen))
    st.session_state["live-stored"] = None


def start_from(study: Study, stage: Stage, reads: Reads, checkpoint: str, talk: int) -> None:
    """Take up one of the Assistant's stored talks on every side."""
    said = reads.talk_answers(checkpoint)
    own = said[said["talk"] == talk]
    text = {q.id: q.text for q in study.questions}
    messages: list[dict[str, str]] = []
    for question, answer in zip(own["question"], own["text"], strict=True):
        messages.append({"role": USER, "content": text[str(question)]})
        messages.append({"role": ASSISTANT, "content": str(answer)})
    last = str(own["last"].iloc[0]) if "last" in own and len(own) else ""
    stage.anew()
    for side in stage.sides:
        _take_up(side, messages, last)
    st.session_state["live-todo"] = "read all"
