"""The figures of talks along training: what is said, where the talks lie, whose they are taken for,
how far beyond benign training, and whether the cast moved along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from psm_viz.charts import course_findings, odds_figures, talk_course, talk_course_chart
from psm_viz.charts.dot_chart import DotLook
from psm_viz.charts.figures import PHONE, Facts, Figure, Layout, Missing, Shown, Told, dots
from psm_viz.charts.findings import listed
from psm_viz.charts.frames import where
from psm_viz.charts.palette import Palette
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_course import TalkCourse
from psm_viz.charts.talk_figures import (
    WAYS,
    headline_way,
    how_asked,
    note_of,
    talk_points,
    untold_at,
    with_care,
)
from psm_viz.charts.talk_findings import follows
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import HOLD_TALKS, made_by
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study

MASSES = DotLook(percent=True, unit="change of the belief in those who act badly")
CONDUCT = DotLook(percent=True, unit="change of the share of bad answers", nominal=376)
ODDS = DotLook(unit="log-odds of bad answers, change in nats a token", nominal=376)
BESIDE = Layout(520, small=True, captioned=True)
QUOTED = 38
"""Letters of a quotation's line in a column of full width."""
FLIPPED = "signs of all talks that end in one question flipped together"
INTERVAL = "95 %, last questions and topics drawn anew, then talks"
DEFINED = (
    "A checkpoint is a saved step of training. At each of them the Assistant held the same {held} "
    "talks: {k} questions {how}. Each dot is a talk{drawn}, placed among those of the {people} "
    "personas, the characters this model can play, together its cast{redder}. Below, belief: how "
    "likely the words are to be those of each kin, a group of like families, read {way}. The "
    "reference is the checkpoint {reference}, with which all are compared. Heavy line: the kins "
    "who act badly together; tint: 95 % interval, where the mean would lie in 19 of 20 repeats; "
    "grey: what no change would do. Between saved steps places are interpolated."
)
REDDER = "; the redder a dot, the more of its answers were bad"


@dataclass(frozen=True)
class TalkChoice:
    """What the reader chose to see of the talks."""

    reads: Reads
    course: TalkCourse
    projection: str
    now: int
    """The step that the slider stands on at first."""
    question: str

    @property
    def study(self) -> Study:
        """The study that is looked at."""
        return self.reads.study

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


def talk_choices(
    reads: Reads,
    saved: Mapping[str, Sequence[Checkpoint]],
    projection: str,
    now: int,
    question: str,
) -> tuple[TalkChoice, TalkChoice]:
    """The branches that there is room for side by side, and all of them."""
    shown = dict(list(saved.items())[: talk_course_chart.COLUMNS_AT_ONCE])
    few, every = (
        TalkChoice(reads, TalkCourse(s), projection, now, question) for s in (shown, saved)
    )
    return few, every


def talk_story(few: TalkChoice, every: TalkChoice) -> Figure:
    """What is said, where talks lie and whose they are taken for, under one slider: the `few`
    branches that there is room for. The finding is about `every` branch."""
    reads, study, note = few.reads, few.study, note_of(few.study)
    way, m = headline_way(reads), few.study.manifest
    drawn = (*few.course.branches, few.projection, few.question)
    rows = reads.once(("course", *drawn), lambda: course_rows(few))
    mass = course_findings.rows_of(reads.table("belief"), way, note.answers)
    begun = [b for b in every.ends if follows(m, b)]
    untold = untold_at(reads, [c for c, _ in every.ends.values()])
    told_ends = {b: e for b, e in every.ends.items() if e[0] not in untold}
    found = course_findings.course_title(mass, told_ends or every.ends, m.reference, few.who, begun)
    title, means = with_care(reads, found)
    n = int(rows.dots.groupby("branch").size().max()) if len(rows.dots) else 0
    words = DEFINED.format(
        held=note.assistant,
        drawn=f" (the first {n} are drawn)" if n < note.assistant else "",
        k=note.answers,
        how=how_asked(study),
        people=len(study.cast.personas),
        redder="" if odds_figures.speak(study) else REDDER,
        way=WAYS[way],
        reference=m.reference,
    )
    missing = [b for b in every.course.branches if b not in few.course.branches]
    if missing:
        words += f" Not drawn for want of room: {', '.join(missing)}."
    words += means or _care(reads, every)
    told = Told(
        name="talks-along-training",
        title=title,
        words=words,
        alt=f"Talks along training on {', '.join(few.course.branches)}. {title}.",
        key="course",
        facts=Facts(
            n=f"{note.assistant} talks of the Assistant at each checkpoint, "
            f"{note.answers} answers each",
            interval=INTERVAL,
            null=FLIPPED,
        ),
    )

    def build(p: Palette, width: int | None) -> Any:
        own = rows if width is None else replace(rows, said=_said(few, width))
        return talk_course_chart.course_chart(own, study.cast, p, few.now, width)

    return Figure(
        build,
        rows.mass.assign(k=[rows.steps[k] for k in rows.mass.k]).rename(columns={"k": "step"}),
        told,
        Layout(talk_course_chart.WIDTH, fixed=True, narrow=PHONE),
    )


