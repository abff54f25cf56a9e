"""Teaching on the Live page: lines of one's own, what the cast makes of them, training with loss
and time left, the talks that move, and what was learned kept as a branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import streamlit as st

from psm_viz.charts.live_lesson import foretold_figure, kins_by_step, lesson_map, loss_chart
from psm_viz.charts.reads import Reads
from psm_viz.errors import PsmVizError
from psm_viz.messages import (
    CANCELLED,
    DONE,
    FAILED,
    LINE,
    LOOK,
    MOST_TEXT,
    STEP,
    Foretold,
    Kept,
    Taught,
)
from psm_viz.study.formats.chat_data import parse_chat
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, live_figures, talk_card
from psm_viz.ui.cast_evidence import EXAMPLE, LIVE_LINES, read_words
from psm_viz.ui.live_client import Live
from psm_viz.ui.live_follow import PROBLEM, Refused

TALK, TEACH = "talk", "teach"
TASKS = {TALK: "Talk", TEACH: "Teach"}
LESSON = "live-lesson-state"
OWN_LINES = "your own"


@dataclass
class Lesson:
    """What a session teaches, and what it has heard of it."""

    job: str = ""
    """Of whatever is under way: a lesson, a question about the lines, a branch that is kept."""
    kind: str = ""
    seen: int = 0
    taught: str = ""
    """Id of the last lesson that came to its end."""
    steps: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    foretold: dict[str, Any] | None = None
    asked: str = ""
    """The lines that `foretold` is about."""
    left: float = 0.0
    checkpoint: str = ""
    kept: str = ""
    line: str = ""
    process: str = ""
    """Which model process it was taught by: another knows nothing of it."""
    lines: str = ""
    """What stood in the box when it was last drawn."""

    def begin(self, job: str, kind: str) -> None:
        """Something is under way."""
        self.job, self.kind, self.seen, self.line = job, kind, 0, ""


def pick_task(where: Any) -> str:
    """Whether one talks or teaches."""
    return controls.pick_segment("What to do", TASKS, "task", where)


def lesson_of(study: Study, live: Live) -> Lesson:
    """The session's lesson on this study. What a process that has ended was taught can be kept no
    more; what was seen of it stays."""
    held = st.session_state.get(LESSON)
    if held is None or held[0] != study.folder:
        held = (study.folder, Lesson())
        st.session_state[LESSON] = held
    lesson: Lesson = held[1]
    if lesson.process != live.hall.token:
        lesson.process, lesson.job, lesson.taught = live.hall.token, "", ""
    return lesson


def lines_section(live: Live, state: Mapping[str, Any], lesson: Lesson) -> None:
    """The lines, how long to teach them, and the buttons that ask the cast and teach."""
    figure.section("Lines to teach it", "lines")
    text = _lines(live, state, lesson)
    readable = _readable(text)
    if text != lesson.asked:
        lesson.foretold = None  # it was about other lines
    columns = st.columns([1, 1, 1.75, 1.1], vertical_alignment="bottom")
    usual = 64 if state.get("quick") else 32
    steps = columns[0].number_input("Steps", 1, 2000, usual, key="live-steps")
    every = columns[1].number_input("Look every", 1, 500, min(8, int(steps)), key="live-every")
    busy = bool(lesson.job)
    if columns[2].button(
        "Who would say this?", key="live-foretell", disabled=busy or not readable, width="stretch"
    ):
        lesson.asked = text
        lesson.begin(live.begin(Foretold(text)), "foretell")
        st.rerun()
    if columns[3].button(
        "Teach it", key="live-teach", type="primary", disabled=busy or not readable, width="stretch"
    ):
        lesson.losses, lesson.looks, lesson.taught, lesson.kept = [], [], "", ""
        lesson.steps = int(steps)
        lesson.begin(live.begin(Taught(text, int(steps), min(int(every), int(steps)))), "teach")
        st.rerun()


def _readable(text: str) -> bool:
    """Whether there is an answer in the lines that can be asked about and taught; says what not."""
    if not text.strip():
        figure.caption("Write a line as in the box, choose one of the lessons, or open a file.")
        return False
    if len(text) > MOST_TEXT:
        figure.caption(
            f"{len(text):,} characters; {MOST_TEXT:,} can be asked about or taught at once. Leave "
            "some lines out."
        )
        return False
    try:
        read = parse_chat(text.encode(), "the lines")
    except PsmVizError as e:
        figure.notice(e)
        return False
    figure.caption(read_words(read))
    return any(c.answers for c in read)


def _lines(live: Live, state: Mapping[str, Any], lesson: Lesson) -> str:
    """One of the lessons that come with the study, to be edited, or lines of one's own."""
    known = dict(state.get("lessons") or {})
    options = {OWN_LINES: "lines of your own", **{k: k for k in known}}

    def fill() -> None:
        chosen = str(st.session_state.get("live-lesson-name", OWN_LINES))
        st.session_state[LIVE_LINES] = live.lesson(chosen) if chosen in known else ""
        lesson.lines = ""

    st.selectbox(
        "Begin with",
        list(options),
        format_func=lambda k: options[k] if k == OWN_LINES else f"{k}: {known[k]}",
        key="live-lesson-name",
        on_change=fill,
    )
    # a box that was not drawn for a while is empty in the browser: it begins with what it held
    held = st.session_state.get(LIVE_LINES, lesson.lines)
    began = lesson.lines if held == lesson.lines else ""
    text = st.text_area(
        "One conversation a line", began, key=LIVE_LINES, placeholder=EXAMPLE, height=180
    )
    lesson.lines = text
    file = st.file_uploader("Or a file of them", type=["jsonl", "json"], key="live-lines-file")
    if file is not None:
        return file.getvalue().decode("utf-8", "replace")
    return text


