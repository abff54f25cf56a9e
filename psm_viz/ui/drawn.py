"""Figures as a page sends them: each drawn once, then kept for everybody who looks at the same."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import pyarrow as pa
import streamlit as st

from psm_viz.charts.figures import Figure
from psm_viz.charts.palette import Palette, palette
from psm_viz.charts.vega_lite import vega_lite
from psm_viz.study.files import sha256

KEPT = 64
"""Most figures that are kept at a time: a tenth of a megabyte each, about."""
_shared: WeakValueDictionary[tuple[str, ...], Figure] = WeakValueDictionary()


def spec_of(
    one: Figure, p: Palette, seen: tuple[str, ...], width: int | None = None
) -> dict[str, Any]:
    """A figure's Vega-Lite with its tables (Arrow) as `datasets`, as wide as the page allows or so
    many pixels. Nobody writes into it.

    `seen`: all that tells what is drawn beside what is told of it, such as the hash of the study
    and the address. Figures that are told and seen alike must be drawn alike.
    """
    return _spec(_key(one, seen), p.name, width, one)


def shared(one: Figure, seen: tuple[str, ...]) -> Figure:
    """The figure that somebody else looks at already, where it is the same: buttons keep the
    figures of a page for as long as its session is kept, which is minutes beyond its end."""
    return _shared.setdefault(_key(one, seen), one)


def _key(one: Figure, seen: tuple[str, ...]) -> tuple[str, ...]:
    told = one.told
    return (*seen, told.name, told.title, told.words, told.alt)


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _spec(seen: tuple[str, ...], theme: str, width: int | None, _one: Figure) -> dict[str, Any]:
    chart = _one.build(palette(theme), width)
    tables: dict[str, pa.Table] = {}

    def aside(data: Any) -> dict[str, str]:
        table = pa.Table.from_pandas(data, preserve_index=False)
        name = sha256(_bytes(table))  # layers that show the same rows share them
        tables[name] = table
        return {"name": name}

    return vega_lite(chart, aside) | {"datasets": tables}


def _bytes(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue().to_pybytes()
