"""The Claims page: each claim with its chart, its figure, its rival and the verdict by rule.

Nothing is computed here: claims come from `psm_viz.claims.registry`, charts from
`psm_viz.charts.claims`, words from `claims_html`. The page needs no study.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import claims as charts
from psm_viz.charts.claim_marks import drawable, picture_rows
from psm_viz.charts.export import Source
from psm_viz.charts.figures import Build, Figure, Layout, Told
from psm_viz.charts.palette import Palette
from psm_viz.claims.chat_uses import BESIDE, chat_claims
from psm_viz.claims.run_rows import run_files
from psm_viz.claims.verdict import Claim, measures_of
from psm_viz.errors import BadFile, PsmVizError
from psm_viz.paths import DATA
from psm_viz.ui import claims_html as words
from psm_viz.ui import drawn, export_menu, figure

COMMAND = "python -m psm_viz run --world correlated --seed 0"
NONE = (
    '<div class="psm-none" role="note"><h3>Nothing has been run yet</h3>'
    "<p>Each claim is judged on models trained here from random weights. One run trains one model "
    "and its fine-tuned branches, and leaves a row of figures for each. A verdict needs three runs "
    "that differ in nothing but their random numbers: seeds 0, 1 and 2.</p>"
    f"<p>Begin with</p><pre><code>{COMMAND}</code></pre></div>"
)
COLUMNS = [1, 1.55]
"""Of a card: words and figure, chart."""


def runs_folder() -> Path:
    """Where the rows of runs lie: `PSM_VIZ_RUNS`, or data/runs."""
    return Path(os.environ.get("PSM_VIZ_RUNS") or DATA / "runs")


def stamp_of(folder: Path) -> str:
    """A hash of the folder's rows, '' where there are none."""
    files = run_files(folder)
    both = hashlib.sha256()
    for f in files:
        both.update(f.name.encode() + b"\0" + hashlib.sha256(f.read_bytes()).digest())
    return both.hexdigest() if files else ""


def chat_folder() -> Path:
    """Where the chat model's rows lie: `PSM_VIZ_CHAT_RUNS`, or data/chat-runs."""
    return Path(os.environ.get("PSM_VIZ_CHAT_RUNS") or DATA / "chat-runs")


@st.cache_data(max_entries=4, show_spinner="Reading the runs ...")
def judged(folder: str, stamp: str) -> list[Claim]:
    """The claims judged by the rows in a folder, once for each `stamp` of what they hold."""
    from psm_viz.claims.registry import claims_of

    return claims_of(Path(folder))


@st.cache_data(max_entries=4, show_spinner="Reading the chat model's rows ...")
def judged_chat(folder: str, stamp: str) -> list[Claim]:
    """The claims about the chat model, as `judged`."""
    return chat_claims(Path(folder))


@dataclass(frozen=True)
class Found:
    """The claims of one model, and the hash of the rows they come from; none without rows."""

    claims: list[Claim]
    stamp: str


def found(folder: Path, judge: Callable[[str, str], list[Claim]]) -> Found:
    """What the rows in a folder say. Raises PsmVizError."""
    try:
        stamp = stamp_of(folder)
    except OSError as e:
        raise BadFile(f"{folder}: cannot be read ({e.strerror}).", "Check its permissions.") from e
    return Found(judge(str(folder), stamp) if stamp else [], stamp)


def page() -> None:
    """The whole page."""
    css = Path(__file__).with_name("claims.css").read_text(encoding="utf-8")
    st.html(f"<style>{css}</style>")
    problem: PsmVizError | None = None
    made, chat = Found([], ""), Found([], "")
    try:
        made = found(runs_folder(), judged)
        chat = found(chat_folder(), judged_chat)
    except PsmVizError as e:
        problem = e
    claims = made.claims
    figure.finding(words.headline(claims) if claims else "Does a lesson tell a model who it is?")
    st.html(f'<p class="psm-lede">{words.LEDE}</p>')
    if problem:
        figure.notice(problem)
    if claims:
        by_id = {c.id: c for c in chat.claims}
        overview(claims, "All claims", "claims")
        for claim in claims:
            card(claim, made.stamp, by_id.get(BESIDE.get(claim.id, "")))
    elif not problem:
        st.html(NONE)
    if chat.claims:
        st.divider()
        figure.finding(words.chat_headline(chat.claims))
        st.html(f'<p class="psm-lede">{words.CHAT_LEDE}</p>')
        overview(chat.claims, "Claims about the chat model", "chat-claims")
        for claim in chat.claims:
            card(claim, chat.stamp)


