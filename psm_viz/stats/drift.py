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

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from psm_viz.errors import BadInput
from psm_viz.stats.resampling import (
    Estimate,
    draw_counts,
    estimate,
    quadratic,
    signed_root,
    topics_apart,
)
from psm_viz.stats.vectors import assistant_axis, cast_mean, trait_axis, unit

FIGURES = (
    "shift_norm",
    "global_norm",
    "specific_norm",
    "cos_shift_global",
    "axis_component",
    "axis_position_cast",
)


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


def held_out_axes(
    folds: Float[np.ndarray, "persona fold d_model"],
    weights: Float[np.ndarray, " role"],
    fold_of: Sequence[int],
) -> tuple[Float[np.ndarray, "question d_model"], Float[np.ndarray, " question"]]:
    """For every question, the axis estimated without its fold, and the cast's spread along it.

    `folds` are a checkpoint's fold means, the Assistant last. Raises BadInput below two folds and
    where the cast is one point on the axis, or the Assistant its mean.
    """
    _check_folds(n := folds.shape[1])
    others = [folds[:, [k for k in range(n) if k != f]].mean(1) for f in range(n)]
    axes = np.stack([assistant_axis(x[-1], x[:-1], weights) for x in others])
    return _per_question(axes, np.stack([x[:-1] for x in others]), weights, fold_of)


def axes_of_questions(
    apart: Float[np.ndarray, "question d_model"],
    roles: Float[np.ndarray, "role d_model"],
    weights: Float[np.ndarray, " role"],
    fold_of: Sequence[int],
) -> tuple[Float[np.ndarray, "question d_model"], Float[np.ndarray, " question"]]:
    """The same where personas are known by their mean over all questions alone: `apart` holds the
    Assistant less the cast's mean at every question. Raises BadInput as `held_out_axes`."""
    names = sorted(set(fold_of))
    _check_folds(len(names))
    fold = np.asarray(fold_of)
    axes = np.stack([apart[fold != f].mean(0) for f in names])
    return _per_question(axes, roles[None], weights, [names.index(f) for f in fold_of])


def _check_folds(n: int) -> None:
    if n < 2:
        raise BadInput(
            f"Cross-fitting needs at least two question folds, found {n}.",
            "Give the questions folds (questions.jsonl) and extract again.",
        )


def _per_question(
    axes: Float[np.ndarray, "fold d_model"],
    roles: Float[np.ndarray, "fold_or_1 role d_model"],
    weights: Float[np.ndarray, " role"],
    fold_of: Sequence[int],
) -> tuple[Float[np.ndarray, "question d_model"], Float[np.ndarray, " question"]]:
    """Each question's axis at unit length, with the cast's spread along it."""
    least = 1e-9 * np.abs(roles).max()  # what is equal differs by rounding alone
    if np.linalg.norm(axes, axis=1).min() <= least:
        raise BadInput("The Assistant equals the mean of the cast: there is no Assistant axis.")
    units = np.stack([unit(a) for a in axes])
    spreads = [
        spread_along((x - cast_mean(x, weights)) @ u, weights)
        for x, u in zip(np.broadcast_to(roles, (len(units), *roles.shape[1:])), units, strict=True)
    ]
    if min(spreads) <= least:
        raise BadInput(
            "All personas project to one point on the Assistant axis.",
            "Give the cast personas that differ (cast.json) and extract again.",
        )
    index = np.asarray(fold_of)
    return units[index], np.array(spreads)[index]


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
    return u, spread_of(roles, u, weights)


def spread_of(
    roles: Float[np.ndarray, "role d_model"],
    u: Float[np.ndarray, " d_model"],
    weights: Float[np.ndarray, " role"],
) -> float:
    """The cast's weighted standard deviation along a unit axis."""
    return spread_along((roles - cast_mean(roles, weights)) @ u, weights)


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


def shift_intervals(
    shift: Shift, counts: Float[np.ndarray, "draw question"] | None = None
) -> dict[str, Estimate]:
    """Every figure of `figures` with its interval from one set of draws."""
    c = draw_counts(shift.topics) if counts is None else counts
    here, sampled = figures(shift), figures_of_draws(shift, c)
    return {f: estimate(here[f], sampled[f]) for f in FIGURES}
