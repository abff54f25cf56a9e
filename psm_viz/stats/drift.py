"""How far the Assistant moved between two checkpoints, split into what the whole cast did and
what it alone did, with questions of different topics kept apart.

D = a' - a (shift), g = sum_i w_i (r'_i - r_i) (global), s = D - g (specific), all per question:
D_q, g_q, s_q. A squared norm summed from one set of questions is inflated by that set's noise, so
|s|^2 is estimated by products between questions of DIFFERENT topics, E[s_q . s_q'], whose noise is
independent. The same holds for |D|^2, |g|^2 and D.g, and the axis on which a question's shift is
projected is made from the other folds' questions only.

Every such figure is a quadratic form in the questions' weights: ones for the figure itself, counts
for a bootstrap draw, signs for a sign-flip null. So a thousand draws cost one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.vectors import assistant_axis, cast_mean, trait_axis, unit

FIGURES = (
    "shift_norm",
    "global_norm",
    "specific_norm",
    "cos_shift_global",
    "axis_component",
    "axis_position_cast",
)
DRAWS, SEED = 1000, 0
FEWEST_TOPICS = 4
"""Below this many topics questions themselves are the independent units."""


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval and the number of questions behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Shift:
    """Per-question movements between two checkpoints: total and global, [question, d_model].

    `axis` holds for each question the unit Assistant axis made from the other folds, and `spread`
    the standard deviation of the cast's projections on it (both from the starting checkpoint).
    """

    total: Float[np.ndarray, "question d_model"]
    common: Float[np.ndarray, "question d_model"]
    axis: Float[np.ndarray, "question d_model"]
    spread: Float[np.ndarray, " question"]
    topics: tuple[str, ...]

    @property
    def specific(self) -> Float[np.ndarray, "question d_model"]:
        """s_q = D_q - g_q."""
        return self.total - self.common

    @cached_property
    def apart(self) -> Bool[np.ndarray, "question question"]:
        """Which pairs of questions have independent noise."""
        return topics_apart(self.topics)


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


def held_out_axes(
    folds: Float[np.ndarray, "persona fold d_model"],
    weights: Float[np.ndarray, " role"],
    fold_of: Sequence[int],
) -> tuple[Float[np.ndarray, "question d_model"], Float[np.ndarray, " question"]]:
    """For every question, the axis estimated without its fold, and the cast's spread along it.

    `folds` are a checkpoint's fold means, the Assistant last. Raises BadInput below two folds and
    where the cast is one point on the axis.
    """
    n = folds.shape[1]
    if n < 2:
        raise BadInput(
            f"Cross-fitting needs at least two question folds, found {n}.",
            "Give the questions folds (questions.jsonl) and extract again.",
        )
    axes, spreads = [], []
    for f in range(n):
        kept = folds[:, [k for k in range(n) if k != f]].mean(1)  # [persona, d_model]
        mu = cast_mean(kept[:-1], weights)
        u = unit(assistant_axis(kept[-1], kept[:-1], weights))
        axes.append(u)
        spreads.append(spread_along((kept[:-1] - mu) @ u, weights))
    if min(spreads) <= 1e-12 * np.abs(folds).max():  # equal personas differ by rounding alone
        raise BadInput(
            "All personas project to one point on the Assistant axis.",
            "Give the cast personas that differ (cast.json) and extract again.",
        )
    index = np.asarray(fold_of)
    return np.stack(axes)[index], np.array(spreads)[index]


def spread_along(p: Float[np.ndarray, " role"], weights: Float[np.ndarray, " role"]) -> float:
    """Weighted standard deviation of the cast's projections."""
    return float(np.sqrt(weights @ (p - weights @ p) ** 2))


