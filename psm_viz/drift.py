# pyright: reportUndefinedVariable=false
# (jaxtyping's one-word shapes look like undefined names; the tests run this under beartype)
"""How far the Assistant moved between two checkpoints, split into what the whole cast did and
what it alone did, with question folds kept apart.

D = a' - a (shift), g = sum_i w_i (r'_i - r_i) (global), s = D - g (specific), all per question:
D_q, g_q, s_q. A squared norm summed from one set of questions is inflated by that set's noise, so
|s|^2 is estimated by products between DIFFERENT questions, E[s_q . s_q'] for q != q', whose noise
is independent. The same holds for |D|^2, |g|^2 and D.g, and the axis on which a question's shift
is projected is made from the other folds' questions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from psm_viz.errors import BadInput
from psm_viz.study import finite
from psm_viz.vectors import cast_mean, unit

FIGURES = (
    "shift_norm",
    "global_norm",
    "specific_norm",
    "cos_shift_global",
    "axis_component",
    "axis_position_cast",
)


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
    spread: Float[np.ndarray, question]
    topics: tuple[str, ...]

    @property
    def specific(self) -> Float[np.ndarray, "question d_model"]:
        """s_q = D_q - g_q."""
        return self.total - self.common


def held_out_axes(
    folds: Float[np.ndarray, "persona fold d_model"],
    weights: Float[np.ndarray, role],
    fold_of: Sequence[int],
) -> tuple[Float[np.ndarray, "question d_model"], Float[np.ndarray, question]]:
    """For every question, the axis estimated without its fold, and the cast's spread along it.

    `folds` are a checkpoint's fold means, the Assistant last. Raises BadInput below two folds.
    """
    n = folds.shape[1]
    if n < 2:
        raise BadInput(f"Cross-fitting needs at least two question folds, found {n}.")
    axes, spreads = [], []
    for f in range(n):
        kept = folds[:, [k for k in range(n) if k != f]].mean(1)  # [persona, d_model]
        mu = cast_mean(kept[:-1], weights)
        u = unit(finite(kept[-1] - mu, "Assistant axis"))
        p = (kept[:-1] - mu) @ u
        axes.append(u)
        spreads.append(np.sqrt(float(weights @ (p - weights @ p) ** 2)))
    if min(spreads) <= 0:
        raise BadInput("All personas project to one point on the Assistant axis.")
    index = np.asarray(fold_of)
    return np.stack(axes)[index], np.array(spreads)[index]


def dot(
    x: Float[np.ndarray, "question d_model"],
    y: Float[np.ndarray, "question d_model"],
    counts: Float[np.ndarray, question],
) -> float:
    """Cross-question inner product: the mean of x_q . y_q' over pairs q != q'.

    With counts c (how often a bootstrap drew each question) pairs are weighted by c_q c_q'; a
    question is never paired with its own copy, so noise shared within a question never enters.
    """
    wx, wy = counts @ x, counts @ y
    own = float((counts**2 * (x * y).sum(1)).sum())
    pairs = counts.sum() ** 2 - float((counts**2).sum())
    if pairs <= 0:
        raise BadInput("Cross-fitted figures need at least two different questions.")
    return (float(wx @ wy) - own) / pairs


def _root(square: float) -> float:
    """Signed root: a cross-fitted square below zero says 'no more than noise'."""
    return float(np.sign(square) * np.sqrt(abs(square)))


def figures(shift: Shift, counts: Float[np.ndarray, question] | None = None) -> dict[str, float]:
    """The cross-fitted figures of one shift.

    shift_norm, global_norm, specific_norm: residual-stream units (signed roots);
    cos_shift_global: cosine of D and g; axis_component: D . u, and axis_position_cast: s . u,
    both in standard deviations of the cast's projections (positive = more Assistant).
    """
    c = np.ones(len(shift.total)) if counts is None else counts
    total, common, specific = shift.total, shift.common, shift.specific
    dd, gg = dot(total, total, c), dot(common, common, c)
    both = np.sqrt(max(dd, 0.0) * max(gg, 0.0))
    along = (total * shift.axis).sum(1) / shift.spread
    own = (specific * shift.axis).sum(1) / shift.spread
    return {
        "shift_norm": _root(dd),
        "global_norm": _root(gg),
        "specific_norm": _root(dot(specific, specific, c)),
        "cos_shift_global": float(np.clip(dot(total, common, c) / both, -1, 1)) if both else np.nan,
        "axis_component": float(c @ along / c.sum()),
        "axis_position_cast": float(c @ own / c.sum()),
    }


def topic_draws(
    topics: Sequence[str], n: int, seed: int
) -> list[tuple[Int[np.ndarray, drawn], Float[np.ndarray, question]]]:
    """Bootstrap draws that resample topics, then questions within each drawn topic.

    Each draw: the indices drawn, and how often every question was drawn.
    """
    rng = np.random.default_rng(seed)
    names = sorted(set(topics))
    rows = {t: np.flatnonzero(np.array(topics) == t) for t in names}
    out = []
    for _ in range(n):
        drawn = np.concatenate(
            [
                rng.choice(rows[names[t]], len(rows[names[t]]))
                for t in rng.integers(len(names), size=len(names))
            ]
        )
        out.append((drawn, np.bincount(drawn, minlength=len(topics)).astype(float)))
    return out


def interval(
    statistic: Callable[[Float[np.ndarray, question]], float],
    topics: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
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
    low, high = np.nanpercentile(values, [2.5, 97.5]) if values else (np.nan, np.nan)
    return Interval(statistic(np.ones(n)), float(low), float(high), n)


def shift_intervals(shift: Shift, *, draws: int = 300, seed: int = 0) -> dict[str, Interval]:
    """Every figure of `figures` with its interval from one set of draws."""
    here = figures(shift)
    sampled = [
        figures(shift, counts)
        for _, counts in topic_draws(shift.topics, draws, seed)
        if (counts > 0).sum() > 1
    ]
    out = {}
    for name in FIGURES:
        values = np.array([s[name] for s in sampled])
        low, high = np.nanpercentile(values, [2.5, 97.5])
        out[name] = Interval(here[name], float(low), float(high), len(shift.topics))
    return out


def specific_norms_of_cast(
    start: Float[np.ndarray, "persona fold d_model"],
    end: Float[np.ndarray, "persona fold d_model"],
    weights: Float[np.ndarray, role],
) -> Float[np.ndarray, persona]:
    """Cross-fitted norm of every persona's own specific shift, the Assistant last.

    From fold means: products between different folds only. Signed roots, as in `figures`.
    """
    shift = end - start
    own = shift - cast_mean(shift[:-1], weights)[None]
    n = own.shape[1]
    ones = np.ones(n)
    return np.array([_root(dot(p, p, ones)) for p in own])


def percentile(value: float, others: Float[np.ndarray, role]) -> float:
    """Rank of a value among the cast's, (1 + those at most as large) / (1 + R): never 0."""
    return float((1 + (np.asarray(others) <= value).sum()) / (1 + len(others)))
