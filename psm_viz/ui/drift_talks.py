"""The Drift page's talks: what the Assistant says along training, where its talks lie, whose they
are taken for, how far beyond benign training, and whether the cast moved along."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd
import streamlit as st

from psm_viz.charts import course_findings, talk_course, talk_course_chart
from psm_viz.charts.dot_chart import PLAIN, DotLook
from psm_viz.charts.frames import where
from psm_viz.charts.talk_course import TalkCourse
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.talks import OWN
from psm_viz.ui import drift_odds, figure, studies
from psm_viz.ui.figure import Layout, Told
from psm_viz.ui.talk_figure import WAYS, headline_way, kin_legend, note_of, talk_points

SHARES = DotLook(percent=True)
DEFINED = (
    "A checkpoint is a saved step of training. At each of them the Assistant held the same {n} "
    "talks: {k} questions in turn. Each dot is a talk, placed among those of the {people} "
    "personas, the characters this model can play; the redder a dot, the more of its answers were "
    "bad. Below, belief: how likely the words are to be each kin's, read {way}. Heavy line: the "
    "kins who act badly together; tint: 95 % interval; grey: what no change would do. Between "
    "saved steps places are interpolated."
)


@dataclass(frozen=True)
class TalkChoice:
    """What the reader chose to see of the talks."""

    study: Study
    course: TalkCourse
    projection: str
    now: int
    """The step that the slider stands on at first."""
    question: str

    @property
    def ends(self) -> dict[str, tuple[str, int]]:
        """The last checkpoint of each branch that held talks, and its step."""
        out = {}
        for branch, saved in self.course.saved.items():
            held = [c for c in saved if c.branch == branch and self.study.holds(c.id, "talks")]
            if held:
                out[branch] = (held[-1].id, held[-1].step)
        return out

    @property
    def who(self) -> str:
        """The marked families in words."""
        return course_findings.marked_words(self.study.cast, note_of(self.study).marked)

    @property
    def benign(self) -> str:
        """The benign branch that others are set beside; '' without one."""
        return str(self.study.manifest.notes.get("benign") or "")

    @property
    def beside(self) -> tuple[dict[str, tuple[str, int]], str]:
        """The ends that are set beside the benign one, and the column of tables that does so."""
        ends = {b: e for b, e in self.ends.items() if b != self.benign}
        return ends, "did" if self.benign else "change"


def say_what_makes_talks(study: Study) -> None:
    """In the place of the talks, a line on what would make them."""
    figure.caption(f"This study has held no talks: only means can be shown. {HOLD_TALKS}")


def talk_story(few: TalkChoice, every: TalkChoice) -> None:
    """What is said, where talks lie and whose they are taken for, under one slider: the `few`
    branches that there is room for. The finding is about `every` branch."""
    study, m, note = few.study, few.study.manifest, note_of(few.study)
    way = headline_way(study)
    rows = _rows(few)
    mass = course_findings.rows_of(studies.table(study, "belief"), way, note.answers)
    title = course_findings.course_title(mass, every.ends, m.reference, few.who)
    n = int(rows.dots.groupby("branch").size().max()) if len(rows.dots) else 0
    words = DEFINED.format(n=n, k=note.answers, people=len(study.cast.personas), way=WAYS[way])
    missing = [b for b in every.course.branches if b not in few.course.branches]
    if missing:
        words += f" Not drawn for want of room: {', '.join(missing)}."
    told = Told(
        name="talks-along-training",
        title=title,
        words=words,
        alt=f"Talks along training on {', '.join(few.course.branches)}. {title}.",
        key="course",
    )
    figure.figure(
        lambda p, width: talk_course_chart.course_chart(rows, study.cast, p, few.now),
        rows.mass,
        told,
        study,
        Layout(talk_course.WIDTH, fixed=True),
    )
    st.html(kin_legend(study))


def _rows(chosen: TalkChoice) -> talk_course.CourseRows:
    study, course, note = chosen.study, chosen.course, note_of(chosen.study)
    points = talk_points(study)
    checkpoints = {c for b in course.branches for c in course.at(b).values()}
    held = [c for c in checkpoints if study.holds(c, "talks")]
    said = {c: studies.talk_answers(study, c) for c in held}
    answers = {c: studies.answers(study, c, ASSISTANT) for c in checkpoints}
    frames = talk_course.CourseFrames(points, said, answers, studies.table(study, "belief"))
    read = (headline_way(study), note.answers, study.manifest.reference)
    return talk_course.course_rows(
        frames, course, study.cast, chosen.projection, chosen.question, read
    )


# -- beside it ----------------------------------------------------------------------------------


def conduct_table(chosen: TalkChoice) -> None:
    """Rates of bad answers, trained and not, with how many answers fit their question; where nobody
    judges answers, how likely written ones are."""
    if drift_odds.speak(chosen.study):
        drift_odds.conduct_table(chosen)
        return
    table = studies.wanted(chosen.study, "talk_conduct", "Nobody judged the answers of the talks.")
    if table is None:
        return
    own = where(table, table.who == ASSISTANT)
    columns = [c for c in ("bad trained", "bad heldout", "fits") if (own.of == c).any()]
    if "bad heldout" not in columns:
        columns = [c for c in ("bad", "fits") if (own.of == c).any()]
    heads = {
        "bad trained": "bad, trained topic",
        "bad heldout": "bad, other topics",
        "bad": "bad answers",
        "fits": "answers that fit",
    }
    lines = [("before", chosen.study.manifest.reference)]
    lines += [(f"{b}, step {step}", c) for b, (c, step) in chosen.ends.items()]
    body = []
    for name, checkpoint in lines:
        cells = "".join(f"<td>{_share(own, checkpoint, c)}</td>" for c in columns)
        body.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{heads[c]}</th>' for c in columns)
    figure.finding("How it answers in its talks", small=True)
    st.html(
        f'<table class="psm-rates"><thead><tr><th scope="col">at</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
    figure.caption("Share of its answers, with 95 % interval. Fit: an answer to that question.")


def _share(own: pd.DataFrame, checkpoint: str, of: str) -> str:
    at = where(own, (own.checkpoint == checkpoint) & (own.of == of))
    if at.empty:
        return "not measured"
    r = at.iloc[0]
    return f"{r.value:.0%} <small>{r.low:.0%}\N{EN DASH}{r.high:.0%}</small>"


def apart_figure(chosen: TalkChoice) -> None:
    """Beyond what benign training does: differences in differences of the belief."""
    study, benign = chosen.study, chosen.benign
    belief = studies.table(study, "belief")
    mass = course_findings.rows_of(belief, headline_way(study), note_of(study).answers)
    rows = course_findings.apart_rows(mass, *chosen.beside)
    _dots(
        study,
        rows,
        ("talks-beyond-benign", "apart"),
        course_findings.apart_title(rows, chosen.who, benign),
        "Mass of the belief on those who act badly, talks paired by their questions"
        + (f", less the same after {benign}, a benign branch" if benign else "")
        + "; 95 % interval; grey: signs of all talks that end in one question flipped together; "
        "filled: p at most .05.",
    )


def _dots(
    study: Study,
    rows: pd.DataFrame,
    names: tuple[str, str],
    title: str,
    words: str,
    look: DotLook = SHARES,
) -> None:
    """Rows of dots under their finding, the finding alone where there are none. `names`: of the
    figure's files, and its key."""
    if rows.empty:
        figure.empty(f"{title}.", HOLD_TALKS)
        return
    name, key = names
    told = Told(name=name, title=title, words=words, alt=f"{title}.", key=key)
    figure.dots(rows, told, study, Layout(520, small=True, captioned=True), look)


