"""How a predicted arrow fared: a record of evidence against the end of a branch.

The arrow (definition and source: `stats.evidence`) is set beside what the branch did to the
Assistant, as a whole (D) and apart from the cast (s). Everything is cross-fitted: a question's
movement meets the arrow made from the other folds' questions, |arrow|^2 is a product between folds
and |s|^2 one between questions of different topics. So a cosine may pass 1 by its noise (it is then
shown as 1), and is missing where there is no more movement than noise.

Null: l shuffled over the cast by families, the arrow made again each time. p is one-sided,
(1 + shuffles that reach it) / (1 + shuffles).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from psm_viz.stats import resampling
from psm_viz.stats.evidence import posterior
from psm_viz.stats.metrics import cosine_of, spearman

SHUFFLES, SEED = 1000, 0


@dataclass(frozen=True)
class Ground:
    """What the reference gives at one pooling: fold means, and trait axes from the other folds."""

    folds: Float[np.ndarray, "role fold d_model"]
    traits: Float[np.ndarray, "fold trait d_model"]
    """Unit axes over the cast's spread along them, so that a product is in cast SDs."""

    @property
    def others(self) -> Float[np.ndarray, "role fold d_model"]:
        """The cast's means over all folds but each one."""
        n = self.folds.shape[1]
        return (self.folds.sum(1, keepdims=True) - self.folds) / (n - 1)


def shuffled_changes(
    loglik: Float[np.ndarray, " role"],
    prior: Float[np.ndarray, " role"],
    n_bar: float,
    families: Sequence[str],
) -> Float[np.ndarray, "shuffle role"]:
    """w - pi for l as it is, in the first row, and for every shuffle of l over the cast.

    Whole families trade places and members within them: personas of a family answer alike and lie
    alike, so shuffling persons alone makes arrows that are shorter and less like any direction the
    cast has, a null too easily beaten. A family that gets a smaller one's l repeats some of it.
    """
    rng = np.random.default_rng([SEED, 41])
    of = np.asarray(families)
    rows = {f: np.flatnonzero(of == f) for f in sorted(set(families))}
    names = list(rows)
    shuffled = np.empty((SHUFFLES, len(loglik)))
    for k in range(SHUFFLES):
        for name, other in zip(names, rng.permutation(names), strict=True):
            own, given = rows[name], loglik[rows[str(other)]]
            shuffled[k, own] = rng.choice(given, len(own), replace=len(own) > len(given))
    if len(names) == 1:  # nobody sorted this cast
        shuffled = rng.permuted(np.tile(loglik, (SHUFFLES, 1)), axis=1)
    changes = posterior(np.vstack([loglik, shuffled]), prior, n_bar) - prior
    # the same l for everybody says nothing: what rounding leaves of it has no direction
    return np.where(np.abs(changes).max(1, keepdims=True) < 1e-12, 0.0, changes)


def arrow_squares(
    changes: Float[np.ndarray, "shuffle role"], folds: Float[np.ndarray, "role fold d_model"]
) -> Float[np.ndarray, " shuffle"]:
    """Cross-fitted |arrow|^2: the mean product of two different folds' arrows."""
    n = folds.shape[1]
    both = np.einsum("ifd,jfd->ij", folds, folds)  # sum over folds of same-fold products
    whole = folds.sum(1)
    apart = (whole @ whole.T - both) / (n * (n - 1))
    return np.einsum("ni,ij,nj->n", changes, apart, changes, optimize=True)


def fared(
    changes: Float[np.ndarray, "shuffle role"],
    ground: Ground,
    movement: Float[np.ndarray, "question d_model"],
    fold_of: tuple[int, ...],
    apart: Bool[np.ndarray, "question question"],
    counts: Float[np.ndarray, "draw question"],
) -> dict[str, float]:
    """Cosine of arrow and movement with interval, null and p; the same of the traits' ranks.

    `apart`: which questions are of different topics; `counts`: the interval's draws of questions.
    """
    index = np.array(fold_of)
    others = ground.others[:, index]  # [role, question, d_model]
    meets = np.einsum("iqd,qd->iq", others, movement)
    square = arrow_squares(changes, ground.folds)
    products = movement @ movement.T
    size = float(resampling.quadratic(products, apart, np.ones((1, len(index))))[0])
    cosines = cosine_of(changes @ meets.mean(1), square, size)
    own = changes[0] @ meets  # [question]

    def cosine(c: np.ndarray) -> np.ndarray:
        sizes = resampling.quadratic(products, apart, c)
        found = cosine_of(c @ own / c.sum(1), sizes, square[0])
        return np.clip(found, -1, 1)

    i = resampling.interval_of_draws(cosine, counts)
    high, p = _null(cosines)
    out = {"cosine": i.value, "low": i.low, "high": i.high, "shuffled_high": high, "p": p}
    predicted = changes @ np.einsum("ifd,ftd->it", ground.folds, ground.traits)
    happened = np.einsum("qd,qtd->t", movement, ground.traits[index])
    ranks = spearman(predicted, happened)
    return out | {"spearman": float(ranks[0]), "spearman_shuffled_high": _null(ranks)[0]}


def _null(values: np.ndarray) -> tuple[float, float]:
    """95th percentile of the shuffles and one-sided p of the first value; NaN where it is NaN."""
    if not np.isfinite(values[0]):
        return math.nan, math.nan
    shuffled = values[1:][np.isfinite(values[1:])]
    if not len(shuffled):
        return math.nan, math.nan
    p = (1 + (shuffled >= values[0] - 1e-12).sum()) / (1 + len(shuffled))
    return float(min(1.0, np.percentile(shuffled, 95))), float(p)
