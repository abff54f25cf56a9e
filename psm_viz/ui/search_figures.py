"""The Search page: what is looked for, how much was found, and how to begin."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from psm_viz.charts import search_findings
from psm_viz.charts.search_view import JUDGED, SearchChoice, where_choices, who_choices
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.judging import BAD
from psm_viz.study.reader import Study
from psm_viz.study.search import LONGEST, Found, Wanted
from psm_viz.ui import controls, figure


def pick_words() -> str:
    """The words that the reader types, in the link too."""
    return st.text_input(
        "Search everything that was said",
        key="words",
        max_chars=LONGEST,
        bind="query-params",
        icon=":material/search:",
        placeholder="a word, a name, \N{LEFT DOUBLE QUOTATION MARK}a phrase"
        "\N{RIGHT DOUBLE QUOTATION MARK}, the start of a wor*",
    )


def pick_where(study: Study, messages: Any) -> str:
    """Where answers must be from: of `where_choices`."""
    return controls.pick("Where", where_choices(study), "where", messages, what="place")


def pick_who(study: Study, messages: Any) -> str:
    """Who must have said it: of `who_choices`."""
    return controls.pick("Who", who_choices(study), "who", messages, what="speaker")


def pick_judged(messages: Any) -> str:
    """How it must have been judged."""
    return controls.pick_segment("Judged", JUDGED, "judged", messages)


def found(choice: SearchChoice) -> Found | None:
    """What a search finds. The first in a study takes the time that its index needs. Raises
    BadInput, UnknownName, NotWritten."""
    if choice.wanted == Wanted():
        return None
    with st.spinner("Searching. The first search in a study makes its index: some seconds."):
        return choice.found


def heading(choice: SearchChoice, result: Found) -> None:
    """How many were found, and what of it is listed."""
    title = search_findings.search_title(choice.wanted, result, choice.study.cast)
    figure.finding(title)
    if result.hits:
        figure.caption(
            f"{search_findings.order_words(result)} Words are looked for in answers, in their "
            "questions and in names; word endings do not count. A link opens the talk or the card "
            "on the map, the last one the Live page."
        )


def examples(study: Study) -> dict[str, dict[str, str]]:
    """Searches to begin with, by what they look for: parameters of the page's address."""
    topics = list(dict.fromkeys(q.topic for q in study.questions))[:2]
    families = [f.name.lower() for f in study.cast.families[-2:]]
    out = {w: {"words": w} for w in (*topics, *families)}
    for branch in study.manifest.fine_tuned[:1]:
        end = study.manifest.branch(branch)[-1].id
        bad = {"where": end, "who": ASSISTANT, "judged": BAD}
        out[f"bad answers of the Assistant at {end}"] = bad
    return out


def start(study: Study) -> None:
    """What the page says before anything is looked for."""
    figure.finding("Search everything that was said")
    figure.caption(
        "Every answer of the Assistant and of the cast, at every checkpoint (a saved step of "
        "training), in talks and to single questions. Type a word of an answer or of a question, "
        "or a name; or choose who said it, and where. For example:"
    )
    name = str(st.query_params.get("study", ""))[:64]
    named = {"study": name} if name else {}
    links = (
        f'<li><a href="./search?{escape(urlencode(named | asked))}" target="_self">{escape(w)}</a>'
        "</li>"
        for w, asked in examples(study).items()
    )
    st.html(f'<ul class="psm-examples">{"".join(links)}</ul>')