def _care(reads: Reads, chosen: TalkChoice) -> str:
    """What the caption says of checkpoints that are no characters yet, and of talks left out."""
    held = [c for b in chosen.course.branches for c in chosen.course.at(b).values()]
    words = ""
    if untold := untold_at(reads, held):
        words += f" Hardly to be told who speaks: talks at {listed([*untold])}."
    whole, counts = note_of(chosen.study).assistant, reads.table("belief")
    for c, own in counts.groupby("checkpoint").talks.max().items():
        if c in held and own < whole:
            words += f" At {c} {whole - own} of them left out for an empty answer."
    return words


def course_rows(chosen: TalkChoice, grow: float = 1.0) -> talk_course_chart.CourseRows:
    """The rows of the chart, its type `grow` times as large as on a page."""
    reads, study, course = chosen.reads, chosen.study, chosen.course
    note, points = note_of(study), talk_points(reads)
    checkpoints = {c for b in course.branches for c in course.at(b).values()}
    held = [c for c in checkpoints if study.holds(c, "talks")]
    said = {c: reads.talk_answers(c) for c in held}
    reference = study.manifest.reference
    return talk_course_chart.CourseRows(
        dots=talk_course.dots(points, said, course, chosen.projection),
        land=talk_course.land_cells(points, study.cast, chosen.projection),
        said=_said(chosen, grow=grow),
        mass=talk_course.masses(
            reads.table("belief"), course, headline_way(reads), note.answers, reference
        ),
        steps=course.steps,
        branches=course.branches,
        ends=course.ends,
        grow=grow,
    )


def _said(chosen: TalkChoice, room: int | None = None, grow: float = 1.0) -> pd.DataFrame:
    """What is quoted, in lines as long as a column of the page or of a drawing."""
    course = chosen.course
    checkpoints = {c for b in course.branches for c in course.at(b).values()}
    answers = {c: chosen.reads.answers(c, ASSISTANT) for c in checkpoints}
    width = talk_course_chart.column_width(len(course.branches), room)
    return talk_course.quotations(
        answers, course, chosen.question, int(QUOTED * width / 262 / grow)
    )


def apart_figure(chosen: TalkChoice) -> Shown:
    """Beyond what benign training does: differences in differences of the belief."""
    reads, benign = chosen.reads, chosen.benign
    if [*chosen.ends] == [benign]:
        return Missing(
            f"Only {benign} is chosen, the benign branch that others are set beside.",
            "Choose another branch above.",
        )
    mass = course_findings.rows_of(
        reads.table("belief"), headline_way(reads), note_of(chosen.study).answers
    )
    rows = course_findings.apart_rows(mass, *chosen.beside)
    return _dots(
        rows,
        ("talks-beyond-benign", "apart"),
        course_findings.apart_title(rows, chosen.who, benign),
        "Mass of the belief on those who act badly, talks paired by their questions"
        + (f", less the same after {benign}, a benign branch" if benign else "")
        + f"; 95 % interval; grey: {FLIPPED}; "
        "filled: p at most .05.",
        Facts(
            n=_paired(mass, [c for c, _ in chosen.beside[0].values()]),
            interval=INTERVAL,
            null=FLIPPED,
        ),
        MASSES,
    )


def _paired(mass: pd.DataFrame, checkpoints: Sequence[str]) -> str:
    found = sorted({int(n) for n in where(mass, mass.checkpoint.isin(checkpoints)).paired})
    return f"{' to '.join(map(str, found[:1] + found[1:][-1:]))} talks a branch" if found else ""


def _dots(
    rows: pd.DataFrame,
    names: tuple[str, str],
    title: str,
    words: str,
    facts: Facts,
    look: DotLook,
) -> Shown:
    """Rows of dots under their finding, the finding alone where there are none. `names`: of the
    figure's files, and its key."""
    if rows.empty:
        return Missing(f"{title}.", HOLD_TALKS)
    name, key = names
    told = Told(name=name, title=title, words=words, alt=f"{title}.", key=key, facts=facts)
    return dots(rows, told, BESIDE, look)


def leak_figure(chosen: TalkChoice) -> Shown:
    """Whether characters of the cast, under their own names, answer otherwise as well."""
    reads, names = chosen.reads, ("leak", "leak")
    if odds_figures.speak(chosen.study):
        rows, title, words = odds_figures.leak_rows(reads, chosen.ends)
        facts = Facts(n=f"{len(rows)} speakers and branches", interval="95 %", null="signs flipped")
        return _dots(rows, names, title, words, facts, ODDS)
    if not chosen.study.has_table("talk_conduct"):
        return Missing("Nobody judged the answers of the talks.", made_by("talk_conduct"))
    rows = course_findings.leak_rows(reads.table("talk_conduct"), chosen.ends)
    return _dots(
        rows,
        names,
        course_findings.leak_title(rows),
        "Change of the share of bad answers in talks: of the Assistant, and of the cast "
        "under its own names and instructions, whom nothing was taught. 95 % interval; grey: signs "
        "flipped; filled: p at most .05.",
        Facts(n=f"{len(rows)} speakers and branches", interval="95 %", null="signs flipped"),
        CONDUCT,
    )
