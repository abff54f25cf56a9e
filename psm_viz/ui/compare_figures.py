"""The Compare page: which two checkpoints, what was said at both, and which movers are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from psm_viz.charts import choices, compare_view
from psm_viz.charts.compare_view import BY, CHECKPOINTS, CompareChoice
from psm_viz.charts.frames import where
from psm_viz.charts.mover_figures import ASK_ALL, RELATIVE, kinds_of
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.talks import TURN
from psm_viz.ui import controls, figure, studies

CHECKPOINT, KIND = "checkpoint", "kind of movers"
"""Words for one of the two, and for what moved, in a message about a bad link."""
Pair = tuple[str, str]


def pick_pair(study: Study, places: Sequence[Any], messages: Any) -> tuple[Pair, Pair | None, Any]:
    """The two checkpoints, any two or two branches at one step; these branches, None in the first
    case; and the one of four `places` that is left free, None where there is none."""
    with places[0]:
        by = controls.pick_segment("Compare", BY, "by", messages)
    if by == CHECKPOINTS:
        return _two_checkpoints(study, places, messages), None, places[3]
    return *_two_branches(study, places, messages), None


def _two_checkpoints(study: Study, places: Sequence[Any], messages: Any) -> Pair:
    saved, plain = choices.checkpoints(study), compare_view.usual_pair(study)
    with places[1]:
        one = controls.pick("First", saved, "first", messages, plain[0], CHECKPOINT)
    with places[2]:
        two = controls.pick("Second", saved, "second", messages, plain[1], CHECKPOINT)
    return one, two


def _two_branches(study: Study, places: Sequence[Any], messages: Any) -> tuple[Pair, Pair]:
    plain = compare_view.usual_branches(study)
    names = {b: b for b in choices.branch_order(study)}
    with places[1]:
        one = controls.pick("First branch", names, "one", messages, plain[0], "branch")
    with places[2]:
        two = controls.pick("Second branch", names, "other", messages, plain[1], "branch")
    steps = compare_view.common_steps(study, (one, two))
    if not steps:
        ends = compare_view.ends(study, (one, two))
        with messages:
            figure.caption(
                f"{one} and {two} were saved at no common step, so their ends are compared: "
                f"{ends[0]} and {ends[1]}."
            )
        return ends, (one, two)
    options = {str(s): f"step {s}" for s in steps}
    if st.session_state.get("at") not in (None, *options):
        del st.session_state["at"]  # other branches were chosen: their last common step again
    with places[3]:
        chosen = int(controls.pick("At", options, "at", messages, str(max(steps)), "step"))
    return steps[chosen], (one, two)


def pick_talk(choice: CompareChoice, messages: Any) -> int | None:
    """A talk that both checkpoints held; None where they share none."""
    if not choice.talks:
        return None
    return int(controls.pick("Talk of the Assistant", choice.talks, "talk", messages))


def mover_section(choice: CompareChoice, messages: Any) -> None:
    """One kind of movers, which the reader chooses."""
    figure.section("What moved", "moved")
    study = choice.reads.study
    left, right = st.columns([2.2, 1], vertical_alignment="bottom")
    with left:
        kind = controls.pick_segment("What moved", kinds_of(study), "moved", messages, True, KIND)
    relative = False
    if kind in RELATIVE:
        with right:
            relative = st.toggle(
                "Relative to neighbours",
                key="relative",
                bind="query-params",
                help=f"Less what {RELATIVE[kind]} did: what moved out of its neighbourhood.",
            )
    chosen = replace(choice, moved=kind, relative=relative)
    with figure.guard():
        movers = chosen.movers()
        figure.show(movers, study, chosen.link_of(movers, controls.study_in_link(study)))


def both_talks(study: Study, pair: tuple[str, str], talk: int) -> None:
    """One talk at both checkpoints, answer beside answer."""
    answers = [_turns(study, c, talk) for c in pair]
    text = {q.id: q.text for q in study.questions}
    rows = []
    for turn in sorted(set(answers[0]) | set(answers[1])):
        cells = [a.get(turn) for a in answers]
        asked = [text[c[0]] for c in cells if c]
        heads = asked if len(set(asked)) > 1 else asked[:1]
        rows.append(_row(" / ".join(heads), [(c[1], c[2]) if c else None for c in cells]))
    _table(pair, rows, f"Talk {talk}, answer by answer")
    sides = {"checkpoint": pair[0], "beside": "other", "other": pair[1]}
    asked = urlencode({**sides, "go": talk} | controls.kept_study())
    figure.link(f"./live?{asked}", "Go on with this talk, both side by side")


def _turns(study: Study, checkpoint: str, talk: int) -> dict[int, tuple[str, str, str]]:
    """Turn -> question, text, valence."""
    if not study.holds(checkpoint, "talks"):
        return {}
    said = studies.reads(study).talk_answers(checkpoint)
    own = where(said, said.talk == talk)
    return {
        int(n): (str(q), str(t), str(v))
        for n, q, t, v in zip(own[TURN], own.question, own.text, own.valence, strict=True)
    }


def both_answers(study: Study, pair: tuple[str, str], persona: str, messages: Any) -> None:
    """What a persona answers to one question at both checkpoints, its first samples."""
    frames = [studies.reads(study).answers(c, persona) for c in pair]
    name = study.cast.persona(persona).name
    asked = {q.id: q.text for q in study.questions if any(q.id in set(f.question) for f in frames)}
    if not asked:
        figure.empty(
            f"{name} was asked nothing at {pair[0]} or {pair[1]}: only the Assistant answered.",
            ASK_ALL,
        )
        return
    question = controls.pick("Asked", asked, "question", messages)
    cells = [_samples(f, question) for f in frames]
    most = max(len(c) for c in cells)
    rows = [_row("", [c[k] if k < len(c) else None for c in cells]) for k in range(min(most, 3))]
    _table(pair, rows, f"{name}: {asked[question]}")


def _samples(frame: pd.DataFrame, question: str) -> list[tuple[str, str]]:
    own = where(frame, frame.question == question).sort_values(["variant", "sample"])
    return [(str(t), str(v)) for t, v in zip(own.text, own.valence, strict=True)]


def _row(asked: str, cells: list[tuple[str, str] | None]) -> str:
    """A question across both columns, and an answer in each."""
    head = f'<tr><th colspan="2" scope="rowgroup">{escape(asked)}</th></tr>' if asked else ""
    body = "".join(
        f"<td>{figure.answer_html(*c, small=True)}</td>"
        if c
        else '<td><p class="psm-valence">not asked here</p></td>'
        for c in cells
    )
    return f"{head}<tr>{body}</tr>"


def _table(pair: tuple[str, str], rows: list[str], caption: str) -> None:
    heads = "".join(f'<th scope="col">{escape(c)}</th>' for c in pair)
    st.html(
        f'<table class="psm-both"><caption>{escape(caption)}</caption><thead><tr>{heads}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def said_heading() -> None:
    """The heading over what was said."""
    figure.section("What is said at both", "said")


def beside_section(
    study: Study, pair: tuple[str, str], persona: str, talk: int | None, messages: Any
) -> None:
    """What was said at both: by the Assistant in a talk, or by whoever is chosen."""
    if persona == ASSISTANT and talk is not None:
        both_talks(study, pair, talk)
    else:
        both_answers(study, pair, persona, messages)
