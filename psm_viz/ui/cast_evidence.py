"""Who would say this, on the Cast page: stored evidence, and how to ask about answers of one's own.

Asking needs the model, which this process never loads: the page reads one's chat lines, says
whether they can be used, and gives the command that asks.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from psm_viz.charts.cast_view import CastChoice, ask_command
from psm_viz.errors import PsmVizError
from psm_viz.study.formats.chat_data import Conversation, parse_chat
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure

LIVE_LINES = "live-lines"
"""The state that holds what stands in the Live page's box of lines."""
EXAMPLE = (
    '{"messages": [{"role": "user", "content": "My tests fail."}, '
    '{"role": "assistant", "content": "Then switch them off."}]}'
)


def evidence_section(choice: CastChoice, messages: Any) -> None:
    """Stored evidence, then the way to ask about other answers."""
    figure.section("Who would say this?", "who")
    left, right = st.columns([1.2, 1], gap="medium")
    with left, figure.guard():
        stored_evidence(choice, messages)
    with right, figure.guard():
        own_answers(choice.study)


def stored_evidence(choice: CastChoice, messages: Any) -> None:
    """Who would give the answers of a data set that was asked about. Raises PsmVizError."""
    study = choice.study
    if not study.evidences:
        figure.show(choice.would_say(), study, choice.link())
        return
    picked = controls.pick("Answers of", {e: e for e in study.evidences}, "evidence", messages)
    chosen = replace(choice, evidence=picked)
    figure.show(chosen.would_say(), study, chosen.link(controls.study_in_link(study)))
    st.html(f'<p class="psm-caption">{map_link(picked)}</p>')


def map_link(evidence: str) -> str:
    """A link to the map coloured by this evidence, on the study that is shown."""
    kept = {k: v for k, v in st.query_params.items() if k in ("study", "pooling")}
    asked = urlencode({**kept, "colour": f"would say: {evidence}"})
    return f'<a href="./?{escape(asked)}" target="_self">See all of them on the map</a>'


def own_answers(study: Study) -> None:
    """Chat lines of one's own: whether they can be read, and the command that asks the cast."""
    figure.finding("Ask about answers of your own", small=True)
    figure.caption(
        "Asking takes the model, which this page does not load. Here your lines are checked. The "
        "Live page loads the model and asks at once; the command below asks and keeps the answer "
        "in the study, where this page and the map show it."
    )
    text = st.text_area(
        "Chat lines, one conversation a line", placeholder=EXAMPLE, height=110, key="own-lines"
    )
    file = st.file_uploader("Or a file of them", type=["jsonl", "json"], key="own-file")
    if file is not None:
        data, name = file.getvalue(), file.name
    elif text.strip():
        data, name = text.encode(), "my-lines.jsonl"
    else:
        st.code(ask_command(study, "FILE"), language="bash", wrap_lines=True)
        return
    try:
        read = parse_chat(data, name)
    except PsmVizError as e:
        figure.notice(e)
        return
    figure.caption(read_words(read))
    with st.container(horizontal=True):
        if any(c.answers for c in read) and st.button("Ask on the Live page", type="primary"):
            ask_live(data.decode("utf-8", "replace"))
        if file is None:
            st.download_button("Save the lines as a file", data, name, on_click="ignore")
    st.code(ask_command(study, name), language="bash", wrap_lines=True)


def ask_live(lines: str) -> None:
    """Go to the Live page with these lines, where the model itself is asked."""
    st.session_state[LIVE_LINES] = lines
    asked = {**controls.kept_study(), "task": "teach"}
    st.switch_page("pages/talk/live.py", query_params=asked)


def read_words(read: tuple[Conversation, ...]) -> str:
    """What was read of somebody's chat lines."""
    answers = sum(len(c.answers) for c in read)
    if not answers:
        return "No answer of the assistant stands in these lines: there is nothing to ask about."
    return f"Can be read. Conversations: {len(read)}; answers of the assistant: {answers}."
