"""Who would say this, on the Cast page: stored evidence, and how to ask about answers of one's own.

Asking needs the model, which this process never loads: the page reads one's chat lines, says
whether they can be used, and gives the command that asks.
"""

from __future__ import annotations

from html import escape
from shlex import quote
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from psm_viz.charts.dot_chart import DotLook, Rule
from psm_viz.charts.evidence_colour import overlay_finding, overlay_of, overlay_words
from psm_viz.charts.figures import Layout, Told
from psm_viz.charts.findings import capital
from psm_viz.charts.frames import each
from psm_viz.charts.overlay import Overlay
from psm_viz.errors import PsmVizError
from psm_viz.paths import from_here
from psm_viz.study.cast import Cast
from psm_viz.study.formats.chat_data import Conversation, parse_chat
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, studies

SHOWN = 10
"""So many of the readiest personas are shown."""
EXAMPLE = (
    '{"messages": [{"role": "user", "content": "My tests fail."}, '
    '{"role": "assistant", "content": "Then switch them off."}]}'
)


def evidence_section(study: Study, messages: Any) -> None:
    """Stored evidence, then the way to ask about other answers."""
    figure.section("Who would say this?", "who")
    left, right = st.columns([1.2, 1], gap="medium")
    with left, figure.guard():
        stored_evidence(study, messages)
    with right, figure.guard():
        own_answers(study)


def stored_evidence(study: Study, messages: Any) -> None:
    """Who would give the answers of a data set that was asked about. Raises PsmVizError."""
    if not study.evidences:
        figure.empty("Nobody was asked about any answers yet.", command(study, "FILE"))
        return
    picked = controls.pick("Answers of", {e: e for e in study.evidences}, "evidence", messages)
    table, record = studies.reads(study).likelihood(picked)
    overlay = overlay_of(picked, table, study.cast)
    names = {q.id: q.name for q in study.cast.personas}
    title = overlay_finding(overlay, names)
    figure.dots(
        readiest(overlay, study.cast),
        Told(
            f"who-would-say-{picked}",
            title,
            f"The {SHOWN} readiest of {len(overlay.rows)} personas, nats a token, with 95 % "
            f"intervals. {capital(overlay_words(overlay, record).removeprefix('Colour: '))}",
            title,
            "who-would-say",
        ),
        study,
        Layout(640, small=True, captioned=True),
        DotLook(rules=(Rule(0.0, "the Assistant"),), accent=False),
    )
    st.html(f'<p class="psm-caption">{map_link(picked)}</p>')


def map_link(evidence: str) -> str:
    """A link to the map coloured by this evidence, on the study that is shown."""
    kept = {k: v for k, v in st.query_params.items() if k in ("study", "pooling")}
    asked = urlencode({**kept, "colour": f"would say: {evidence}"})
    return f'<a href="./?{escape(asked)}" target="_self">See all of them on the map</a>'


def readiest(overlay: Overlay, cast: Cast) -> pd.DataFrame:
    """Rows for `dot_chart`: the personas that would give the answers most readily."""
    who = {q.id: q for q in cast.personas}
    best = overlay.rows.sort_values("value", ascending=False).head(SHOWN)
    return pd.DataFrame(
        [
            {
                "label": f"{who[str(r.persona)].name}, "
                f"{cast.family(who[str(r.persona)].family).name.lower()}",
                "value": float(r.value),
                "low": float(r.low),
                "high": float(r.high),
                "filled": bool(r.low > 0),
            }
            for r in each(best)
        ]
    )


def own_answers(study: Study) -> None:
    """Chat lines of one's own: whether they can be read, and the command that asks the cast."""
    figure.finding("Ask about answers of your own", small=True)
    figure.caption(
        "Asking takes the model, which this page does not load. Here your lines are checked; the "
        "command below asks, and after it this page and the map show the answer."
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
        st.code(command(study, "FILE"), language="bash", wrap_lines=True)
        return
    try:
        read = parse_chat(data, name)
    except PsmVizError as e:
        figure.notice(e)
        return
    figure.caption(read_words(read))
    if file is None:
        st.download_button("Save the lines as a file", data, name, on_click="ignore")
    st.code(command(study, name), language="bash", wrap_lines=True)


def read_words(read: tuple[Conversation, ...]) -> str:
    """What was read of somebody's chat lines."""
    answers = sum(len(c.answers) for c in read)
    if not answers:
        return "No answer of the assistant stands in these lines: there is nothing to ask about."
    return f"Can be read. Conversations: {len(read)}; answers of the assistant: {answers}."


def command(study: Study, file: str) -> str:
    """The command that asks the cast of a study about a file of answers."""
    folder = quote(str(from_here(study.folder.resolve())))
    return f"python -m psm_viz evidence --study {folder} --data {quote(file)}"
