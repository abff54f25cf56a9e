"""How much everything moved between two checkpoints: rows of figures, each with interval and null.

What is measured: of families, the Assistant's belief in its talks; of personas, their place along
the Assistant axis; of traits, the Assistant's own movement; of questions, how often it answered
badly; of topics, how likely it finds bad written answers. A row has id, label, value, low, high
(95 %), null_low, null_high, p, all in the unit of its kind. `beside` (id -> other ids) takes from
each what those near it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.charts.frames import where
from psm_viz.stats import drift
from psm_viz.stats.estimates import asked, trait_axes, trait_figures
from psm_viz.stats.paired import mean_change
from psm_viz.stats.proportions import share_change
from psm_viz.stats.resampling import Estimate
from psm_viz.stats.talk_sampling import change, plan_of
from psm_viz.stats.vectors import neighbours
from psm_viz.study import columns as col
from psm_viz.study.cast import Cast, Question, family_weights, trait_values
from psm_viz.study.judging import BAD, GOOD
from psm_viz.study.talks import LAST, TALK, TURN

COLUMNS = ("id", "label", "value", "low", "high", "null_low", "null_high", "p")
NEAREST = 5
FEWEST = 2
"""Topics, folds or talks below which nothing can be told."""


def _row(i: str, label: str, e: Estimate) -> dict[str, Any]:
    found = (e.value, e.low, e.high, e.null_low, e.null_high, e.p)
    return dict(zip(COLUMNS, (i, label, *found), strict=True))


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows that have a value, the largest first, whichever way they went."""
    out = pd.DataFrame(list(rows), columns=[*COLUMNS]).dropna(subset=["value"])
    return out.sort_values("value", key=lambda v: -v.abs(), kind="stable").reset_index(drop=True)


def kin_mates(cast: Cast) -> dict[str, list[str]]:
    """The other families of each family's kin."""
    return {f.id: [g.id for g in cast.families if g.kin == f.kin and g != f] for f in cast.families}


def nearest_personas(cast: Cast, vectors: np.ndarray) -> dict[str, list[str]]:
    """The five personas nearest to each by centred cosine; rows of `vectors` as `Cast.all`."""
    roles, ids, w = vectors[:-1].astype(np.float64), cast.ids, family_weights(cast)
    return {
        i: [ids[k] for k, _ in neighbours(roles[n], roles, w, NEAREST, leave_out=n)]
        for n, i in enumerate(ids)
    }


