"""When a movement may be called one: sign flips, ranks among the cast, maxima, equivalence.

Two nulls, for two questions. 'Did it move at all?': without movement a question's shift is noise
around zero and its sign carries nothing, so whole topics' signs are flipped (exact when topics are
independent and the noise symmetric, as it is between two sets of like questions). 'Did it move in
a way of its own?': the Assistant is ranked among the cast's own members, measured the same way.

What is not a number has no p: NaN goes in, NaN comes out, and nothing is significant.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from psm_viz.errors import BadInput
from psm_viz.stats.resampling import topic_index

ALPHA = 0.05
"""What is called significant anywhere in the product."""
FLIPS = 999
TIE = 1e-9
"""Values nearer than this share of the largest are one value, rounded differently."""


def flips(
    topics: Sequence[str], n: int = FLIPS, seed: int = 0
) -> Float[np.ndarray, "flip question"]:
    """Random signs, the same for all questions of a topic. The first row is the identity."""
    index = topic_index(topics)
    rng = np.random.default_rng([seed, 17])
    signs = rng.choice([-1.0, 1.0], size=(n + 1, int(index.max()) + 1))
    signs[0] = 1.0
    return signs[:, index]


def p_of_flips(values: Float[np.ndarray, " flip"]) -> float:
    """(1 + flips that reach the observed value) / (1 + flips); the first value is the observed.

    A flip of every sign gives the observed value again; ties count against the finding.
    """
    if not np.isfinite(values).all():
        return float("nan")
    reached = values[1:] >= values[0] - TIE * np.abs(values).max()
    return float((1 + reached.sum()) / len(values))


def of_null(null: Float[np.ndarray, " flip"]) -> tuple[float, float, float]:
    """The band of the middle 95 % of a null's draws, and the two-sided p of the first of them, (1 +
    those as large) / (1 + flips)."""
    low, high = (float(x) for x in np.percentile(null, [2.5, 97.5]))
    return low, high, p_of_flips(np.abs(null))


def flipped(
    products: Float[np.ndarray, "row row"],
    apart: Bool[np.ndarray, "row row"],
    signs: Float[np.ndarray, "flip row"],
) -> Float[np.ndarray, " flip"]:
    """Mean of the products that stand apart under every flip, the observed first."""
    kept = np.where(apart, products, 0.0)
    return np.einsum("nq,nq->n", signs @ kept, signs) / apart.sum()


def moved(
    x: Float[np.ndarray, "question d_model"],
    apart: Bool[np.ndarray, "question question"],
    signs: Float[np.ndarray, "flip question"],
) -> Float[np.ndarray, " flip"]:
    """Cross-fitted square of the mean of x under every flip, the observed first."""
    return flipped(x @ x.T, apart, signs)


def max_over(values: Float[np.ndarray, "choice flip"]) -> Float[np.ndarray, " choice"]:
    """p of each choice (layer, step, trait) after a search over all of them.

    Every choice is standardised by its own flips; each flip then takes its best choice, as the
    search did (max-statistic, Westfall and Young 1993). The observed flip comes first.
    """
    if not np.isfinite(values).all():
        return np.full(len(values), np.nan)
    centre = values.mean(1, keepdims=True)
    scale = values.std(1, keepdims=True)
    z = np.divide(values - centre, scale, out=np.zeros_like(values), where=scale > 0)
    best = z.max(0)
    # a choice that no flip changes says nothing: its z is 0 everywhere and its p is 1
    return np.array([(1 + (best[1:] >= row[0] - TIE).sum()) / len(best) for row in z])


def percentile(value: float, others: Float[np.ndarray, " role"]) -> float:
    """Rank of a value among the cast's, (1 + those at most as large) / (1 + R): never 0."""
    return _share(others <= value, value, others)


def p_largest(value: float, others: Float[np.ndarray, " role"]) -> float:
    """(1 + cast members at least as large) / (1 + R): one-sided rank, floor 1 / (R + 1)."""
    return _share(others >= value, value, others)


def p_outlying(value: float, others: Float[np.ndarray, " role"]) -> float:
    """Two-sided rank: twice the smaller tail, at most 1."""
    low, high = percentile(value, others), p_largest(value, others)
    return float(np.minimum(1.0, 2 * min(low, high)))


def _share(
    reached: Bool[np.ndarray, " role"], value: float, others: Float[np.ndarray, " role"]
) -> float:
    if not (np.isfinite(value) and np.isfinite(others).all()):
        return float("nan")
    return float((1 + reached.sum()) / (1 + len(others)))


def p_both(*p: float) -> float:
    """Both nulls must fail: the larger p (intersection-union test, Berger 1982)."""
    return float(np.max(p))


def equivalent(low: float, high: float, margin: tuple[float, float]) -> bool:
    """Whether a whole 95 % interval lies within a margin fixed beforehand: 'no effect' is shown,
    not merely 'no effect was seen'. Raises BadInput for a margin that is empty."""
    if not margin[0] < margin[1]:
        raise BadInput(f"An equivalence margin needs two ends in order, found {margin}.")
    return bool(margin[0] <= low and high <= margin[1])
