"""What an answer says about the character who gave it: the protocol that any judge meets.

The made world meets it by reading its own banks of answers; a language model asked to judge, or a
list of keywords, can meet it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pandas as pd

from psm_viz.study.columns import VALENCE

GOOD, BAD, NONE, UNJUDGED = "good", "bad", "none", ""
"""How an answer is judged; `none`: it cannot be said; '': nobody judges."""


@dataclass(frozen=True)
class Judgement:
    """One answer judged: whether it is what a good or a bad character would say, and its tone."""

    valence: str = NONE
    tone: str = NONE


def as_judged(answers: pd.DataFrame) -> pd.DataFrame:
    """Answers of a study, their column `valence` empty where it says `none` of every one: they are
    of a model that nobody judges."""
    if VALENCE not in answers or (answers[VALENCE].astype(str) != NONE).any():
        return answers
    return answers.assign(**{VALENCE: UNJUDGED})


@runtime_checkable
class Judge(Protocol):
    """Judges an answer to a question on a topic. May be sent to another process, so it has to be
    made of plain values."""

    def __call__(self, topic: str, text: str) -> Judgement:
        """The judgement of one answer; `Judgement()` where nothing can be said."""
        ...


@runtime_checkable
class Observer(Protocol):
    """Says exactly who would have said a talk. May be sent to another process, so it has to be
    made of plain values."""

    def __call__(self, said: Sequence[tuple[str, str]]) -> dict[str, float]:
        """The belief over families after answers, each (topic, text), from even families."""
        ...
