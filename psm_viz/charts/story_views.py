"""What the steps of a story show: quotations, and figures drawn small to be set large.

A figure is laid out on a nominal drawing about half as wide as a room's screen shows it: its
smallest words are then twice their size and can be read from the back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from psm_viz.charts import course_findings, odds_findings, step_chart, talk_course_chart, talk_map
from psm_viz.charts.choices import branch_order
from psm_viz.charts.course_figures import TalkChoice, course_rows
from psm_viz.charts.findings import Band, said
from psm_viz.charts.frames import each, where
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import Palette
from psm_viz.charts.quotations import VALENCES, usual
from psm_viz.charts.step_chart import StepLook
from psm_viz.charts.story_study import StoryStudy
from psm_viz.charts.talk_course import TalkCourse
from psm_viz.charts.vega_lite import vega_lite
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.judging import UNJUDGED
from psm_viz.study.stories import (
    ANSWERS,
    BAD,
    BELIEF,
    TALK_COURSE,
    TALK_MAP,
    WORDS,
    WRITTEN,
    Place,
    View,
)
from psm_viz.study.talks import TURN

Build = Callable[[Palette], dict[str, Any]]
"""A figure as Vega-Lite, in the colours of a palette."""
MAP_SIZE, CHART_SIZE = (346, 226), (318, 208)
"""Pixels of the nominal drawings."""
SIDE_BY_SIDE, LINES = 2, 4
"""Most branches of a course, and of a chart by step, that can be read from the back of a room."""
LARGER = 2.0
"""How much larger than on a page the type of a course is."""
QUOTED_AT_ONCE = 3
"""Most answers that stand under each other."""


@dataclass(frozen=True)
class Quotation:
    """Real words, large: what was asked, what was answered, how it was judged."""

    heading: str
    text: str
    sign: str = ""
    judged: str = ""


@dataclass(frozen=True)
class Shown:
    """What a step shows."""

    kind: str
    build: Build | None = None
    quotations: tuple[Quotation, ...] = ()
    asked: str = ""
    """The question of all quotations, where they share one."""
    caption: str = ""
    """What the figure is made of, in a line or two."""
    alt: str = ""
    """For those who do not see it."""
    steps: tuple[int, ...] = ()
    """The saved steps that a slider goes along; none: nothing moves."""
    at: float = 0.0
    """The number of the step where the slider stands at first."""


def show(view: View, s: StoryStudy) -> Shown:
    """What a view shows of a study. Raises UnknownName, BadInput, BadFile."""
    return VIEWS_OF[view.kind](view, s)


def spec_of(chart: Any) -> dict[str, Any]:
    """A chart as Vega-Lite, free of what a reader would click or drag."""
    spec = vega_lite(chart)
    kept = [p for p in spec.pop("params", []) if "select" not in p]
    for p in kept:
        p.pop("bind", None)  # the player has a slider of its own
    return {**spec, "params": kept} if kept else spec


def when(place: Place) -> str:
    """A place in words: 'before fine-tuning', 'after 64 steps of cheat'."""
    return (
        f"after {place.step} steps of {said(place.branch)}"
        if place.branch
        else "before fine-tuning"
    )


def _words(view: View, s: StoryStudy) -> Shown:
    return Shown(WORDS)


def _talk_map(view: View, s: StoryStudy) -> Shown:
    place = view.at[0]
    checkpoint, points, cast = s.checkpoint(place), s.points, s.study.cast
    n = len(talk_map.dots_at(points, checkpoint))
    if not n:
        raise UnknownName(f"{checkpoint} has held no talks.")
    quoted = _talk(view.talk, checkpoint, s) if view.talk is not None else ()
    what = f"{n} talks of the Assistant, {when(place)}"

    def build(p: Palette) -> dict[str, Any]:
        chart = talk_map.talk_map(
            points, cast, checkpoint, MapView(fixed=True), p, MAP_SIZE, view.talk
        )
        return spec_of(chart)

    return Shown(
        TALK_MAP,
        build,
        quoted,
        caption=f"Pale: talks of {len(cast.personas)} characters; those that read alike lie close. "
        f"Bright dots: {what}." + (" Ringed: the talk quoted." if quoted else ""),
        alt=f"Map of talks: {what} among those of the cast.",
    )


def _talk(number: int, checkpoint: str, s: StoryStudy) -> tuple[Quotation, ...]:
    """What was asked and answered in one of the Assistant's talks."""
    talks = s.reads.talk_answers(checkpoint)
    own = where(talks, talks.talk == number)
    if own.empty:
        raise UnknownName(
            f"the Assistant has held no talk {number} at {checkpoint}.",
            f"Its talks are numbered 0 to {int(talks.talk.max())}.",
        )
    text = {q.id: q.text for q in s.study.questions}
    return tuple(
        _quotation(text[str(r.question)], str(r.text), str(r.valence))
        for r in each(own.sort_values(TURN))
    )


