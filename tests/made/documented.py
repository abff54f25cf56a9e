"""The columns that docs/formats.md tells of."""

from __future__ import annotations

import re

from psm_viz.paths import ROOT

DOCS = (ROOT / "docs" / "formats.md").read_text("utf-8")


def documented() -> dict[str, set[str]]:
    """Section of docs/formats.md -> the columns of its table, each with unit and meaning."""
    out = {}
    for section in DOCS.split("\n### ")[1:]:
        name, _, text = section.partition("\n")
        rows = re.findall(r"^\| (`.+?) \| (.+?) \| (.+?) \|$", text, flags=re.M)
        assert all(unit.strip() and meaning.strip() for _, unit, meaning in rows)
        out[name] = {c for columns, _, _ in rows for c in re.findall(r"`([^`]+)`", columns)}
    return out
