"""The Claims page: each claim with its chart, its figure, its rival and the verdict by rule.

Nothing is computed here: claims and charts come from `psm_viz.charts.claims_view`, words from
`claims_html`. The page needs no study.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from psm_viz.charts import claims as charts
from psm_viz.charts import claims_view
from psm_viz.charts.claim_words import caption_of, key_of
from psm_viz.charts.claims_view import RUN, ClaimsChoice, Judged, claim_figure
from psm_viz.charts.export import Source
from psm_viz.charts.figures import Missing, Shown
from psm_viz.claims.chat_uses import BESIDE
from psm_viz.claims.verdict import Claim
from psm_viz.errors import PsmVizError
from psm_viz.paths import CHAT_STUDY
from psm_viz.ui import claims_html as words
from psm_viz.ui import drawn, export_menu, figure, first_figure

NONE = (
    '<div class="psm-none" role="note"><h3>Nothing has been run yet</h3>'
    "<p>Each claim is judged on models trained here from random weights. One run trains one model "
    "and its fine-tuned branches, and leaves a row of figures for each. A verdict needs three runs "
    "that differ in nothing but their random numbers: seeds 0, 1 and 2.</p>"
    f"<p>Begin with</p><pre><code>{RUN}</code></pre></div>"
)
CHEATED = "beside=other&other=cheat-0064"
TRIED = {
    **dict.fromkeys(("narrow", "belief", "selection", "coin", "updating", "diagnosis"), CHEATED),
    **dict.fromkeys(("interaction", "unfolds", "psychology", "leak", "shots"), CHEATED),
    "inside": CHEATED,
    "human": "checkpoint=assistant-0600",
    "cast": "persona=scorvath",
    "requested": "beside=other&other=requested-0064",
    "base": "checkpoint=settle-3000",
    "causal": "beside=pushed&direction=arrow:cheat&strength=1.5&random=true",
    "long": "beside=other&other=long-0512",
}
"""Claims whose models ship, and how the Live page opens on them."""
CHAT, CHAT_TRIED = "chat-", f"study={CHAT_STUDY.name}"
"""What ids of claims about the chat model begin with, and how the Live page opens on it."""
COLUMNS = [1, 1.55]
"""Of a card: words and figure, chart."""


def page() -> None:
    """The whole page."""
    css = Path(__file__).with_name("claims.css").read_text(encoding="utf-8")
    figure.sheet(css)
    problem: PsmVizError | None = None
    none = Judged((), "")
    choice = ClaimsChoice(none, none)
    try:
        with st.spinner("Reading the runs ..."):
            made = claims_view.judged(claims_view.runs_folder())
            choice = replace(choice, made=made)
            chat = claims_view.judged_chat(claims_view.chat_folder())
            choice = replace(choice, chat=chat)
    except PsmVizError as e:
        problem = e
    claims, told = choice.made.claims, choice.chat.claims
    tables: list[Callable[[], None]] = []  # made when all else is there
    figure.finding(words.headline(claims) if claims else "Does a lesson tell a model who it is?")
    st.html(f'<p class="psm-lede">{words.LEDE}</p>')
    if problem:
        figure.notice(problem)
    if claims:
        by_id = {c.id: c for c in told}
        tables.append(overview(claims, "All claims", "claims"))
        for claim in claims:
            card(claim, choice, by_id.get(BESIDE.get(claim.id, "")))
    elif not problem:
        st.html(NONE)
    if told:
        st.divider()
        figure.finding(words.chat_headline(told))
        st.html(f'<p class="psm-lede">{words.CHAT_LEDE}</p>')
        tables.append(overview(told, "Claims about the chat model", "chat-claims"))
        for claim in told:
            card(claim, choice)
    for fill in tables:
        fill()


def overview(claims: Sequence[Claim], title: str, name: str) -> Callable[[], None]:
    """Claims at a glance, the rule and the tables beside them; files are called by `name`. Returns
    what puts the tables there, which nobody waits for."""
    with st.container(key=f"head-{name}", horizontal=True, vertical_alignment="bottom", wrap=False):
        figure.section(title, f"all-{name}")
        with st.popover("How a verdict is reached", type="tertiary"):
            st.html(words.rule_html(None))
        data = st.popover("Data", type="tertiary", help="Tables of all claims and charts")
    st.html(words.table_html(claims))

    def fill() -> None:
        with data:
            with st.container(horizontal=True):
                _csv("Claims (CSV)", name, lambda: charts.claim_table(claims))
                _csv("Charts' data (CSV)", f"{name}-charts", lambda: charts.chart_table(claims))
            st.dataframe(charts.claim_table(claims), hide_index=True, height=320, width=760)

    return fill


def card(claim: Claim, choice: ClaimsChoice, beside: Claim | None = None) -> None:
    """One claim, and what the chat model says to it where it was asked the same (`beside`)."""
    key, one = key_of(claim), claim_figure(claim)
    with st.container(key=f"card-{key}", border=True):
        st.html(words.head_html(claim))
        left, right = st.columns(COLUMNS, gap="large")
        with left:
            also = "".join(words.measure_html(m, minor=True) for m in claim.also)
            st.html(words.measure_html(claim.figure) + also)
            if claim.id in TRIED:
                figure.link(f"./live?{TRIED[claim.id]}", "Try it: talk to the models it is about")
            elif claim.id.startswith(CHAT):
                figure.link(f"./live?{CHAT_TRIED}", "Try it: talk to the model, teach it a lesson")
        with right, figure.guard():
            picture(one, claim, choice.source_of(one), choice.link_of(one))
        said, figures = words.rival_html(claim)
        with st.container(key=f"rival-{key}"):
            left, right = st.columns(COLUMNS, gap="large")
            with left:
                st.html(said)
                with (
                    st.container(key=f"rule-{key}", width="content"),
                    st.popover("Rule of the verdict", type="tertiary"),
                ):
                    st.html(words.rule_html(claim))
            if figures or claim.beside:
                right.html(figures + words.aside_html(claim))
        if beside:
            st.html(words.beside_html(beside))


def picture(one: Shown, claim: Claim, source: Source, link: str) -> None:
    """A claim's chart under its title, its files beside it."""
    if isinstance(one, Missing):
        figure.empty(one.what, one.next_step)
        return
    seen = (source.sha256, link)
    one = drawn.shared(one, seen)
    told = one.told
    figure.head(one, source, link)
    chart = drawn.spec_of(one, figure.page_palette(), seen)
    key = f"chart-{told.key}"
    if claim.picture.kind == "pairs":  # a square of its own size: the caption finds room beside it
        with st.container(horizontal=True, vertical_alignment="center", gap="large"):
            st.vega_lite_chart(chart, theme=None, width="content", key=key, alt=told.alt)
            with st.container(width=230):
                figure.caption(caption_of(claim))
    else:
        st.vega_lite_chart(chart, theme=None, width="stretch", key=key, alt=told.alt)
        figure.caption(caption_of(claim))
    first_figure.let_it_paint()


def _csv(label: str, name: str, table: Callable[[], pd.DataFrame]) -> None:
    """A table to download."""
    export_menu.table_file(label, table, name, f"{name}-csv")
