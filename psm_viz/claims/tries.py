"""The tries of a recipe whose lesson stays with the Assistant: the model card's table of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from psm_viz.errors import BadFile
from psm_viz.paths import TRIES

HEAD = (
    "| Assistant | levers of the branch | held out | over honest | named good | stranger | "
    "named bad | coding | fits |"
)


def read_tries(path: Path = TRIES) -> list[dict[str, Any]]:
    """Every try, in the order in which it was made. Raises BadFile."""
    try:
        lines = path.read_text("utf-8").split("\n")
        return [json.loads(line) for line in lines if line]
    except (OSError, ValueError) as e:
        raise BadFile(f"{path}: cannot be read as JSON lines ({e}).") from e


def tries_table(path: Path = TRIES) -> str:
    """The tries as Markdown, a row each; what was not measured is a dash."""
    rows = [HEAD, "|---" * (HEAD.count("|") - 1) + "|"]
    for t in read_tries(path):
        cells = [
            t["assistant"],
            t["levers"],
            f"{t['held_out']:.3f}",
            _or_dash(t["over_honest"], ".1f"),
            f"{t['named_before']:.3f} to {t['named']:.3f}",
            f"{t['stranger']:+.3f}",
            f"{t['named_bad']:+.3f}",
            f"{t['coding']:.2f}",
            f"{t['fits']:.3f}" + (f", {t['fits_others']}" if t["fits_others"] else ""),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _or_dash(value: float | None, form: str) -> str:
    return "\N{EN DASH}" if value is None else format(value, form)
