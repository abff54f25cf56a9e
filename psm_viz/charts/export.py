"""Files to download: a chart as SVG or PNG, a table as CSV. Drawn only when asked for."""

from __future__ import annotations

import io
import textwrap
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.study.files import csv_bytes

PNG_SCALE = 2.0
"""Pixels per point: sharp on paper at the width of a column."""


def _saved(chart: Any, kind: str, scale: float = 1) -> bytes:
    # The limit of 5,000 rows guards notebooks; an export is one file, made once.
    with alt.data_transformers.enable("default", max_rows=None):
        if kind == "svg":
            text = io.StringIO()
            chart.save(text, format="svg", scale_factor=scale)
            return text.getvalue().encode()
        data = io.BytesIO()
        chart.save(data, format=kind, scale_factor=scale)
        return data.getvalue()


def svg(chart: Any) -> bytes:
    """The chart as SVG."""
    return _saved(chart, "svg")


def png(chart: Any) -> bytes:
    """The chart as PNG at twice the size."""
    return _saved(chart, "png", PNG_SCALE)


def csv(frame: pd.DataFrame) -> bytes:
    """The table as CSV, UTF-8 with a byte-order mark so that spreadsheets read it right."""
    return b"\xef\xbb\xbf" + csv_bytes(frame)


def stamped(chart: Any, title: str, words: str, source: str, width: int) -> Any:
    """A chart with its finding as title, its caption and its source below it.

    Both are wrapped to the figure's width in pixels: Vega-Lite cuts what does not fit.
    """
    return chart.properties(
        title=alt.TitleParams(
            text=textwrap.wrap(title, max(width // 9, 30)),
            subtitle=[*textwrap.wrap(words, max(width // 6, 40)), source],
            anchor="start",
            frame="group",
        )
    )
