"""Rows of a data frame with the types that a checker can follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd


def where(frame: pd.DataFrame, mask: Any) -> pd.DataFrame:
    """The rows for which the mask holds."""
    return pd.DataFrame(frame[mask])


def columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Only these columns."""
    return pd.DataFrame(frame[list(names)])


def measured(frame: pd.DataFrame, value: str = "value") -> dict[str, pd.Series]:
    """Value, low and high of a figure's rows as numbers; `value` names the column of the first."""
    named = {"value": value, "low": "low", "high": "high"}
    return {name: pd.Series(frame[column]).astype(float) for name, column in named.items()}


def each(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows one by one, as named tuples."""
    yield from frame.itertuples()
