"""Draws of topics and questions, the intervals they give, and products of what stands apart.

A squared norm summed from one set of questions is inflated by that set's noise, so it is estimated
by products between questions of different topics. Every such figure is a quadratic form in the
questions' weights: ones for the figure itself, counts for a bootstrap draw, signs for a sign-flip
null. So a thousand draws cost one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from psm_viz.errors import BadInput

DRAWS, SEED = 1000, 0
FEWEST_TOPICS = 4
"""Below this many topics questions themselves are the independent units."""


NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """One figure with its 95 % interval, its null's band and where that comes from, and its p: NaN
    where there is none."""

    value: float
    low: float = NAN
    high: float = NAN
    null_low: float = NAN
    null_high: float = NAN
    null: str = ""
    p: float = NAN


def topic_index(topics: Sequence[str]) -> Int[np.ndarray, " question"]:
    """Number of each question's independent unit: its topic, or itself where topics are few."""
    names = sorted(set(topics))
    if len(names) < FEWEST_TOPICS:
        return np.arange(len(topics))
    return np.array([names.index(t) for t in topics])


def topics_apart(topics: Sequence[str]) -> Bool[np.ndarray, "question question"]:
    """Pairs of questions of different topics. Raises BadInput where there is none."""
    index = topic_index(topics)
    apart = index[:, None] != index[None]
    if not apart.any():
        raise BadInput(
            f"Cross-fitted figures need at least two different questions, found {len(topics)}.",
            "Ask more questions (questions.jsonl) and extract again.",
        )
    return apart


def quadratic(
    products: Float[np.ndarray, "row row"],
    apart: Bool[np.ndarray, "row row"],
    counts: Float[np.ndarray, "draw row"],
) -> Float[np.ndarray, " draw"]:
    """Mean of products[q, q'] over the pairs that stand apart, weighted by c_q c_q': [draw].

    With x x' as products this is the cross-fitted square of the mean of x. NaN for a draw in which
    no two questions stand apart.
    """
    pairs = np.einsum("nq,nq->n", counts @ apart.astype(float), counts)
    found = np.einsum("nq,nq->n", counts @ np.where(apart, products, 0.0), counts)
    return np.divide(found, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)


def dot(
    x: Float[np.ndarray, "question d_model"],
    y: Float[np.ndarray, "question d_model"],
    apart: Bool[np.ndarray, "question question"],
) -> float:
    """Cross-fitted inner product of the means: the mean of x_q . y_q' over pairs that are apart."""
    return float(quadratic((x @ y.T + y @ x.T) / 2, apart, np.ones((1, len(x))))[0])


def signed_root(square: np.ndarray) -> np.ndarray:
    """Signed root: a cross-fitted square below zero says 'no more than noise'."""
    return np.sign(square) * np.sqrt(np.abs(square))


def topic_draws(
    topics: Sequence[str], n: int, seed: int
) -> list[tuple[Int[np.ndarray, " drawn"], Float[np.ndarray, " question"]]]:
    """Bootstrap draws that resample topics, then questions within each drawn topic.

    Each draw: the indices drawn, and how often every question was drawn. The draws of the same
    topics are made once and shared: nobody writes into them.
    """
    return list(_topic_draws(tuple(topics), n, seed))


@lru_cache(maxsize=16)
def _topic_draws(
    topics: tuple[str, ...], n: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    rng = np.random.default_rng(seed)
    index = topic_index(topics)
    rows = [np.flatnonzero(index == t) for t in np.unique(index)]
    if len(rows) == len(topics):  # one question a topic: all draws in one call, to the same digits
        every = [*np.concatenate(rows)[rng.integers(len(rows), size=(n, len(rows)))]]
    else:
        every = []
        for _ in range(n):
            own = [rows[t] for t in rng.integers(len(rows), size=len(rows))]
            every.append(np.concatenate([q[rng.integers(len(q), size=len(q))] for q in own]))
    out = []
    for drawn in every:
        out.append((drawn, np.bincount(drawn, minlength=len(topics)).astype(float)))
        for x in out[-1]:
            x.flags.writeable = False
    return tuple(out)


def draw_counts(
    topics: Sequence[str], n: int = DRAWS, seed: int = SEED
) -> Float[np.ndarray, "draw question"]:
    """How often every question was drawn, for n draws of `topic_draws`."""
    return np.stack([counts for _, counts in topic_draws(topics, n, seed)])


def interval(
    statistic: Callable[[Float[np.ndarray, " question"]], float],
    topics: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Estimate:
    """A figure with its 95 % percentile interval, topics resampled, then questions.

    `statistic` takes how often each question counts. A draw of one single question is left out;
    where there is no other, the interval is NaN rather than a point.
    """
    n = len(topics)
    values = []
    for _, counts in topic_draws(topics, draws, seed):
        if (counts > 0).sum() > 1:
            values.append(statistic(counts))
    return estimate(statistic(np.ones(n)), np.array(values))


def interval_of_draws(
    statistic: Callable[[Float[np.ndarray, "draw question"]], Float[np.ndarray, " draw"]],
    counts: Float[np.ndarray, "draw question"],
) -> Estimate:
    """A figure with its interval from a statistic that takes all draws at once."""
    return estimate(statistic(np.ones((1, counts.shape[1])))[0], statistic(counts))


def estimate(value: float, draws: Float[np.ndarray, " draw"]) -> Estimate:
    """A figure with the 95 % percentile interval of its draws, those without one left out."""
    usable = draws[np.isfinite(draws)]
    if not len(usable):
        return Estimate(float(value))
    low, high = np.percentile(usable, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
