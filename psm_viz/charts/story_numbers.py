"""The figures in a story's words: placeholders in braces, filled from the study's tables.

A small fixed vocabulary (`VOCABULARY`), so that no figure of a story is typed by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from psm_viz.charts.course_findings import marked_words, points
from psm_viz.charts.frames import where
from psm_viz.charts.story_study import StoryStudy
from psm_viz.charts.talk_figures import told_right
from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.columns import NO_ROLES
from psm_viz.study.stories import Place, place_of

VOCABULARY = {
    "rate PLACE trained|other": "share of bad answers to single questions, on the trained topic or "
    "on the others",
    "belief PLACE": "mean belief that one of those speaks who act badly, after whole talks",
    "rise PLACE": "its change from before the branches, in points",
    "beyond PLACE": "the same less that of the benign branch, in points",
    "cast PLACE": "change of bad answers in talks of characters who act well, in points",
    "interval FIGURE": "the 95 % interval of any of these",
    "odds PLACE trained|other": "change since before the branches of how much likelier the "
    "Assistant finds bad written answers than good ones, in nats a token",
    "leak PLACE": "the same change, on the other topics, for the roles that were asked beside it: "
    "their mean",
    "told": "share of the cast's talks of which the kin is told right, read as the headline is",
    "chance": "the same by guessing",
    "personas": "how many characters the cast has",
    "talks": "talks of the Assistant at every checkpoint",
    "answers": "answers in a whole talk",
    "questions trained|other": "how many questions the rate is a mean of",
    "steps BRANCH": "the last saved step of a branch",
    "who": "those who act badly, by their kins",
    "topic": "the trained topic",
}
"""What may stand in braces; PLACE is `before`, or a branch and its step: `cheat 64`."""
BRACES = re.compile(r"\{([^{}]*)\}|[{}]")
ASK = "Figures that a story may quote: " + ", ".join(f"{{{k}}}" for k in VOCABULARY) + "."
SETS = {"trained": "trained", "other": "heldout"}


@dataclass(frozen=True)
class Run:
    """A stretch of text, and whether it is a figure of the study."""

    text: str
    figure: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure with its interval, as shares or counts, and its form in words."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    form: Callable[[float], str] = "{:.0%}".format


class StoryNumbers:
    """Fills the placeholders of a story from its study."""

    def __init__(self, study: StoryStudy) -> None:
        self.study = study

    def runs(self, text: str) -> list[Run]:
        """The text with its figures filled in. Raises BadInput for an unknown placeholder,
        UnknownName for what the study has not."""
        out: list[Run] = []
        at = 0
        for found in BRACES.finditer(text):
            if found[1] is None:
                raise BadInput(f"a brace stands alone in {text[:60]!r}.", ASK)
            out += [Run(text[at : found.start()]), self._filled(found[1])]
            at = found.end()
        return [r for r in [*out, Run(text[at:])] if r.text]

    def words(self, text: str) -> str:
        """The same as plain text."""
        return "".join(r.text for r in self.runs(text))

    def value(self, asked: str) -> float:
        """The value of a figure, named as in braces. Raises BadInput, UnknownName."""
        found = self._figure(asked.split(), asked)
        return found.value

    def _filled(self, asked: str) -> Run:
        words = asked.split()
        if words == ["who"]:
            return Run(marked_words(self.study.study.cast, self.study.note.marked))
        if words == ["topic"]:
            return Run(str(self._noted("trained_topic")))
        if words[:1] == ["interval"]:
            f = self._figure(words[1:], asked)
            if pd.isna(f.low):
                raise BadInput(f"{{{asked}}}: this figure has no interval.", ASK)
            low, high = f.form(f.low), f.form(f.high)
            return Run(f"{low.removesuffix(' points')} to {high}", True)
        f = self._figure(words, asked)
        return Run(f.form(f.value), True)

    def _figure(self, words: Sequence[str], asked: str) -> Figure:
        name, rest = (words[0], list(words[1:])) if words else ("", [])
        counts: dict[str, Callable[[], float]] = {
            "personas": lambda: len(self.study.study.cast.personas),
            "talks": lambda: self.study.note.assistant,
            "answers": lambda: self.study.note.answers,
        }
        if name in counts and not rest:
            return Figure(counts[name](), form="{:.0f}".format)
        if name in ("told", "chance") and not rest:
            return Figure(self._told_right()[name == "chance"])
        if name == "steps" and len(rest) == 1:
            saved = self.study.study.manifest.branch(self.study.branch(rest[0]))
            return Figure(saved[-1].step, form="{:.0f}".format)
        if name == "questions" and len(rest) == 1 and rest[0] in SETS:
            return Figure(float(self._asked(rest[0]).n), form="{:.0f}".format)
        if name == "rate" and rest and rest[-1] in SETS and (p := place_of(" ".join(rest[:-1]))):
            r = self._rate(p, rest[-1])
            return Figure(float(r["mean"]), float(r.low), float(r.high))
        if name == "odds" and rest and rest[-1] in SETS and (p := place_of(" ".join(rest[:-1]))):
            row = self._row("odds", p, speaker=ASSISTANT, set=SETS[rest[-1]])
            return _shares(row, "change", nats)
        if name in PLACED and (p := place_of(" ".join(rest))):
            return getattr(self, f"{name}_at")(p)
        raise BadInput(f"{{{asked}}} is no figure that a story may quote.", ASK)

    def _noted(self, key: str) -> Any:
        found = self.study.study.manifest.notes.get(key)
        if not found:
            raise UnknownName(f"the study notes no {key!r}.")
        return found

    def _row(self, table: str, place: Place, **columns: Any) -> pd.Series:
        """The one row of a table at a place. Raises UnknownName where there is none."""
        checkpoint = self.study.checkpoint(place)
        own = self.study.table(table)
        for name, value in ({"checkpoint": checkpoint} | columns).items():
            own = where(own, own[name] == value)
        if own.empty:
            said = ", ".join(f"{k} {v}" for k, v in columns.items())
            raise UnknownName(f"table {table!r} has no row of {checkpoint} ({said}).")
        return own.iloc[0]

    def _asked(self, topics: str) -> pd.Series:
        """The row that counts the questions: of rates, or of written answers without a judge."""
        if self.study.study.has_table("rates"):
            return self._rate(Place(), topics)
        return self._row("odds", Place(), speaker=ASSISTANT, set=SETS[topics])

    def _rate(self, place: Place, topics: str) -> pd.Series:
        return self._row("rates", place, set=SETS[topics])

    def _mass(self, place: Place) -> pd.Series:
        k = self.study.note.answers
        return self._row("belief", place, of="marked", way=self.study.way, answers=k)

    def belief_at(self, place: Place) -> Figure:
        """Belief in those who act badly."""
        return _shares(self._mass(place), "mass", "{:.0%}".format)

    def rise_at(self, place: Place) -> Figure:
        """Its change from the reference."""
        return _shares(self._mass(place), "change", points)

    def beyond_at(self, place: Place) -> Figure:
        """Its change less the benign branch's."""
        return _shares(self._mass(place), "did", points)

    def cast_at(self, place: Place) -> Figure:
        """Change of bad answers of characters who act well."""
        return _shares(self._row("talk_conduct", place, who="well", of="bad"), "change", points)

    def leak_at(self, place: Place) -> Figure:
        """Change of the odds of bad answers for the roles that were asked, their mean."""
        checkpoint, table = self.study.checkpoint(place), self.study.table("odds")
        own = where(table, (table.checkpoint == checkpoint) & (table.set == SETS["other"]))
        roles = where(own, ~own.speaker.isin(NO_ROLES)).change.dropna()
        if roles.empty:
            raise UnknownName(f"table 'odds' has no change of a role at {checkpoint}.")
        return Figure(float(roles.mean()), form=nats)

    def _told_right(self) -> tuple[float, float]:
        found = told_right(self.study.reads, self.study.way)
        if found is None:
            self.study.table("belief_quality")  # where there is none, it says what makes one
            raise UnknownName("the study does not say how well its talks are read.")
        return found


def nats(value: float) -> str:
    """A change in nats a token, in words."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


PLACED = ("belief", "rise", "beyond", "cast", "leak")
"""Figures of a place; `<name>_at` computes each."""


def _shares(row: pd.Series, column: str, form: Callable[[float], str]) -> Figure:
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    if pd.isna(value):
        raise UnknownName(
            f"{row['checkpoint']} has no {column!r}: it is what others are set beside."
        )
    return Figure(value, low, high, form)
