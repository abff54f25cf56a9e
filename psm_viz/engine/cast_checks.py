"""Casts and questions, looked at before anything is played: what no study could be made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from psm_viz.study.cast import ASSISTANT, Cast, Question
from psm_viz.study.manifest import AGAIN, MAIN

FEWEST_PERSONAS, FEWEST_QUESTIONS = 4, 4
"""What a map and the figures beside it need."""


def of_cast(cast: Cast, wording: str) -> Iterator[str]:
    """What is wrong with a cast that is played by this wording."""
    ids = Counter(p.id for p in cast.personas)
    yield from (f"persona {i!r} is named {n} times" for i, n in ids.items() if n > 1)
    if ASSISTANT in ids:
        yield f"a persona is called {ASSISTANT!r}, which is the name of the model's own voice"
    if len(cast.personas) < FEWEST_PERSONAS:
        yield (
            f"the cast has {len(cast.personas)} personas; a map needs at least {FEWEST_PERSONAS}"
        )
    for p in cast.all:
        texts = getattr(p, wording)
        if not texts:
            yield f"persona {p.id!r}: {wording} is empty"
        elif p.id != ASSISTANT and not all(t.strip() for t in texts):
            yield f"persona {p.id!r}: one of its {wording} is empty"
        for trait, value in p.traits.items():
            if not math.isfinite(value):
                yield f"persona {p.id!r}: trait {trait} is {value}"


def of_questions(questions: Sequence[Question]) -> Iterator[str]:
    """What is wrong with questions, as a list."""
    ids = Counter(q.id for q in questions)
    yield from (f"question {i!r} is named {n} times" for i, n in ids.items() if n > 1)
    yield from (f"question {q.id!r} is empty" for q in questions if not q.text.strip())
    other = sorted({q.set for q in questions} - {MAIN, AGAIN})
    if other:
        yield f"questions of a set {other[0]!r}; the sets are {MAIN!r} and {AGAIN!r}"
    main = [q for q in questions if q.set == MAIN]
    if not main:
        yield f"no question is of the set {MAIN!r}"
        return
    if len(main) < FEWEST_QUESTIONS:
        yield f"{len(main)} questions are of the set {MAIN!r}; {FEWEST_QUESTIONS} are the fewest"
    folds = {q.fold for q in main}
    missing = sorted(set(range(len(folds))) - folds)
    if min(folds) < 0 or missing:
        which = min(folds) if min(folds) < 0 else missing[0]
        yield f"folds are numbered from 0 without gaps; fold {which} is not right"
    elif len(folds) < 2:
        yield "all questions are of one fold; estimates are kept apart by at least two"
    again = {q.fold for q in questions if q.set == AGAIN}
    if again and again != folds:
        yield f"the questions of the set {AGAIN!r} are not of the same folds as those of {MAIN!r}"
