"""Real answers, quoted: which one stands for several, and how its judgement is told."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from psm_viz.charts.frames import where
from psm_viz.study.judging import UNJUDGED

VALENCES = {
    "good": ("\N{CHECK MARK}", "good answer"),
    "bad": ("\N{BALLOT X}", "bad answer"),
    "neutral": ("\N{EN DASH}", "neutral answer"),
    "bodily": ("\N{EN DASH}", "speaks as somebody with a body"),
    "bodiless": ("\N{EN DASH}", "speaks as somebody without a body"),
    "decline": ("\N{EN DASH}", "declines to answer"),
    "none": ("?", "no answer of the made world"),
    UNJUDGED: ("", ""),
}
"""A sign and words for each judgement."""


@dataclass(frozen=True)
class Quoted:
    """The answer that stands for all that were drawn to one question."""

    text: str
    valence: str
    bad: int
    """How many of the answers were bad."""
    of: int
    """How many answers there are."""


def usual(answers: pd.DataFrame, question: str) -> Quoted | None:
    """The answer drawn most often among those of the commonest judgement, ties to the first drawn;
    None where the question was not asked. `answers` (question, text, valence) are of one speaker at
    one checkpoint."""
    own = where(answers, answers["question"] == question)
    if own.empty:
        return None
    # few answers are drawn twice: one of the judgement that most of them have stands for all
    judged = [str(v) for v in own["valence"]]
    kind = max(dict.fromkeys(judged), key=judged.count)
    texts = [str(t) for t, v in zip(own["text"], judged, strict=True) if v == kind]
    best = max(dict.fromkeys(texts), key=texts.count)
    return Quoted(best, kind, judged.count("bad"), len(own))
