"""The Compare page: which two checkpoints, their maps side by side, and what was said at both."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from psm_viz.charts import choices, compare_map, mover_findings
from psm_viz.charts.figures import Layout, Told
from psm_viz.charts.frames import where
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.talk_figures import has_talks, talk_points
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.talks import TURN
from psm_viz.ui import compare_movers, controls, figure, studies

CHECKPOINTS, BRANCHES = "checkpoints", "branches"
CHECKPOINT = "checkpoint"
"""The word for one of the two in a message about a bad link."""


def pick_pair(study: Study, places: Sequence[Any], messages: Any) -> tuple[tuple[str, str], Any]:
    """The two checkpoints, any two or two branches at one step; and the one of four `places` that
    is left free, None where there is none."""
    kinds = {CHECKPOINTS: "Checkpoints", BRANCHES: "Branches at a step"}
    with places[0]:
        by = controls.pick_segment("Compare", kinds, "by", messages)
    if by == CHECKPOINTS:
        return _two_checkpoints(study, places, messages), places[3]
    return _two_branches(study, places, messages), None


def _two_checkpoints(study: Study, places: Sequence[Any], messages: Any) -> tuple[str, str]:
    m = study.manifest
    saved = {c.id: c.id for c in m.drawn}
    branch = (choices.default_branches(study) or m.branches)[0]
    with places[1]:
        one = controls.pick("First", saved, "first", messages, m.reference, CHECKPOINT)
    with places[2]:
        two = controls.pick(
            "Second", saved, "second", messages, m.branch(branch)[-1].id, CHECKPOINT
        )
    return one, two


def _two_branches(study: Study, places: Sequence[Any], messages: Any) -> tuple[str, str]:
    m = study.manifest
    ids = choices.branch_order(study)
    names = {b: b for b in ids}
    with places[1]:
        one = controls.pick("First branch", names, "one", messages, ids[0], "branch")
    with places[2]:
        two = controls.pick(
            "Second branch", names, "other", messages, ids[min(1, len(ids) - 1)], "branch"
        )
    first, second = ({c.step: c.id for c in m.branch(b) if c.branch == b} for b in (one, two))
    both = sorted(set(first) & set(second))
    if not both:
        ends = first[max(first)], second[max(second)]
        with messages:
            figure.caption(
                f"{one} and {two} were saved at no common step, so their ends are compared: "
                f"{ends[0]} and {ends[1]}."
            )
        return ends
    options = {str(s): f"step {s}" for s in both}
    if st.session_state.get("at") not in (None, *options):
        del st.session_state["at"]  # other branches were chosen: their last common step again
    with places[3]:
        chosen = int(controls.pick("At", options, "at", messages, str(both[-1]), "step"))
    return first[chosen], second[chosen]


def maps(
    study: Study, pair: tuple[str, str], projection: str, persona: str, talk: int | None
) -> None:
    """The two maps, linked; a click chooses a talk or a persona."""
    families = compare_movers.moves(study, "families", pair)
    title = mover_findings.compare_title(families, pair)
    if not has_talks(study):
        figure.finding(title)
        figure.empty("No talks were held, so there are no two maps to compare.", HOLD_TALKS)
        return
    reads = studies.reads(study)
    points = talk_points(reads)
    silent = [c for c in pair if not study.holds(c, "talks")]
    held = [c for c in pair if c not in silent]
    said = {c: compare_map.first_lines(reads.talk_answers(c)) for c in held}
    none = f" No talks were held at {' and '.join(silent)}." if silent else ""
    told = Told(
        name=f"{pair[0]}-beside-{pair[1]}",
        title=title,
        words=f"The same land twice: pale dots are talks of the {len(study.cast.personas)} "
        "personas, talks that read alike lie close together. Full dots: talks of the Assistant, "
        "which were asked the same questions at both checkpoints. Point at a talk or a persona to "
        f"see it on both maps; click to read it below.{none} Distances on a map are not "
        "measurements.",
        alt=f"Two maps of talks side by side: {pair[0]} and {pair[1]}. {title}.",
        key="map",
    )
    view = MapView(projection, selected=persona)
    figure.figure(
        lambda p, width: compare_map.compare_map(points, study.cast, pair, view, p, talk, said),
        compare_map.compare_table(points, pair),
        told,
        study,
        Layout(2 * compare_map.WIDTH + compare_map.GAP, fixed=True),
        on_select=lambda: controls.take_click(study),
        key=controls.map_key(),
    )


def pick_talk(study: Study, pair: tuple[str, str], messages: Any) -> int | None:
    """A talk that both checkpoints held; None where they share none."""
    held = [c for c in pair if study.holds(c, "talks")]
    if not held:
        return None
    frames = [studies.reads(study).talk_answers(c) for c in held]
    common = set.intersection(*(set(f.talk.astype(int)) for f in frames))
    first = where(frames[0], (frames[0][TURN] == 0) & frames[0].talk.isin(list(common)))
    text = {q.id: q.text for q in study.questions}
    options = {
        str(t): f"Talk {t}: {text[str(q)]}" for t, q in zip(first.talk, first.question, strict=True)
    }
    if not options:
        return None
    return int(controls.pick("Talk of the Assistant", options, "talk", messages))


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
            compare_movers.ASK_ALL,
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


def beside_section(
    study: Study, pair: tuple[str, str], persona: str, talk: int | None, messages: Any
) -> None:
    """What was said at both: by the Assistant in a talk, or by whoever is chosen."""
    figure.section("What is said at both", "said")
    if persona == ASSISTANT and talk is not None:
        both_talks(study, pair, talk)
    else:
        both_answers(study, pair, persona, messages)
