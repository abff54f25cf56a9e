"""A figure as files: SVG, PNG, PDF, a page that works offline, its Vega-Lite, its table.

The same figure gives the same bytes in every process: nothing in them hangs on a clock, a counter
or what was drawn before. Each says inside what it shows, of which study, and at which link.
"""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from typing import Any

import altair as alt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from psm_viz import __version__
from psm_viz.charts import metadata
from psm_viz.charts.figures import Figure
from psm_viz.charts.palette import BASE_TYPE, THEMES
from psm_viz.charts.svg_page import Drawn, vector
from psm_viz.charts.vega_lite import vega_lite
from psm_viz.errors import BadInput
from psm_viz.study.files import csv_bytes
from psm_viz.study.provenance import UNKNOWN
from psm_viz.study.reader import Study

PT_PER_MM = 72 / 25.4
PPI = 300
"""Dots per inch of a PNG at its printed size."""
WIDTHS, TYPES = (30.0, 600.0), (4.0, 24.0)
"""Least and most of a width in mm, and of a type size in pt."""
NARROWEST = 220
"""Pixels of the page's scale, under which no figure can be read."""


@dataclass(frozen=True)
class Setting:
    """How a figure is set in a file."""

    theme: str = "print"
    """`light`, `dark`, or `print`: on white."""
    width: float | None = None
    """In mm, such as the 89 or 183 of a journal's columns; None: as its page has it."""
    font_size: float = 7.0
    """Of ordinary words such as those on axes, in pt."""
    caption: bool = False
    """Whether its finding and caption are drawn above it."""

    def check(self) -> None:
        """Raise BadInput for what cannot be drawn."""
        if self.theme not in THEMES:
            raise BadInput(f"--theme {self.theme}: unknown.", f"Give one of {', '.join(THEMES)}.")
        given = (
            ("--width", self.width, WIDTHS, "mm"),
            ("--font-size", self.font_size, TYPES, "pt"),
        )
        for name, value, (low, high), unit in given:
            if value is not None and not low <= value <= high:
                ask = f"Give {low:g} to {high:g} {unit}."
                raise BadInput(f"{name} {value:g}: cannot be drawn.", ask)
        if self.width is not None and self.pixels(0) < NARROWEST:
            raise BadInput(
                f"--width {self.width:g} mm has no room for words of {self.font_size:g} pt.",
                "Give a greater width or a smaller type.",
            )

    @property
    def scale(self) -> float:
        """Points a pixel of the page's scale."""
        return self.font_size / BASE_TYPE

    def pixels(self, own: int) -> int:
        """The width in pixels of the page's scale; `own` is that of the figure's layout."""
        return own if self.width is None else int(self.width * PT_PER_MM / self.scale)


@dataclass(frozen=True)
class Source:
    """What a figure was drawn from."""

    name: str
    sha256: str
    known: Mapping[str, Any]
    """What else is to be said of it: seeds, model, reference, versions."""


def source_of(study: Study) -> Source:
    """A study as what its figures were drawn from."""
    m, note = study.manifest, study.talk_note
    seeds = {
        "answers": m.generation.get("seed"),
        "talks": note.seed if note else None,
        "training": m.notes.get("training_seed"),
    }
    model = str(m.model.get("name", UNKNOWN))
    known = {"seeds": seeds, "model": model, "reference": m.reference, "made by": m.versions}
    return Source(m.name, study.sha256, known)


_version = cache(version)  # which reads files: a page asks for it at every figure


def record_of(figure: Figure, source: Source, link: str) -> dict[str, Any]:
    """What is to be known of a figure: its caption, what it rests on, what it was drawn from, and
    the link that brings it back. A thing that the figure has not is null."""
    told, facts = figure.told, figure.told.facts
    drawn_by = {"psm_viz": __version__}
    drawn_by |= {name: _version(name) for name in ("altair", "vl-convert-python", "pandas")}
    return {
        "title": told.title,
        "caption": told.words,
        "alt": told.alt,
        "n": facts.n or None,
        "pooling": facts.pooling or None,
        "layer": facts.layer,
        "interval": facts.interval or None,
        "null": facts.null or None,
        "study": source.name,
        "study_sha256": source.sha256,
        **source.known,
        "drawn by": drawn_by,
        "link": link,
    }


