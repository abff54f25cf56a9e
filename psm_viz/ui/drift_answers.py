"""What the Assistant says to one question, checkpoint by checkpoint: a strip that changes.

Real sampled answers; the first sample is quoted and all samples are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import choices
from psm_viz.charts.frames import where
from psm_viz.charts.quotations import VALENCES
from psm_viz.charts.reads import Reads
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.manifest import Checkpoint
from psm_viz.ui import controls, figure


def cell(answers: pd.DataFrame, question: str, heading: str, now: bool) -> str:
    """One checkpoint of the strip as HTML."""
    own = where(answers, answers.question == question).sort_values(["variant", "sample"])
    kind = "psm-cell psm-now" if now else "psm-cell"
    if own.empty:
        body = '<p class="psm-valence">not asked here</p>'
    else:
        counts = own.valence.value_counts()
        words = ", ".join(f"{v} {int(counts[v])}" for v in VALENCES if v and v in counts)
        body = figure.answer_html(str(own.iloc[0].text), str(own.iloc[0].valence), small=True)
        judged = f": {escape(words)}" if words else ""
        body += f'<p class="psm-valence">of {len(own)} samples{judged}</p>'
    return f'<div class="{kind}"><h4>{escape(heading)}</h4>{body}</div>'


def strip(
    reads: Reads, branches: Mapping[str, Sequence[Checkpoint]], question: str, now: int
) -> None:
    """One row a branch, one column a step, aligned; the chosen step of each branch is marked."""
    steps = sorted({c.step for b, saved in branches.items() for c in saved if c.branch == b})
    column = {s: n for n, s in enumerate(steps, 3)}
    cells = []
    for row, (branch, saved) in enumerate(branches.items(), 1):
        cells.append(f'<div class="psm-branch" style="grid-area:{row}/1">{escape(branch)}</div>')
        reached = [c for c in saved if c.branch != branch or c.step <= now]
        for c in saved:
            own = c.branch == branch
            heading = f"step {c.step}" if own else f"start: {c.id}"
            body = cell(
                reads.answers(c.id, ASSISTANT),
                question,
                heading,
                bool(reached) and c.id == reached[-1].id,
            )
            cells.append(
                body.replace(
                    "<div ", f'<div style="grid-area:{row}/{column[c.step] if own else 2}" ', 1
                )
            )
    wide = f"grid-template-columns:4.6rem repeat({len(steps) + 1},minmax(168px,1fr))"
    st.html(
        f'<div class="psm-strip" style="{wide}" tabindex="0" role="group" '
        f'aria-label="Answers along the branches">{"".join(cells)}</div>'
    )


def pick_question(reads: Reads, branches: Mapping[str, Sequence[Checkpoint]], messages: Any) -> str:
    """One question that was asked at every checkpoint; at first one whose answer changes. '' where
    no checkpoint came with answers."""
    asked = choices.questions(reads, branches)
    if not asked:
        return ""
    label = "The same question, asked along training"
    return controls.pick(
        label, asked, "question", messages, choices.first_question(reads, branches)
    )


def asked_strip(
    reads: Reads, branches: Mapping[str, Sequence[Checkpoint]], now: int, question: str
) -> None:
    """One question along the branches; what is missing where nobody asked."""
    if not question:
        figure.empty(
            "These checkpoints were imported as vectors alone: there are no answers to quote.",
            "To see answers, extract the model: python -m psm_viz extract --model FOLDER --out DIR",
        )
        return
    figure.finding("The same question along the way")
    strip(reads, branches, question, now)
    figure.caption(
        "Real answers of the Assistant, as sampled; the first is quoted, all are counted. "
        "The red rule marks the chosen step."
    )