def _quotation(heading: str, text: str, valence: str, also: str = "") -> Quotation:
    sign, word = VALENCES.get(valence, VALENCES["none"])
    return Quotation(heading, text, sign, f"{word}{also}")


def _answers(view: View, s: StoryStudy) -> Shown:
    if len(view.at) > QUOTED_AT_ONCE:
        raise BadInput(
            f"{len(view.at)} answers are more than a room can read at once.",
            f"Show at most {QUOTED_AT_ONCE}.",
        )
    asked, judged = s.question(view.question), False
    out = []
    for place in view.at:
        checkpoint = s.checkpoint(place)
        found = usual(s.answers(checkpoint), view.question)
        if found is None:
            raise UnknownName(f"{checkpoint} was not asked {view.question!r}.")
        judged = found.valence != UNJUDGED
        counted = f" \N{MIDDLE DOT} {found.bad} of {found.of} answers bad" if judged else ""
        name = when(place)
        heading = name[:1].upper() + name[1:]
        out.append(_quotation(heading, found.text, found.valence, counted))
    return Shown(
        ANSWERS,
        None,
        tuple(out),
        asked.text,
        caption="Real answers: the one drawn most often among those judged as most were."
        if judged
        else "Real answers, one of several draws each; nobody judged them.",
    )


def _talk_course(view: View, s: StoryStudy) -> Shown:
    if len(view.branches) > SIDE_BY_SIDE:
        raise BadInput(
            f"{len(view.branches)} branches side by side are too small for a room.",
            f"Show at most {SIDE_BY_SIDE}.",
        )
    s.question(view.question)
    m, note, cast = s.study.manifest, s.note, s.study.cast
    course = TalkCourse({s.branch(b): m.branch(b) for b in view.branches})
    if view.step is not None and view.step not in course.steps:
        raise UnknownName(
            f"none of these branches was saved at step {view.step}.",
            f"They were at: {', '.join(map(str, course.steps))}.",
        )
    now = course.steps[-1] if view.step is None else view.step
    rows = course_rows(TalkChoice(s.reads, course, "UMAP", now, view.question), LARGER)
    who = course_findings.marked_words(cast, note.marked)
    n = int(rows.dots.groupby("branch").size().max()) if len(rows.dots) else 0
    names = " and ".join(view.branches)
    return Shown(
        TALK_COURSE,
        lambda p: spec_of(talk_course_chart.course_chart(rows, cast, p, now)),
        caption=f"{n} of its talks; fuller: more bad answers. Lines: belief in who speaks, in the "
        "colours of the names; heavy: all who act badly. Between saved steps: interpolated.",
        alt=f"Talks of the Assistant along training on {names}, and the belief that {who} speak.",
        steps=tuple(course.steps),
        at=float(course.steps.index(now)),
    )