def scaled_trait_axis(
    roles: Float[np.ndarray, "role d_model"],
    trait: Float[np.ndarray, " role"],
    weights: Float[np.ndarray, " role"],
) -> tuple[Float[np.ndarray, " d_model"], float]:
    """The unit axis of a trait and the cast's standard deviation along it."""
    u = unit(trait_axis(roles, trait))
    return u, spread_along((roles - cast_mean(roles, weights)) @ u, weights)


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


def figures_of_draws(
    shift: Shift, counts: Float[np.ndarray, "draw question"]
) -> dict[str, Float[np.ndarray, " draw"]]:
    """The figures of `figures` for every draw's question counts."""
    total, common, specific, apart = shift.total, shift.common, shift.specific, shift.apart
    dd = quadratic(total @ total.T, apart, counts)
    gg = quadratic(common @ common.T, apart, counts)
    both = np.sqrt(np.maximum(dd, 0) * np.maximum(gg, 0))
    dg = quadratic((total @ common.T + common @ total.T) / 2, apart, counts)
    cosine = np.divide(dg, both, out=np.full(len(dg), np.nan), where=both > 0)
    n = counts.sum(1)
    return {
        "shift_norm": signed_root(dd),
        "global_norm": signed_root(gg),
        "specific_norm": signed_root(quadratic(specific @ specific.T, apart, counts)),
        "cos_shift_global": np.clip(cosine, -1, 1),
        "axis_component": counts @ ((total * shift.axis).sum(1) / shift.spread) / n,
        "axis_position_cast": counts @ ((specific * shift.axis).sum(1) / shift.spread) / n,
    }


def figures(shift: Shift, counts: Float[np.ndarray, " question"] | None = None) -> dict[str, float]:
    """The cross-fitted figures of one shift.

    shift_norm, global_norm, specific_norm: residual-stream units (signed roots);
    cos_shift_global: cosine of D and g; axis_component: D . u, and axis_position_cast: s . u,
    both in standard deviations of the cast's projections (positive = more Assistant).
    """
    c = np.ones(len(shift.total)) if counts is None else counts
    return {k: float(v[0]) for k, v in figures_of_draws(shift, c[None]).items()}


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
    out = []
    for _ in range(n):
        drawn = np.concatenate(
            [rng.choice(rows[t], len(rows[t])) for t in rng.integers(len(rows), size=len(rows))]
        )
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
) -> Interval:
    """A figure with its 95 % percentile interval, topics resampled, then questions.

    `statistic` takes how often each question counts. A draw of one single question is left out;
    where there is no other, the interval is NaN rather than a point.
    """
    n = len(topics)
    values = []
    for _, counts in topic_draws(topics, draws, seed):
        if (counts > 0).sum() > 1:
            values.append(statistic(counts))
    return Interval(statistic(np.ones(n)), *_ends(np.array(values)), n)


def _ends(values: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    usable = values[np.isfinite(values)]
    if not len(usable):
        return float("nan"), float("nan")
    low, high = np.percentile(usable, [2.5, 97.5])
    return float(low), float(high)


def interval_of_draws(
    statistic: Callable[[Float[np.ndarray, "draw question"]], Float[np.ndarray, " draw"]],
    counts: Float[np.ndarray, "draw question"],
) -> Interval:
    """A figure with its interval from a statistic that takes all draws at once."""
    n = counts.shape[1]
    return interval_from(statistic(np.ones((1, n)))[0], statistic(counts), n)


def interval_from(value: float, draws: Float[np.ndarray, " draw"], n: int) -> Interval:
    """A figure over n questions with the 95 % interval of its draws, draws without one left out."""
    return Interval(float(value), *_ends(draws), n)


def shift_intervals(
    shift: Shift, counts: Float[np.ndarray, "draw question"] | None = None
) -> dict[str, Interval]:
    """Every figure of `figures` with its interval from one set of draws."""
    c = draw_counts(shift.topics) if counts is None else counts
    here, sampled = figures(shift), figures_of_draws(shift, c)
    return {f: Interval(here[f], *_ends(sampled[f]), len(shift.topics)) for f in FIGURES}
