"""At which step of training each figure of a sentence was read."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from psm_viz.charts.findings import counted, listed, said
from psm_viz.charts.frames import where


def with_steps(title: str, rows: pd.DataFrame, branches: Sequence[str], upto: int) -> str:
    """A finding about the last rows of branches by step `upto`, with the step of each. Branches end
    at different steps, and not at every saved step was everything read; a branch without a row by
    then is named too."""
    at: dict[int, list[str]] = {}
    without = []
    for b in branches:
        own = where(rows, (rows.branch == b) & (rows.step > 0) & (rows.step <= upto))
        if own.empty:
            without.append(said(b))
        else:
            at.setdefault(int(own.step.max()), []).append(said(b))
    if not at:
        return title
    one = len(at) == 1 and not without
    parts = []
    for step, names in sorted(at.items()):
        who = "" if one else f"{counted(names, bool(parts))} "
        parts.append(f"{who}at step {step}")
    if without:
        parts.append(f"{listed(without)} not read by step {upto}")
    return f"{title} ({', '.join(parts)})"
