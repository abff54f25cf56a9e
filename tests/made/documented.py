"""The columns that docs/formats.md and docs/exports.md tell of."""

from __future__ import annotations

import re

from psm_viz.paths import ROOT

DOCS = (ROOT / "docs" / "formats.md").read_text("utf-8")


def documented() -> dict[str, set[str]]:
    """Section of docs/formats.md -> the columns of its table, each with unit and meaning."""
    return columns_in(DOCS)


def columns_in(text: str) -> dict[str, set[str]]:
    """Section of a document -> the columns of its table, each with unit and meaning."""
    out = {}
    for section in text.split("\n### ")[1:]:
        name, _, text = section.partition("\n")
        rows = re.findall(r"^\| (`.+?) \| (.+?) \| (.+?) \|$", text, flags=re.M)
        assert all(unit.strip() and meaning.strip() for _, unit, meaning in rows)
        out[name] = {c for columns, _, _ in rows for c in re.findall(r"`([^`]+)`", columns)}
    return out


FIGURES = (ROOT / "docs" / "exports.md").read_text("utf-8")


def columns_of_figures() -> dict[str, set[str]]:
    """Name of a figure's table in docs/exports.md, `<...>` for what it is of -> its columns."""
    return columns_in(FIGURES)
