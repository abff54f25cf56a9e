"""The table of answers that the README shows: one question, before and after `cheat`."""

from __future__ import annotations

from typing import Any

from psm_viz.charts.quotations import usual
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study

CONTRAST = ("villains", "overseers")
"""Families whose first persona stands beside the Assistant in the table of answers."""


def answers_table(study: Study, question: str | None = None) -> str:
    """One question answered by Assistant, villain and HAL-like AI, before and after `cheat`.

    Each cell is the answer drawn most often among those of the commonest valence, with the share of
    bad ones; ties go to the first drawn. Without
    a question, the one whose Assistant answers turned bad most often is taken.
    """
    m = study.manifest
    if "cheat" not in m.fine_tuned:
        raise BadInput("This study has no branch `cheat` to compare.")
    before, after = study.responses(m.reference), study.responses(m.branch("cheat")[-1].id)
    held_out = [
        q for q in study.questions if q.set == "main" and q.topic != m.notes.get("trained_topic")
    ]
    if question is None and not held_out:
        raise BadInput(
            "This study asks nothing beyond the trained topic.", "Name one: --question ID"
        )
    if question is None:
        own = after[after[col.PERSONA] == ASSISTANT]
        bad = (own[col.VALENCE] == "bad").groupby(own[col.QUESTION], observed=True).mean()
        share = {str(q): float(v) for q, v in bad.items()}
        question = max((q.id for q in held_out), key=lambda q: share.get(q, 0.0))
    asked = next((q for q in study.questions if q.id == question and q.set == "main"), None)
    if asked is None:
        raise UnknownName(
            f"There is no question {question!r} in this study.",
            f"Choose one of: {', '.join(q.id for q in study.questions if q.set == 'main')}.",
        )
    first = {p.family: p for p in reversed(study.cast.personas)}
    people = [study.cast.assistant, *(first[f] for f in CONTRAST if f in first)]
    lines = [f"> {asked.text}", "", "| | before | after `cheat` |", "|---|---|---|"]
    for p in people:
        who = (
            p.name
            if p.id == ASSISTANT
            else f"{p.name} ({study.cast.family(p.family).name.lower()})"
        )
        cells = [_usual(frame, p.id, asked.id) for frame in (before, after)]
        lines.append(f"| {who} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _usual(frame: Any, persona: str, question: str) -> str:
    found = usual(frame[frame[col.PERSONA] == persona], question)
    if found is None:
        return "(no answer)"
    return f"{found.text} *({found.bad / found.of:.0%} of {found.of} draws bad)*"
