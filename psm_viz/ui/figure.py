"""How a page looks and shows a figure: type, notices, findings, captions, files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import export
from psm_viz.charts.dot_chart import PLAIN, ROW, DotLook, dot_chart, height_of
from psm_viz.charts.palette import PRINT, Palette, palette
from psm_viz.errors import PsmVizError
from psm_viz.study.reader import Study

BRAND = Path(__file__).parent
"""Folder of the wordmark and the icon: files, so that nothing is fetched from elsewhere."""
Build = Callable[[Palette, int | None], Any]
"""A figure as a function of palette and width in pixels (None: as wide as the page allows)."""
VALENCES = {
    "good": ("\N{CHECK MARK}", "good answer"),
    "bad": ("\N{BALLOT X}", "bad answer"),
    "neutral": ("\N{EN DASH}", "neutral answer"),
    "bodily": ("\N{EN DASH}", "speaks as somebody with a body"),
    "bodiless": ("\N{EN DASH}", "speaks as somebody without a body"),
    "decline": ("\N{EN DASH}", "declines to answer"),
    "none": ("?", "no answer of the made world"),
}


@dataclass(frozen=True)
class Told:
    """What is said of a figure."""

    name: str
    """Of its files."""
    title: str
    """Its finding, or what it shows where the layout makes the title a quiet line."""
    words: str
    """Its caption: its files carry it, whether the page shows it or not."""
    alt: str
    """For those who do not see it."""
    key: str
    """Of its widgets, no other of the page has it."""


@dataclass(frozen=True)
class Layout:
    """How a page sets a figure."""

    width: int
    """Of its files in pixels; on the page a figure is as wide as its column."""
    small: bool = False
    """A smaller title, and the caption left to the group that the figure stands in."""
    label: bool = False
    """The title is a quiet line, not a finding."""
    captioned: bool = False
    """Whether a small figure has its caption all the same."""
    fixed: bool = False
    """A figure of several views that keeps its own size; a narrow window scrolls it."""
    hero: str = ""
    """A box of the style sheet whose height the figure fills."""


def page_palette() -> Palette:
    """The palette of the theme the reader sees."""
    return palette(st.context.theme.type)


def brand() -> None:
    """The wordmark beside the navigation, in the colours of the theme."""
    st.logo(str(BRAND / f"brand-{page_palette().name}.svg"), size="medium")


def style() -> None:
    """The page's own type and spacing, in the colours of the theme."""
    p = page_palette()
    colours = {"paper": p.paper, "card": p.card, "ink": p.ink, "soft": p.soft, "faint": p.faint}
    variables = "".join(f"--psm-{k}:{v};" for k, v in {**colours, "accent": p.accent}.items())
    sheet = (Path(__file__).parent / "look.css").read_text(encoding="utf-8")
    st.html(f"<style>:root{{{variables}}}\n{sheet}</style>")


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
        st.stop()


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


def label(text: str) -> None:
    """A quiet line above a figure or a row of buttons."""
    st.html(f'<p class="psm-label">{escape(text)}</p>')


def figure(
    build: Build,
    frame: pd.DataFrame,
    told: Told,
    study: Study,
    layout: Layout,
    on_select: Callable[[], None] | None = None,
) -> None:
    """Show a figure under its finding; one button beside it holds its table and its files."""
    with st.container(
        key=f"head-{told.key}", horizontal=True, vertical_alignment="top", wrap=False
    ):
        if layout.label:
            label(told.title)
        else:
            finding(told.title, layout.small)
        with st.popover("Data", type="tertiary", help="Table and files"):
            source = f"Study {study.manifest.name}, {study.sha256[:12]}"
            downloads(build, frame, told, source, layout.width)
    more: dict[str, Any] = {"theme": None, "width": "stretch", "key": told.key, "alt": told.alt}
    if on_select is not None:
        more |= {"on_select": on_select, "selection_mode": ["persona", "area"]}
    chart = _unchecked(build(page_palette(), None))
    if layout.fixed:
        with st.container(key=f"wide-{told.key}"):
            st.altair_chart(chart, **{**more, "width": "content"})
    elif layout.hero:
        # The spec's own height is the least; the page stretches it to the window.
        with st.container(key=layout.hero, height=440, border=False):
            st.altair_chart(chart, height="stretch", **more)
    else:
        st.altair_chart(chart, **more)
    if layout.captioned or not layout.small:
        caption(told.words)


def _unchecked(chart: Any) -> Any:
    """The chart, not put through Vega-Lite's schema when the page converts it: a third of the time
    of a page, and the tests do it for every chart."""
    object.__setattr__(chart, "to_dict", partial(type(chart).to_dict, chart, validate=False))
    return chart


def dots(
    rows: pd.DataFrame,
    told: Told,
    study: Study,
    layout: Layout,
    look: DotLook = PLAIN,
    row: int = ROW,
    frame: pd.DataFrame | None = None,
) -> None:
    """A figure of rows of dots, each `row` so many pixels high.

    `frame` is its table where that is not `rows`.
    """
    height = height_of(rows, row)
    figure(
        lambda p, width: dot_chart(rows, p, look, (width, height)),
        rows if frame is None else frame,
        told,
        study,
        layout,
    )


def downloads(build: Build, frame: pd.DataFrame, told: Told, source: str, width: int) -> None:
    """The table behind a figure and its files."""
    with st.container(horizontal=True):
        drawings(build, told, source, width)
        table_file("CSV", frame, told.name, f"{told.key}-CSV")
    table(frame)


def drawings(build: Build, told: Told, source: str, width: int) -> None:
    """A figure as SVG and PNG, drawn on the click."""

    def drawn(make: Callable[[Any], bytes]) -> Callable[[], bytes]:
        def draw() -> bytes:
            chart = build(PRINT, width)
            return make(export.stamped(chart, told.title, told.words, source, width))

        return draw

    for kind, make, mime in (
        ("SVG", export.svg, "image/svg+xml"),
        ("PNG", export.png, "image/png"),
    ):
        st.download_button(
            kind,
            data=drawn(make),
            file_name=f"{told.name}.{kind.lower()}",
            mime=mime,
            key=f"{told.key}-{kind}",
            on_click="ignore",
        )


def table_file(name: str, frame: pd.DataFrame, file: str, key: str) -> None:
    """A button that downloads a table as CSV."""
    st.download_button(
        name,
        data=lambda: export.csv(frame),
        file_name=f"{file}.csv",
        mime="text/csv",
        key=key,
        on_click="ignore",
    )


def table(frame: pd.DataFrame) -> None:
    """A table behind a figure."""
    st.dataframe(frame, hide_index=True, height=260, width=620)


def answer_html(text: str, valence: str, small: bool = False) -> str:
    """A real answer in quotation type, judged by a sign and a word."""
    sign, word = VALENCES.get(valence, VALENCES["none"])
    size = " psm-small" if small else ""
    sign = f'<span aria-hidden="true">{sign}</span>'
    return (
        f'<blockquote class="psm-quote{size}">{escape(text)}</blockquote>'
        f'<p class="psm-valence psm-{escape(valence)}">{sign} {word}</p>'
    )


def plain(text: str) -> str:
    """Text for a Markdown label, with its special characters made plain."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:-])", r"\\\1", text)
