"""How a page looks and shows a figure: type, notices, findings, captions, files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import export
from psm_viz.charts.palette import PRINT, Palette, palette
from psm_viz.errors import PsmVizError
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.reader import Study

BRAND = Path(__file__).parent
"""Folder of the wordmark and the icon: files, so that nothing is fetched from elsewhere."""
Build = Callable[[Palette, int | None], Any]
"""A figure as a function of palette and width in pixels (None: as wide as the page allows)."""
VALENCES = {
    "good": ("\N{CHECK MARK}", "good answer"),
    "bad": ("\N{BALLOT X}", "bad answer"),
    "neutral": ("\N{EN DASH}", "neutral answer"),
    "none": ("?", "no answer of the made world"),
}


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


def figure(
    build: Build,
    frame: pd.DataFrame,
    *,
    name: str,
    title: str,
    words: str,
    alt: str,
    study: Study,
    width: int,
    key: str,
    on_select: Callable[[], None] | None = None,
    small: bool = False,
    label: bool = False,
    captioned: bool = False,
    hero: str = "",
) -> None:
    """Show a figure under its finding; one button beside it holds its table and its files.

    `words` is the caption; a `small` figure leaves it to the group it stands in, unless it is
    `captioned`, though its files carry it. With `label` the title is a quiet line, not a finding.
    `hero` names a box of the style sheet whose height the figure fills.
    """
    with st.container(key=f"head-{key}", horizontal=True, vertical_alignment="top", wrap=False):
        if label:
            st.html(f'<p class="psm-label">{escape(title)}</p>')
        else:
            finding(title, small)
        with st.popover("Data", type="tertiary", help="Table and files"):
            downloads(build, frame, name, title, words, study, width, key)
    chart = build(page_palette(), None)
    more: dict[str, Any] = {}
    if on_select is not None:
        more = {"on_select": on_select, "selection_mode": ["persona"]}
    if hero:
        # The spec's own height is the least; the page stretches it to the window.
        with st.container(key=hero, height=440, border=False):
            st.altair_chart(
                chart, theme=None, width="stretch", height="stretch", key=key, alt=alt, **more
            )
    else:
        st.altair_chart(chart, theme=None, width="stretch", key=key, alt=alt, **more)
    if captioned or not small:
        caption(words)


def downloads(
    build: Build,
    frame: pd.DataFrame,
    name: str,
    title: str,
    words: str,
    study: Study,
    width: int,
    key: str,
) -> None:
    """The table behind a figure and its files; SVG and PNG are drawn on the click."""
    source = f"Study {study.manifest.name}, {study.sha256[:12]}"

    def drawn(make: Callable[[Any], bytes]) -> Callable[[], bytes]:
        return lambda: make(export.stamped(build(PRINT, width), title, words, source, width))

    with st.container(horizontal=True):
        for label, data, mime in (
            ("SVG", drawn(export.svg), "image/svg+xml"),
            ("PNG", drawn(export.png), "image/png"),
            ("CSV", lambda: export.csv(frame), "text/csv"),
        ):
            st.download_button(
                label,
                data=data,
                file_name=f"{name}.{label.lower()}",
                mime=mime,
                key=f"{key}-{label}",
                on_click="ignore",
            )
    st.dataframe(frame, hide_index=True, height=260, width=620)


def map_words(
    study: Study,
    info: Mapping[str, Any],
    checkpoint: str,
    pooling: str,
    layer: int,
    projection: str,
    space: str,
    ring: bool = True,
) -> str:
    """The caption of a map: what, n, pooling, layer, and how far it can be trusted.

    `ring`: whether the Assistant's ring of families is drawn.
    """

    def say(key: str, form: str = ".2g") -> str:
        value = info.get(key)
        return format(value, form) if isinstance(value, int | float) else "not measured"

    m = study.manifest
    centred = "its own cast's mean" if space == "own" else "the reference's mean"
    questions = len([q for q in study.questions if q.set == "main"])
    asked = f", {questions} questions" if questions else ""
    what = (
        f"{len(study.cast.personas)} personas where {m.reference} has them, and the Assistant of "
        f"{checkpoint}, centred on {centred}. {POOLING_NAMES.get(pooling, pooling).capitalize()}, "
        f"layer {layer}{asked}."
    )
    if projection == "PCA":
        shares = info.get("pca_explained") or []
        kept = f"{sum(shares[:2]):.0%}" if shares else "an unmeasured share"
        return (
            f"{what} The first two principal components, {kept} of the variance between personas. "
            f"Trustworthiness {say('pca_trustworthiness')}; neighbours kept "
            f"{say('pca_knn_recall')} (chance {say('knn_chance')})."
        )
    ringed = "Ring: the families that place the Assistant. " if ring else ""
    return (
        f"{what} Trustworthiness {say('trustworthiness')}; neighbours kept {say('knn_recall')} "
        f"(chance {say('knn_chance')}); placement error {say('loo_error_median', '.1%')} of the "
        f"map's width. {ringed}Distances on a UMAP are not measurements."
    )


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