def _less_beside(values: pd.DataFrame, beside: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Columns less the mean of those beside them; those that have none are left out."""
    near = {i: [j for j in beside.get(i, ()) if j in values] for i in map(str, values)}
    return pd.DataFrame({i: values[i] - values[js].mean(axis=1) for i, js in near.items() if js})


def family_moves(
    before: pd.DataFrame,
    after: pd.DataFrame,
    said: pd.DataFrame,
    cast: Cast,
    topic: Mapping[str, str],
    beside: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Change of the belief in each family, over talks paired by their plan.

    `before`, `after`: beliefs of whole talks of the Assistant (talk, last, a column a family);
    `said`: its answers at the second (talk, turn, question). Signs of all talks that end in one
    question are flipped together.
    """
    families = [f for f in cast.families if f.id in before and f.id in after]
    one, two = before.set_index(TALK), after.set_index(TALK)
    both = [t for t in one.index if t in two.index]
    if len(both) < FEWEST or not families:
        return _frame([])
    questions = said.sort_values(TURN).groupby(TALK, observed=True).question.agg(list)
    topics = [[topic[str(q)] for q in questions[t]] for t in both]
    plan = plan_of([str(q) for q in two.loc[both, LAST]], topics)
    ids = [f.id for f in families]
    pair = [x.loc[both, ids].astype(np.float64) for x in (one, two)]
    if beside is not None:
        pair = [_less_beside(x, beside) for x in pair]
    names = {f.id: f.name for f in families}
    return _frame(
        [
            _row(i, names[i], change(pair[0][i].to_numpy(), pair[1][i].to_numpy(), plan))
            for i in map(str, pair[0])
        ]
    )


def persona_moves(
    before: pd.DataFrame,
    after: pd.DataFrame,
    column: str,
    cast: Cast,
    topic: Mapping[str, str],
    beside: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Change of everybody's place in `column` of their answers (persona, question, ...), questions
    paired, topics resampled, then questions; signs of whole topics flipped."""
    if column not in before or column not in after:
        return _frame([])
    wide = [
        f.groupby(["question", "persona"], observed=True)[column].mean().unstack()
        for f in (before, after)
    ]
    moved = (wide[1] - wide[0]).astype(np.float64).dropna(how="all")
    moved.columns = [str(c) for c in moved.columns]
    moved = moved if beside is None else _less_beside(moved, beside)
    topics = [topic[str(q)] for q in moved.index]
    names = {p.id: p.name for p in cast.all}
    known = [i for i in map(str, moved) if i in names]
    return _frame([_row(i, names[i], mean_change(moved[i].to_numpy(), topics)) for i in known])


def trait_moves(
    start: tuple[np.ndarray, np.ndarray],
    end: tuple[np.ndarray, np.ndarray],
    folds: np.ndarray,
    cast: Cast,
    questions: Sequence[Question],
) -> pd.DataFrame:
    """The Assistant's own movement along each trait, in cast standard deviations, as the drift of
    branches is measured; none where the cast has no traits.

    `start`, `end`: the Assistant's and the cast's mean vectors by question, each [question,
    d_model]; `folds`: the start's fold means [persona, fold, d_model]. Raises BadInput.
    """
    values = trait_values(cast)
    if not values:
        return _frame([])
    w = family_weights(cast)
    q = asked(tuple(x.topic for x in questions), tuple(x.fold for x in questions))
    (a0, c0), (a1, c1) = start, end
    roles = folds[:-1].mean(1)
    axis, spread = drift.axes_of_questions(a0 - c0, roles, w, q.fold)
    shift = drift.Shift(a1 - a0, c1 - c0, axis, spread, q.topics)
    found = trait_figures(shift, trait_axes(folds, w, values, q), q)["specific"]
    return _frame([_row(t, t.replace("_", " "), e) for t, e in found.items()])


def question_moves(
    before: pd.DataFrame, after: pd.DataFrame, questions: Sequence[Question]
) -> pd.DataFrame:
    """Change of the share of bad among the Assistant's judged answers to each question (question,
    valence), with Newcombe's interval and Fisher's p."""
    counted = [_judged(f) for f in (before, after)]
    rows = []
    for q in questions:
        pair = [c.get(q.id) for c in counted]
        if pair[0] and pair[1]:
            rows.append(_row(q.id, q.text, share_change(pair[0], pair[1])))
    return _frame(rows)


def topic_moves(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Change of log p(bad) - log p(good) of written answers, nats per token, topic by topic: mean
    over the questions that were weighed in both (topic, question, log_good, log_bad), questions
    resampled; signs of single questions flipped."""
    both = before.merge(after, on=[col.TOPIC, col.QUESTION], suffixes=("_0", "_1"))
    levels = [both[f"{col.LOG_BAD}_{k}"] - both[f"{col.LOG_GOOD}_{k}"] for k in (0, 1)]
    moved = (levels[1] - levels[0]).astype(np.float64)
    rows = []
    for topic, own in moved.groupby(both[col.TOPIC].astype(str), sort=False):
        found = mean_change(own.to_numpy(), [str(n) for n in own.index])
        rows.append(_row(str(topic), str(topic).replace("_", " "), found))
    return _frame(rows)


def _judged(answers: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Question -> (bad answers, answers judged good or bad)."""
    own = where(answers, answers.valence.isin([GOOD, BAD]))
    by = (own.valence == BAD).groupby(own.question.astype(str)).agg(["sum", "size"])
    return {
        str(q): (int(k), int(n)) for q, k, n in zip(by.index, by["sum"], by["size"], strict=True)
    }