def direction_line(chosen: TalkChoice) -> None:
    """The same of the states themselves, along a direction that was fixed before."""
    study = chosen.study
    if not study.has_table("belief_direction"):
        return
    table, benign = studies.table(study, "belief_direction"), chosen.benign
    words = course_findings.direction_words(table, *chosen.beside, OWN)
    if words:
        figure.caption(words + (f" Less the same after {benign}." if benign else ""))


def leak_figure(chosen: TalkChoice) -> None:
    """Whether characters of the cast, under their own names, answer otherwise as well."""
    study = chosen.study
    if drift_odds.speak(study):
        rows, title, words = drift_odds.leak_rows(chosen)
        _dots(study, rows, ("leak", "leak"), title, words, PLAIN)
        return
    table = studies.wanted(study, "talk_conduct", "Nobody judged the answers of the talks.")
    if table is None:
        return
    rows = course_findings.leak_rows(table, chosen.ends)
    _dots(
        study,
        rows,
        ("leak", "leak"),
        course_findings.leak_title(rows),
        "Change of the share of bad answers in talks: of the Assistant, and of the cast "
        "under its own names and instructions, whom nothing was taught. 95 % interval; grey: signs "
        "flipped; filled: p at most .05.",
    )


BELOW, BESIDE = (apart_figure, direction_line), (conduct_table, leak_figure)
"""What stands below the talks and beside them, from the top: what is read of belief, and what was
said."""