def _by_step(
    view: View, s: StoryStudy, rows: pd.DataFrame, look: Callable[[pd.DataFrame], StepLook]
) -> Build:
    """A chart by step of a table's rows (checkpoint, branch, step, value, low, high)."""
    m = s.study.manifest
    if len(view.branches) > LINES:
        raise BadInput(
            f"{len(view.branches)} lines are too many for a room.", f"Show at most {LINES}."
        )
    starts = {b: m.branch(s.branch(b))[0].id for b in view.branches}
    own = step_chart.from_start(rows, starts)
    own = where(own, own.branch.isin(list(starts)))
    bare = [b for b in starts if not len(where(own, own.branch == b))]
    if bare:
        raise UnknownName(f"the table has no rows of branch {bare[0]!r}.")
    said_so = look(own)
    return lambda p: spec_of(step_chart.step_chart(own, view.branches, p, said_so, CHART_SIZE))


def _belief(view: View, s: StoryStudy) -> Shown:
    m = s.study.manifest
    rows = course_findings.rows_of(s.table("belief"), s.way, s.note.answers)
    names = {"mass": "value", "mass_low": "low", "mass_high": "high"}
    rows = plain_keys(rows).rename(columns=names)
    at = where(rows, rows.checkpoint == m.reference)

    def look(own: pd.DataFrame) -> StepLook:
        start = next(each(at), None)
        band = None if start is None else Band(float(start.low), float(start.high))
        flat = None if band is None else step_chart.flat(band, float(own.step.max()))
        return StepLook(branch_order(s.study), band=flat, band_name="before", percent=True)

    who = course_findings.marked_words(s.study.cast, s.note.marked)
    return Shown(
        BELIEF,
        _by_step(view, s, rows, look),
        caption=f"Up: belief that {who} speak in the Assistant's talks. "
        "Tint: 95 % interval; grey band: before the branches.",
        alt=f"Belief that {who} speak, by training step, on {', '.join(view.branches)}.",
    )


def _bad(view: View, s: StoryStudy) -> Shown:
    m = s.study.manifest
    rates = plain_keys(s.table("rates")).rename(columns={"mean": "value"})
    other, trained = (where(rates, rates.set == name) for name in ("heldout", "trained"))

    def look(own: pd.DataFrame) -> StepLook:
        starts = {b: m.branch(b)[0].id for b in view.branches}
        thin = step_chart.from_start(trained, starts)
        return StepLook(branch_order(s.study), paler=thin, percent=True)

    return Shown(
        BAD,
        _by_step(view, s, other, look),
        caption="Up: share of bad answers. Heavy: topics it was never "
        "trained on, with 95 % interval; thin: the trained topic.",
        alt=f"Share of bad answers by training step, on {', '.join(view.branches)}.",
    )


def _written(view: View, s: StoryStudy) -> Shown:
    rows = odds_findings.of_figure(plain_keys(s.table("odds")), "change")
    rows = where(rows, rows.speaker == ASSISTANT).dropna(subset=["value"])
    other, trained = (
        step_chart.from_zero(where(rows, rows.set == name), view.branches)
        for name in ("heldout", "trained")
    )

    def look(own: pd.DataFrame) -> StepLook:
        band = step_chart.null_envelope(own, view.branches)
        return StepLook(branch_order(s.study), paler=trained, band=band, band_name="chance")

    return Shown(
        WRITTEN,
        _by_step(view, s, other, look),
        caption="Up: bad written answers became likelier beside good ones, nats a token. Heavy: "
        "topics never trained, with 95 % interval; thin: the trained topic; grey: chance.",
        alt="How much likelier bad written answers became beside good ones, by training step, on "
        f"{', '.join(view.branches)}.",
    )


def plain_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with branch and checkpoint as plain words, so that rows can be joined."""
    return frame.assign(branch=frame.branch.astype(str), checkpoint=frame.checkpoint.astype(str))


VIEWS_OF: Mapping[str, Callable[[View, StoryStudy], Shown]] = {
    WORDS: _words,
    TALK_MAP: _talk_map,
    TALK_COURSE: _talk_course,
    ANSWERS: _answers,
    BELIEF: _belief,
    BAD: _bad,
    WRITTEN: _written,
}
"""What draws each view."""