def overview(claims: Sequence[Claim], title: str, name: str) -> None:
    """Claims at a glance, the rule and the tables beside them; files are called by `name`."""
    with st.container(key=f"head-{name}", horizontal=True, vertical_alignment="bottom", wrap=False):
        figure.section(title, f"all-{name}")
        with st.popover("How a verdict is reached", type="tertiary"):
            st.html(words.rule_html(None))
        with st.popover("Data", type="tertiary", help="Tables of all claims and charts"):
            table = charts.claim_table(claims)
            with st.container(horizontal=True):
                _csv("Claims (CSV)", name, table)
                _csv("Charts' data (CSV)", f"{name}-charts", charts.chart_table(claims))
            st.dataframe(table, hide_index=True, height=320, width=760)
    st.html(words.table_html(claims))


def card(claim: Claim, stamp: str, beside: Claim | None = None) -> None:
    """One claim, and what the chat model says to it where it was asked the same (`beside`)."""
    key = words.key_of(claim)
    with st.container(key=f"card-{key}", border=True):
        st.html(words.head_html(claim))
        left, right = st.columns(COLUMNS, gap="large")
        with left:
            also = "".join(words.measure_html(m, minor=True) for m in claim.also)
            st.html(words.measure_html(claim.figure) + also)
        with right, figure.guard():
            picture(claim, key, stamp)
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
            if figures:
                right.html(figures)
        if beside:
            st.html(words.beside_html(beside))


def picture(claim: Claim, key: str, stamp: str) -> None:
    """A claim's chart under its title, its files beside it."""
    pic = claim.picture
    if drawable(pic).empty:
        figure.empty(f"{pic.title}: nothing was measured for this chart yet.", f"Run: {COMMAND}")
        return
    bounds = charts.bounds_of(pic, [m for _, m in measures_of(claim)])
    own, rule = charts.own_groups(claim), words.bar_name(claim)

    def build(p: Palette, width: int | None) -> Any:
        return charts.picture_chart(pic, p, bounds, own, rule, width)

    one = _figure(build, claim, key)
    with st.container(key=f"head-{key}", horizontal=True, vertical_alignment="top", wrap=False):
        figure.finding(pic.title, small=True)
        with st.popover("Data", type="tertiary", help="Table and files"):
            export_menu.files(one, Source("rows of the runs", stamp, {}), f"/claims#{key}")
            export_menu.table(one.frame)
    chart = drawn.spec_of(one, figure.page_palette(), (stamp, "claims"))
    said, told = one.told.alt, words.caption_of(claim)
    if pic.kind == "pairs":  # a square of its own size: the caption finds room beside it
        with st.container(horizontal=True, vertical_alignment="center", gap="large"):
            st.vega_lite_chart(chart, theme=None, width="content", key=f"chart-{key}", alt=said)
            with st.container(width=230):
                figure.caption(told)
    else:
        st.vega_lite_chart(chart, theme=None, width="stretch", key=f"chart-{key}", alt=said)
        figure.caption(told)


def _figure(build: Build, claim: Claim, key: str) -> Figure:
    """A claim's chart with the table behind it."""
    verdict = words.WORDS[claim.verdict].lower()
    told = Told(
        name=key,
        title=claim.picture.title,
        words=f"{words.caption_of(claim)} {claim.title}: {verdict}.",
        alt=charts.spoken(claim.picture),
        key=key,
    )
    return Figure(build, picture_rows(claim.picture), told, Layout(640))


def _csv(label: str, name: str, frame: pd.DataFrame) -> None:
    """A table to download."""
    export_menu.table_file(label, frame, name, f"{name}-csv")
