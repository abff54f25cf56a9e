"""How a page looks and shows a figure: type, notices, findings, captions, files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from psm_viz.charts.export import Source, source_of
from psm_viz.charts.figures import Figure, Missing, Shown
from psm_viz.charts.palette import Palette, palette
from psm_viz.charts.persona_map import CLICK
from psm_viz.charts.quotations import VALENCES
from psm_viz.errors import PsmVizError
from psm_viz.study.reader import Study
from psm_viz.ui import drawn, export_menu, first_figure

BRAND = Path(__file__).parent
"""Folder of the wordmark and the icon: files, so that nothing is fetched from elsewhere."""


def page_palette() -> Palette:
    """The palette of the theme the reader sees."""
    return palette(st.context.theme.type)


def brand() -> None:
    """The wordmark beside the navigation, in the colours of the theme."""
    st.logo(str(BRAND / f"brand-{page_palette().name}.svg"), size="medium")


def sheet(rules: str) -> None:
    """Further rules for this page alone."""
    st.html(f"<style>{rules}</style>")


def style() -> None:
    """The page's own type and spacing, in the colours of the theme."""
    p = page_palette()
    colours = {"paper": p.paper, "card": p.card, "ink": p.ink, "soft": p.soft, "faint": p.faint}
    variables = "".join(f"--psm-{k}:{v};" for k, v in {**colours, "accent": p.accent}.items())
    look = (Path(__file__).parent / "look.css").read_text(encoding="utf-8")
    sheet(f":root{{{variables}}}\n{look}")


def notice(error: PsmVizError) -> None:
    """Show what is wrong and what to do next, as one message."""
    step = f'<span class="psm-next">{escape(error.next_step)}</span>' if error.next_step else ""
    st.html(f'<div class="psm-notice" role="alert"><b>{escape(error.problem)}</b>{step}</div>')


def empty(what: str, next_step: str) -> None:
    """The place of a figure that this study cannot show yet: what is missing, what makes it."""
    st.html(
        f'<div class="psm-empty" role="note"><b>{escape(what)}</b>'
        f'<span class="psm-next">{escape(next_step)}</span></div>'
    )


@contextmanager
def guard() -> Iterator[None]:
    """Turn an error of the study into a notice; what stands outside the block stays usable."""
    try:
        yield
    except PsmVizError as e:
        notice(e)


@contextmanager
def needed(where: Any) -> Iterator[None]:
    """Turn an error of what a whole page needs into a notice in the container `where`, and end the
    page there."""
    try:
        yield
    except PsmVizError as e:
        with where:
            notice(e)
        first_figure.stop()


def caption(text: str) -> None:
    """Small grey text under a figure."""
    st.html(f'<p class="psm-caption">{escape(text)}</p>')


def section(name: str, key: str) -> None:
    """The name of a part of a page, small above its finding, and where a link may point."""
    st.html(f'<p class="psm-section" id="{escape(key)}">{escape(name)}</p>')


def finding(text: str, small: bool = False) -> None:
    """The sentence above a figure."""
    kind = "h3" if small else "h2"
    st.html(f'<{kind} class="psm-finding">{escape(text)}</{kind}>')


def link(address: str, words: str) -> None:
    """A quiet line that leads to another page."""
    st.html(
        f'<p class="psm-caption"><a href="{escape(address)}" target="_self">{escape(words)}</a></p>'
    )


def label(text: str) -> None:
    """A quiet line above a figure or a row of buttons."""
    st.html(f'<p class="psm-label">{escape(text)}</p>')


def show(
    one: Shown,
    study: Study,
    link: str,
    on_select: Callable[[str], None] | None = None,
    key: str = "",
    selects: Sequence[str] = (CLICK,),
    unsaid: str = "",
) -> None:
    """Show a figure under its finding, or what is missing in its place; one button beside it holds
    its table and its files.

    `link`: the address that brings the figure back; `unsaid`: what of its drawing no address says.
    `key`: of its widget, where that changes. `on_select` is called with the widget's key after any
    of the chart's selections that `selects` names.
    """
    if isinstance(one, Missing):
        empty(one.what, one.next_step)
        return
    seen = (study.sha256, link, unsaid)
    one = drawn.shared(one, seen)
    told, layout = one.told, one.layout
    head(one, source_of(study), link)
    more = _options(key or told.key, told.alt, on_select, selects)
    chart = drawn.spec_of(one, page_palette(), seen)
    if layout.fixed:
        broad = "-broad" if layout.narrow else ""
        with st.container(key=f"wide-{told.key}{broad}"):
            st.vega_lite_chart(chart, **{**more, "width": "content"})
        first_figure.let_it_paint()
        if layout.narrow:  # the style sheet shows one of the two
            more = _options(f"{key or told.key}-narrow", told.alt, on_select, selects)
            chart = drawn.spec_of(one, page_palette(), seen, layout.narrow)
            with st.container(key=f"narrow-{told.key}"):
                st.vega_lite_chart(chart, **{**more, "width": "content"})
    elif layout.hero:
        # The spec's own height is the least; the page stretches it to the window.
        with st.container(key=layout.hero, height=440, border=False):
            st.vega_lite_chart(chart, height="stretch", **more)
    else:
        st.vega_lite_chart(chart, **more)
    if layout.captioned or not layout.small:
        caption(told.words)
    first_figure.let_it_paint()


def head(one: Figure, source: Source, link: str) -> None:
    """A figure's finding, and beside it one button that holds its table and its files."""
    told, layout = one.told, one.layout
    with st.container(
        key=f"head-{told.key}", horizontal=True, vertical_alignment="top", wrap=False
    ):
        if layout.label:
            label(told.title)
        else:
            finding(told.title, layout.small)
        with st.popover("Data", type="tertiary", help="Table and files"), first_figure.after():
            export_menu.downloads(one, source, link)


def _options(
    key: str, alt: str, on_select: Callable[[str], None] | None, selects: Sequence[str]
) -> dict[str, Any]:
    """How a chart stands on a page: its widget's key, its words, what a selection does."""
    own: dict[str, Any] = {"theme": None, "width": "stretch", "key": key, "alt": alt}
    if on_select is None:
        return own
    return own | {"on_select": partial(on_select, key), "selection_mode": list(selects)}


LinkOf = Callable[[Shown], str]
"""The address that brings a figure back."""


def linked(one: Shown, study: Study, link: LinkOf) -> None:
    """Show a figure of a view."""
    show(one, study, link(one))


def answer_html(text: str, valence: str, small: bool = False) -> str:
    """A real answer in quotation type, judged by a sign and a word where it was judged."""
    size = " psm-small" if small else ""
    quote = f'<blockquote class="psm-quote{size}">{escape(text)}</blockquote>'
    return quote + judged_html(valence)


def judged_html(valence: str) -> str:
    """How an answer was judged; nothing where nobody judges."""
    sign, word = VALENCES.get(valence, VALENCES["none"])
    sign = f'<span aria-hidden="true">{sign}</span>'
    return f'<p class="psm-valence psm-{escape(valence)}">{sign} {word}</p>' if word else ""


def plain(text: str) -> str:
    """Text for a Markdown label, with its special characters made plain."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:-])", r"\\\1", text)
