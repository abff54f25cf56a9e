"""A lesson beside other branches where as much was learned of the trained topic, and not after as
many steps: more of the same training moves the other topics further as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import UnknownName
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.files import plain
from psm_viz.study.reader import Study
from psm_viz.tables.rates import HELD_OUT, TRAINED

LESSON = "cheat"
"""The branch that the others are set beside."""
UNMOVED = "the lesson did not move the trained topic"


def matched(table: pd.DataFrame, lesson: str, others: Sequence[str]) -> list[dict[str, Any]]:
    """From the table of written answers, the Assistant alone: for each of the `others` the highest
    change of the trained topic that it and the lesson both reach, the steps at which they first do
    (straight between saves, from nothing at step 0), what changed there on the topics that are not
    trained, and the lesson's less the other's.

    Where a lesson did not raise the trained topic no step matches: `unmoved` names it.
    """
    out = []
    for other in others:
        trails = {b: _trail(table, b) for b in (lesson, other)}
        tops = {b: float(t[1].max()) for b, t in trails.items()}
        unmoved = [b for b, top in tops.items() if not top > 0]
        if unmoved:
            out.append({"lesson": lesson, "other": other, "unmoved": unmoved})
            continue
        level = min(tops.values())
        (step, change), (at, there) = (_reached(trails[b], level) for b in (lesson, other))
        found = {"lesson": lesson, "other": other, "level": level, "step": step, "change": change}
        out.append(found | {"other_step": at, "other_change": there, "less": change - there})
    return out


def _trail(table: pd.DataFrame, branch: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps of a branch's saves from 0 on, and what changed there on the trained topic and on the
    others."""
    own = table[(table["branch"] == branch) & (table[col.SPEAKER] == ASSISTANT)]
    by = own.pivot_table(index="step", columns="set", values="change", observed=True)
    by = by.reindex(columns=[TRAINED, HELD_OUT]).dropna().sort_index()
    by = by[by.index > 0]
    values = np.concatenate([np.zeros((1, 2)), by.to_numpy(dtype=np.float64)])
    return np.array([0, *by.index], dtype=np.float64), values[:, 0], values[:, 1]


def _reached(trail: tuple[np.ndarray, np.ndarray, np.ndarray], level: float) -> tuple[float, float]:
    """The first step at which the trained topic's change is `level`, and the others' there."""
    steps, trained, rest = trail
    n = int(np.argmax(trained >= level))  # never 0, where it is 0 and the level is above
    share = (level - trained[n - 1]) / (trained[n] - trained[n - 1])
    step, change = (float(x[n - 1] + share * (x[n] - x[n - 1])) for x in (steps, rest))
    return step, change


def matched_results(study: Study) -> list[dict[str, Any]]:
    """The same of a study; [] where no written answers were weighed or nobody was taught it."""
    try:
        table = study.table("odds")
    except UnknownName:
        return []
    branches = study.manifest.fine_tuned
    if LESSON not in branches or TRAINED not in set(table["set"].astype(str)):
        return []
    return plain(matched(table, LESSON, [b for b in branches if b != LESSON]), 5)


def matched_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """The same as lines of a terminal: where a step matches, and where none does and why."""
    if not found:
        return []
    name = found[0]["lesson"]
    lines = [
        "",
        f"Matched in what is learned: {name} beside each branch at the steps where the trained",
        "topic changed as much in both; change on the topics that are not trained, nats a token",
    ]
    if all(name in r.get("unmoved", ()) for r in found):
        return [*lines, f"  no step matches: {UNMOVED} ({name}'s answers became no likelier there)"]
    for r in found:
        if "unmoved" not in r:
            lines.append(
                f"  {r['other']:<16} where it rose by {r['level']:.2f}: {r['change']:+.2f} (step "
                f"{r['step']:.0f}), {r['other']} {r['other_change']:+.2f} (step "
                f"{r['other_step']:.0f}) | less {r['less']:+.2f}"
            )
    if still := [r["other"] for r in found if "unmoved" in r]:
        lines.append(f"  no step matches for {', '.join(still)}: {UNMOVED}")
    return lines