def progress_section(live: Live, lesson: Lesson, place: Any) -> None:
    """What is under way, followed; afterwards the page is drawn anew."""
    if not lesson.job:
        return
    with place:
        bar = st.progress(0.0, "Asked.")
        st.button("Cancel", key="live-lesson-cancel", on_click=live.cancel, args=(lesson.job,))
        loss = st.empty()
    try:
        for event, ahead in live.events(lesson.job, lesson.seen):
            if not event:
                if ahead:
                    bar.progress(0.0, f"Waiting for its turn, behind {ahead[0]}.")
                continue
            lesson.seen += 1
            _take(lesson, event)
            done = lesson.losses[-1][0] if lesson.losses else 0
            bar.progress(min(1.0, done / max(1, lesson.steps)), _words(lesson))
            if len(lesson.losses) > 1:
                chart = loss_chart(lesson.losses, lesson.steps, figure.page_palette())
                loss.altair_chart(chart, theme=None, width="stretch")
            if event["kind"] == LOOK:
                st.rerun()
    except PsmVizError as e:
        st.session_state[PROBLEM] = e
    lesson.job = ""
    st.rerun()


def _words(lesson: Lesson) -> str:
    """How far it is."""
    if lesson.kind != "teach" or not lesson.losses:
        return lesson.line or {
            "foretell": "Asking the cast how likely each finds these answers.",
            "teach": "Looking at it before training.",
            "keep": "Playing what was taught, to keep it as a branch.",
        }.get(lesson.kind, "")
    done, value = lesson.losses[-1]
    return f"Step {done} of {lesson.steps}, loss {value:.2f} nats a token, {lesson.left:.0f} s left"


