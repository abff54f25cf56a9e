"""What one mark of a chart shows, as a plain sentence: for those who hear it instead of seeing it.

Vega hands each sentence to the browser as the mark's name. It does so where a chart is drawn as
SVG; above 2,000 marks Streamlit draws on a canvas, and only the words about the whole are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from psm_viz.charts.findings import capital, number

MOST = 2000
"""Marks up to which a chart is drawn as SVG."""
SAID = "said:N"
"""The channel of a mark's name: the column `said` of its rows."""


def amount(value: float, percent: bool = False) -> str:
    """A value in words: a share as 12 %, else two significant digits."""
    if pd.isna(value):
        return "not measured"
    return f"{round(100 * value)} %" if percent else number(value)


def measure(row: Any, percent: bool = False, unit: str = "") -> str:
    """The `value` of a row, with its interval (`low`, `high`) where it has one, and what values are
    (`unit`) where that is said."""
    low, high = getattr(row, "low", float("nan")), getattr(row, "high", float("nan"))
    text = amount(row.value, percent)
    if not (pd.isna(low) or pd.isna(high)):
        text += f", interval {amount(low, percent)} to {amount(high, percent)}"
    return f"{text} ({unit})" if unit else text


def sentence(what: str, shown: str, *more: str) -> str:
    """`what`, and what it shows: Healers: 12 %; p = .02."""
    return f"{capital(what)}: {'; '.join(filter(None, (shown, *more)))}."


def place(row: Mapping[str, Any]) -> str:
    """Who stands at a place of a map, of whom, and what is known of the place."""
    family, kin, note = (str(row.get(k) or "") for k in ("family", "kin", "note"))
    who = f"{row['label']} {family}" if family.startswith("at ") else str(row["label"])
    if family and who == row["label"]:
        who += f", one of the {family[:1].lower()}{family[1:]}"
    if kin and kin.lower() != family.lower():
        who += f", of the {kin[:1].lower()}{kin[1:]}"
    return f"{who}: {note}." if note else f"{who}."