@dataclass(frozen=True)
class Export:
    """One figure on its way into files."""

    figure: Figure
    record: Mapping[str, Any]
    setting: Setting = Setting()

    @property
    def name(self) -> str:
        """Of its files, without what tells their form."""
        return self.figure.told.name

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Its Vega-Lite, with the record as `usermeta`."""
        setting = self.setting
        width = setting.pixels(self.figure.layout.width)
        chart = self.figure.build(THEMES[setting.theme], width)
        if setting.caption:
            chart = _captioned(chart, self.record, width)
        return vega_lite(chart) | {"usermeta": dict(self.record)}

    @cached_property
    def drawn(self) -> Drawn:
        """Its drawing, in the size it is printed in."""
        setting = self.setting
        if setting.width is None:
            return vector(self.spec, setting.scale)
        limit = setting.width * PT_PER_MM
        return vector(self.spec, limit / setting.pixels(0), limit)


def _captioned(chart: Any, record: Mapping[str, Any], width: int) -> Any:
    """A chart with its finding as title, its caption and its source below it.

    Both are wrapped to the figure's width in pixels: Vega-Lite cuts what does not fit. The figure
    grows by as much as they take, since its words were placed for its own height.
    """
    source = f"Study {record['study']}, {record['study_sha256'][:12]}"
    text = textwrap.wrap(record["title"], max(width // 9, 20))
    below = [*textwrap.wrap(record["caption"], max(width // 6, 30)), source]
    words = alt.TitleParams(text=text, subtitle=below, anchor="start", frame="group")
    high = vega_lite(chart).get("height")
    taken = 16 * len(text) + 13 * len(below) + 14
    return chart.properties(title=words, **({} if high is None else {"height": high + taken}))


def svg(one: Export) -> bytes:
    """The figure as SVG, in mm, with the faces it is set in."""
    return one.drawn.page(metadata.of_svg(one.record))


def png(one: Export) -> bytes:
    """The figure as PNG of 300 dots an inch at its printed size."""
    return metadata.of_png(one.drawn.png(PPI), one.record)


def pdf(one: Export) -> bytes:
    """The figure as PDF, its faces embedded."""
    return metadata.of_pdf(one.drawn.pdf(), one.record)


def html(one: Export) -> bytes:
    """The figure as one page that needs no network: it can be hovered, and played where the figure
    has a slider."""
    return metadata.of_html(one.spec, one.record, THEMES[one.setting.theme].paper)


def vega(one: Export) -> bytes:
    """The figure as Vega-Lite with its data inside."""
    return json.dumps(one.spec, ensure_ascii=False, sort_keys=True).encode()


def csv(frame: pd.DataFrame) -> bytes:
    """The table as CSV, UTF-8 with a byte-order mark so that spreadsheets read it right."""
    return b"\xef\xbb\xbf" + csv_bytes(frame)


def parquet(one: Export) -> bytes:
    """The table as Parquet, the record in its schema under `psm_viz`."""
    table = pa.Table.from_pandas(one.figure.frame, preserve_index=False)
    known = {**(table.schema.metadata or {}), b"psm_viz": _text(one.record).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(known), buffer, compression="zstd")
    return buffer.getvalue()


def caption(one: Export) -> bytes:
    """The record beside the figure's files."""
    return (_text(one.record, indent=2) + "\n").encode()


def _text(record: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(record, ensure_ascii=False, indent=indent)


@dataclass(frozen=True)
class Form:
    """One form of file."""

    end: str
    """What its name ends with, after the figure's."""
    mime: str
    make: Callable[[Export], bytes]


FORMS: Mapping[str, Form] = {
    "svg": Form(".svg", "image/svg+xml", svg),
    "png": Form(".png", "image/png", png),
    "pdf": Form(".pdf", "application/pdf", pdf),
    "html": Form(".html", "text/html", html),
    "vega": Form(".vl.json", "application/json", vega),
    "csv": Form(".csv", "text/csv", lambda one: csv(one.figure.frame)),
    "parquet": Form(".parquet", "application/vnd.apache.parquet", parquet),
}
"""What a figure can be exported as."""
CAPTION = Form(".caption.json", "application/json", caption)
"""What stands beside every figure's files."""
