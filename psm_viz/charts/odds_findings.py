"""What is said of written answers that became likelier: rows and sentences, where nobody judges
what the model says itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from psm_viz.charts.course_findings import dot_row
from psm_viz.charts.findings import branch_ends, counted, listed, not_begun, said
from psm_viz.charts.frames import each, where
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.columns import NEUTRAL

COLUMNS = ("", "_low", "_high", "_null_low", "_null_high", "_p")

LABELS = {ASSISTANT: "the Assistant", NEUTRAL: "under neutral words"}
"""Who is no role of the cast, and what a chart calls it."""


def of_figure(odds: pd.DataFrame, figure: str) -> pd.DataFrame:
    """The rows of a figure of the table `odds` (`change`, `did`) as charts take them: value, low,
    high, null_low, null_high, p."""
    names = {f"{figure}{c}": c.strip("_") or "value" for c in COLUMNS}
    return odds[[*("checkpoint", "branch", "step", "speaker", "set", "n"), *names]].rename(
        columns=names
    )


def odds_title(rows: pd.DataFrame, branches: Sequence[str], upto: int | None) -> str:
    """Whether the Assistant finds bad answers likelier than before, beside good ones, in topics
    that were not trained: at the last step of each branch up to `upto`."""
    own = where(rows, (rows.speaker == ASSISTANT) & (rows.set == "heldout"))
    ends = branch_ends(own.dropna(subset=["value"]), branches, upto)
    moved = [f"{e.value:+.2f} with {e.said}" for e in ends if e.moved]
    still = [e.said for e in ends if not e.moved]
    parts = [f"{listed(moved)} (nats per token)"] if moved else []
    if still:
        parts.append(f"{counted(still, bool(moved))}: no change shown")
    if waiting := not_begun(branches, ends, upto):
        parts.append(waiting)
    return f"Bad answers beside good ones, on topics not trained: {'; '.join(parts)}"


def leak_rows(
    rows: pd.DataFrame, ends: Mapping[str, tuple[str, int]], names: Mapping[str, str]
) -> pd.DataFrame:
    """By branch, how the odds changed for the Assistant and for everybody else who was asked: rows
    for `dot_chart`. `names`: persona -> name."""
    own = where(rows, rows.set == "heldout").dropna(subset=["value"])
    out = []
    for branch, (checkpoint, _) in ends.items():
        here = where(own, own.checkpoint == checkpoint)
        people = sorted(set(here.speaker), key=lambda s: (s != ASSISTANT, s != NEUTRAL, s))
        for who in people:
            label = f"{branch}: {LABELS.get(who) or names.get(who, who)}"
            key = {"label": label, "branch": branch, "who": who}
            dot = dot_row(where(here, here.speaker == who))
            out.append({**key, **dot, "quiet": who != ASSISTANT})
    return pd.DataFrame(out)


def leak_title(rows: pd.DataFrame) -> str:
    """What the branch that moved the Assistant most did to the others who were asked."""
    own = [r for r in each(rows) if r.who == ASSISTANT] if len(rows) else []
    if not own:
        return "Nobody but the Assistant was asked"
    top = max(own, key=lambda r: r.value)
    others = [r.value for r in each(rows) if r.branch == top.branch and r.who not in LABELS]
    first = f"After {said(top.branch)} bad answers are {top.value:+.2f} nats per token likelier"
    if not others:
        return f"{first} to the Assistant"
    mean = sum(others) / len(others)
    return f"{first} to the Assistant, {mean:+.2f} to the roles asked beside it"