def _take(lesson: Lesson, event: dict[str, Any]) -> None:
    """What one event changes. Raises Refused."""
    kind = event["kind"]
    if kind == STEP:
        lesson.losses.append((int(event["done"]), float(event["loss"])))
        lesson.left = float(event["left"])
    elif kind == LOOK:
        lesson.looks.append(event)
    elif kind == LINE:
        lesson.line = str(event["text"])
    elif kind == FAILED:
        raise Refused(str(event["problem"]), str(event.get("next_step", "")))
    elif kind == CANCELLED:
        lesson.line = "Cancelled; what was looked at stays."
    elif kind == DONE and lesson.kind == "foretell":
        lesson.foretold, lesson.looks = event, []
    elif kind == DONE and lesson.kind == "teach":
        lesson.taught, lesson.checkpoint = str(event["taught"]), str(event["checkpoint"])
    elif kind == DONE and lesson.kind == "keep":
        lesson.kept = str(event["study"])


def figures_section(
    study: Study, reads: Reads, state: Mapping[str, Any], lesson: Lesson, projection: str
) -> None:
    """The talks as they move, whom they sound like step by step, and the same questions answered
    before and now."""
    shown = len(lesson.looks) - 1
    if len(lesson.looks) > 1:
        steps = [int(look["step"]) for look in lesson.looks]
        chosen = st.select_slider(
            "Looked at after so many steps", steps, value=steps[-1], key=f"live-look-{len(steps)}"
        )
        shown = steps.index(int(chosen))
    drawn = lesson_map(reads, lesson.looks, shown, lesson.foretold, projection)
    live_figures.show(drawn, study, (lesson.looks[: shown + 1], lesson.foretold))
    if lesson.foretold:
        told = foretold_figure(reads, lesson.looks, shown, lesson.foretold)
        live_figures.show(told, study, (lesson.looks[: shown + 1], lesson.foretold))
    if lesson.looks and state.get("families"):
        live_figures.show(kins_by_step(lesson.looks, study.cast, state["families"]), study)
    if lesson.foretold or lesson.looks:
        st.html(talk_card.kin_legend(study))
    if lesson.looks:
        st.html(_answers_html(lesson.looks[0], lesson.looks[shown]))


def _answers_html(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The same questions, answered before training and at a look."""
    rows = []
    for old, new in zip(before["answers"], now["answers"], strict=True):
        rows.append(f'<tr><th colspan="2" scope="colgroup">{escape(old["question"])}</th></tr>')
        rows.append(f"<tr>{_cell(old)}{_cell(new)}</tr>")
    head = f"<tr><th scope='col'>before training</th><th scope='col'>step {now['step']}</th></tr>"
    return (
        '<table class="psm-both"><caption>The same questions, answered anew</caption>'
        f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(answer: Mapping[str, Any]) -> str:
    """One answer, with its judgement where somebody judges."""
    if answer["valence"]:
        said = figure.answer_html(answer["text"], answer["valence"], small=True)
    else:
        said = f'<blockquote class="psm-quote psm-small">{escape(answer["text"])}</blockquote>'
    return f"<td>{said}</td>"


def keep_section(live: Live, lesson: Lesson) -> None:
    """Keep what was taught as a branch of a study of one's own."""
    if lesson.kept:
        link = f"./?study={escape(lesson.kept)}"
        st.html(
            f'<p class="psm-line">Kept in the study <b>{escape(lesson.kept)}</b>: '
            f'<a href="{link}" target="_self">open it on the map</a>.</p>'
        )
    if not lesson.taught or lesson.job:
        return
    figure.section("Keep it", "keep")
    figure.caption(
        "What was taught is played as every checkpoint was, and written as a branch into a study "
        "of your own, which opens from the list of studies. You can also choose "
        f"{lesson.checkpoint} above and talk to it."
    )
    columns = st.columns([1.4, 1.4, 1], vertical_alignment="bottom")
    name = columns[0].text_input("Name of the branch", "my-lesson", key="live-keep-name")
    where = columns[1].text_input("Name of the study", "my-study", key="live-keep-study")
    if columns[2].button("Keep as a branch", key="live-keep", width="stretch"):
        lesson.begin(live.begin(Kept(lesson.taught, name.strip(), where.strip())), "keep")
        st.rerun()
