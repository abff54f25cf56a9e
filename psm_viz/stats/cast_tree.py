"""A tree of the cast: who is like whom, by average linkage on cosine distance, and how far to
trust it.

A tree is drawn for any vectors, noise too. So beside it stand the same figures of vectors in which
there is no group: Gaussian ones with the cast's own covariance, and the cast's with each dimension
dealt out anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.checks import finite

FEWEST = 3
"""Rows that a tree needs."""


@dataclass(frozen=True)
class Tree:
    """A tree over rows.

    `merges` [row - 1, 4] as scipy's linkage: the two that are joined (rows first, then earlier
    merges), their cosine distance, the rows below. `order`: the rows from top to bottom, neighbours
    as alike as the tree allows.
    """

    merges: Float[np.ndarray, "merge 4"]
    order: Int[np.ndarray, " row"]

    @property
    def heights(self) -> Float[np.ndarray, " pair"]:
        """The distance at which the tree joins each two rows (condensed form)."""
        from scipy.cluster.hierarchy import cophenet

        return np.asarray(cophenet(self.merges), dtype=np.float64)

    def groups(self, n: int) -> Int[np.ndarray, " row"]:
        """The group of each row when the tree is cut into `n`, numbered from 1."""
        from scipy.cluster.hierarchy import fcluster

        return fcluster(self.merges, n, "maxclust").astype(np.int64)


@dataclass(frozen=True)
class Trust:
    """A figure of the tree, and the range of the same without any group to find."""

    value: float
    null_low: float
    null_high: float
    null: str
    """What the null is."""


def similarities(x: Float[np.ndarray, "row d_model"]) -> Float[np.ndarray, "row other"]:
    """Cosine of each two rows, which are to be centred. Raises BadInput for a row of length zero or
    one that is not finite."""
    x = finite(np.asarray(x, dtype=np.float64), "the rows of a tree")
    length = np.linalg.norm(x, axis=1, keepdims=True)
    if not (length > 1e-12 * max(float(length.max()), 1e-300)).all():
        raise BadInput("A row equals the mean of the cast: it has no direction.", "Leave it out.")
    unit = x / length
    return np.clip(unit @ unit.T, -1.0, 1.0)


def tree(x: Float[np.ndarray, "row d_model"]) -> Tree:
    """The tree of centred rows. Raises BadInput as `similarities`, and for fewer than three."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    distances = _distances(x)
    merges = optimal_leaf_ordering(linkage(distances, "average"), distances)
    return Tree(merges, leaves_list(merges).astype(np.int64))


def _distances(x: np.ndarray) -> np.ndarray:
    """Cosine distances in condensed form."""
    if len(x) < FEWEST:
        raise BadInput(f"A tree needs at least {FEWEST} rows, found {len(x)}.")
    return (1.0 - similarities(x))[np.triu_indices(len(x), 1)]


def cophenetic(x: Float[np.ndarray, "row d_model"]) -> float:
    """Correlation of the distances of rows with those at which the tree joins them (Sokal and Rohlf
    1962): 1 = the rows lie as in the tree. Raises BadInput as `tree`."""
    from scipy.cluster.hierarchy import linkage

    distances = _distances(x)
    return _correlation(distances, Tree(linkage(distances, "average"), np.arange(len(x))).heights)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r; 0 where either does not vary."""
    if min(a.std(), b.std()) <= 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def noise(
    x: Float[np.ndarray, "row d_model"], rng: np.random.Generator
) -> Float[np.ndarray, "row d_model"]:
    """Gaussian rows with the covariance of these, centred: a cloud without groups."""
    centred = x - x.mean(0)
    drawn = rng.normal(size=(len(x), len(x))) @ centred / np.sqrt(len(x))
    return drawn - drawn.mean(0)


def shuffled(
    x: Float[np.ndarray, "row d_model"], rng: np.random.Generator
) -> Float[np.ndarray, "row d_model"]:
    """The rows with each dimension dealt out to them anew."""
    return rng.permuted(x, axis=0)


def cophenetic_trust(
    x: Float[np.ndarray, "row d_model"], draws: int = 20, seed: int = 0
) -> list[Trust]:
    """The cophenetic correlation beside both nulls, their whole range over so many draws."""
    rng, own = np.random.default_rng(seed), cophenetic(x)
    out = []
    for null, draw in (("beside Gaussian noise", noise), ("beside shuffled", shuffled)):
        found = [cophenetic(draw(x, rng)) for _ in range(draws)]
        out.append(Trust(own, min(found), max(found), null))
    return out


def halves_trust(
    folds: Float[np.ndarray, "row fold d_model"], draws: int = 20, seed: int = 0
) -> Trust:
    """How well two trees agree, each made from half of the questions (correlation of the distances
    at which they join each two rows), beside rows dealt out anew. `folds` are centred means over
    folds of questions. Raises BadInput for fewer than two folds."""
    if folds.shape[1] < 2:
        raise BadInput(f"Two halves need at least two folds, found {folds.shape[1]}.")
    one, other = (tree(folds[:, k::2].mean(1)).heights for k in (0, 1))
    rng, n = np.random.default_rng(seed), len(folds)
    square = np.zeros((n, n))
    square[np.triu_indices(n, 1)] = other
    square += square.T
    dealt = []
    for _ in range(draws):
        order = rng.permutation(n)
        dealt.append(_correlation(one, square[np.ix_(order, order)][np.triu_indices(n, 1)]))
    return Trust(_correlation(one, other), min(dealt), max(dealt), "rows dealt out anew")


def rand_index(a: Int[np.ndarray, " row"], b: Int[np.ndarray, " row"]) -> float:
    """Adjusted Rand index of two partitions (Hubert and Arabie 1985): 1 = the same, 0 = chance."""
    _, rows = np.unique(a, return_inverse=True)
    _, columns = np.unique(b, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)

    def pairs(n: np.ndarray) -> float:
        return float((n * (n - 1) / 2).sum())

    both, of_a, of_b = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    chance = of_a * of_b / max(len(a) * (len(a) - 1) / 2, 1.0)
    most = (of_a + of_b) / 2
    return (both - chance) / (most - chance) if most > chance else 1.0


def families_trust(
    grown: Tree, families: Int[np.ndarray, " row"], draws: int = 200, seed: int = 0
) -> Trust:
    """How well the tree, cut into as many groups as there are families, finds them again (adjusted
    Rand index), beside families dealt out anew. It was never told them."""
    cut = grown.groups(len(np.unique(families)))
    rng = np.random.default_rng(seed)
    dealt = [rand_index(cut, rng.permutation(families)) for _ in range(draws)]
    return Trust(rand_index(cut, families), min(dealt), max(dealt), "families dealt out anew")
