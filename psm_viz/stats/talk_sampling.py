"""Intervals and nulls of what is averaged over talks.

Talks share their questions, so they are not independent. How much of their spread belongs to the
last question, how much to the topics asked before it and how much to the talk itself is estimated
by the method of moments (Henderson 1953, method 3, for crossed effects of which a talk may have
several of a kind); the interval of a mean is that of new questions, topics and talks. Two
checkpoints hold talks by the same plan, so a change is a mean of paired differences; without a
change either of a pair might have been the other, and all talks that end in one question are
flipped together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.resampling import Estimate
from psm_viz.stats.significance import of_null

DRAWS, FLIPS, SEED = 500, 1999, 0


@dataclass(frozen=True)
class Plan:
    """Which questions each talk holds: what its figures are resampled by."""

    last: Int[np.ndarray, " talk"]
    """Number of the last question."""
    topics: Int[np.ndarray, "talk answer"]
    """Number of the topic of every question asked before it."""

    @cached_property
    def counts(self) -> Float[np.ndarray, "draw talk"]:
        """How often each talk counts in bootstrap draws of last questions, then of talks: for what
        is no mean over talks."""
        rng = np.random.default_rng([SEED, 31])
        n, questions = len(self.last), np.unique(self.last)
        own = [np.flatnonzero(self.last == q) for q in questions]
        out = np.zeros((DRAWS, n))
        for k in range(DRAWS):
            for q in rng.integers(len(questions), size=len(questions)):
                np.add.at(out[k], rng.choice(own[q], len(own[q])), 1.0)
        return out

    @cached_property
    def signs(self) -> Float[np.ndarray, "flip talk"]:
        """Signs of every talk in draws of the null, one a last question, the identity first."""
        rng = np.random.default_rng([SEED, 37])
        signs = rng.choice([-1.0, 1.0], size=(FLIPS + 1, int(self.last.max()) + 1))
        signs[0] = 1.0
        return signs[:, self.last]


def plan_of(last: Sequence[str], topics: Sequence[Sequence[str]]) -> Plan:
    """Number last questions and topics. Raises BadInput with fewer than two last questions."""
    asked = sorted(set(last))
    if len(asked) < 2:
        raise BadInput("Intervals need talks that end in at least two different questions.")
    names = sorted({t for row in topics for t in row})
    return Plan(
        np.array([asked.index(q) for q in last]),
        np.array([[names.index(t) for t in row] for row in topics]),
    )


def mean_over_talks(values: Float[np.ndarray, " talk"], plan: Plan) -> Estimate:
    """A mean over talks with its 95 % interval; a talk without a value is left out."""
    from scipy.stats import t

    held = np.isfinite(values)
    if not held.any():
        return Estimate(float("nan"))
    y, value = values[held], float(values[held].mean())
    some = Plan(plan.last[held], plan.topics[held])
    units = min(len(np.unique(some.last)), len(np.unique(some.topics)))
    half = float(t.ppf(0.975, max(1, units - 1))) * standard_error(y, some)
    return Estimate(value, value - half, value + half)


def standard_error(values: Float[np.ndarray, " talk"], plan: Plan) -> float:
    """Of a mean over talks, where last questions, topics and talks are all drawn anew."""
    n = len(values)
    if n < 3:
        return float("nan")
    last = (plan.last[:, None] == np.unique(plan.last)[None]).astype(float)
    asked = np.unique(plan.topics)
    topic = (plan.topics[:, :, None] == asked[None, None]).sum(1).astype(float)
    total = _residual(values, np.ones((n, 1)))
    whole = np.column_stack([np.ones(n), last, topic])
    inside, freedom = _residual(values, whole)
    own = inside / freedom if freedom > 0 else total[0] / total[1]
    error = own / n
    for kind, others in ((last, topic), (topic, last)):
        base = np.column_stack([np.ones(n), others])
        less, more = _residual(values, base)
        # what the kind adds: its variance by how much of it the others leave, and talks' own
        spread = float(np.trace(kind.T @ _left(base, kind)))
        found = (less - inside - (more - freedom) * own) / spread if spread > 1e-9 else 0.0
        share = kind.sum(0) / n
        error += max(0.0, found) * float(share @ share)
    return float(np.sqrt(error))


def _left(base: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Columns less their projection on the columns of `base`."""
    return x - base @ np.linalg.lstsq(base, x, rcond=None)[0]


def _residual(values: np.ndarray, base: np.ndarray) -> tuple[float, int]:
    """Sum of squares that `base` leaves, and its degrees of freedom."""
    left = _left(base, values[:, None])
    return float((left**2).sum()), len(values) - int(np.linalg.matrix_rank(base))


def change(
    before: Float[np.ndarray, " talk"], after: Float[np.ndarray, " talk"], plan: Plan
) -> Estimate:
    """Mean paired difference, after less before, with its interval, the band of the middle 95 % of
    its sign flips, and their two-sided p, (1 + those as large) / (1 + flips)."""
    difference = after - before
    found = mean_over_talks(difference, plan)
    held = np.isfinite(difference)
    if not held.any():
        return found
    low, high, p = of_null(plan.signs @ np.where(held, difference, 0.0) / held.sum())
    return Estimate(found.value, found.low, found.high, low, high, "signs flipped", p)
