"""What the tree of the cast is grown over, and the tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psm_viz.charts.cast_tree import Leaf
from psm_viz.errors import UnknownName
from psm_viz.stats import cast_tree
from psm_viz.stats.vectors import cast_mean
from psm_viz.study.cast import Cast, among, family_weights
from psm_viz.study.reader import Study

FAMILIES, EVERYBODY = "families", "personas"
"""What the leaves of the tree may be, beside the personas of one kin."""
MOST = 250
"""Personas that a tree can show: a larger cast is shown by family or by kin."""


@dataclass(frozen=True)
class Rows:
    """What a tree is grown over."""

    leaves: tuple[Leaf, ...]
    values: np.ndarray
    """[leaf, d_model], centred on the whole cast."""
    folds: np.ndarray | None
    """[leaf, fold, d_model], where the checkpoint has means over folds of questions."""


def leaf_choices(study: Study) -> dict[str, str]:
    """What may stand at the ends of the tree: families, every persona, or the personas of a kin."""
    cast = study.cast
    count = {k: 0 for k in cast.kins}
    for q in cast.personas:
        count[cast.family(q.family).kin] += 1
    used = len({q.family for q in cast.personas})
    options = {FAMILIES: f"the {used} families"}
    if len(cast.personas) <= MOST:
        options[EVERYBODY] = f"all {len(cast.personas)} personas"
    enough = {k: n for k, n in count.items() if cast_tree.FEWEST <= n <= MOST}
    options |= {k: f"{cast.kins[k]}: {n} personas" for k, n in enough.items()}
    if used < cast_tree.FEWEST:
        del options[FAMILIES]
    return options


def rows_of(study: Study, checkpoint: str, pooling: str, leaves: str) -> Rows:
    """The vectors that a tree is grown over, at the headline layer. Raises UnknownName where the
    cast has no vectors there."""
    held, layer = study.vectors(checkpoint), study.manifest.headline_layer
    if not held.holds(pooling, layer):
        raise UnknownName(
            f"{checkpoint} has no tree of the cast: {study.manifest.without_cast(checkpoint)}.",
            f"Choose another checkpoint, such as {study.manifest.reference}.",
        )
    cast = among(study.cast, held.ids)
    place = [held.ids.index(q.id) for q in cast.personas]
    weights = family_weights(cast)
    values = _centred(held.at(pooling, layer)[place].astype(np.float64), weights)
    folds = None
    if study.holds(checkpoint, "folds") and len(cast.personas) == len(study.cast.personas):
        own = study.folds(checkpoint).at(pooling)[: len(cast.personas)].astype(np.float64)
        folds = _centred(own, weights)
    return _chosen(cast, values, folds, leaves)


def _centred(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return values - cast_mean(values, weights)


def _chosen(cast: Cast, values: np.ndarray, folds: np.ndarray | None, leaves: str) -> Rows:
    """The rows of all, of a kin, or the means of families."""
    if leaves != FAMILIES:
        keep = [
            k
            for k, q in enumerate(cast.personas)
            if leaves in (EVERYBODY, cast.family(q.family).kin)
        ]
        people = tuple(Leaf(cast.personas[k].name, cast.personas[k].family) for k in keep)
        return Rows(people, values[keep], None if folds is None else folds[keep])
    members = {
        f: [k for k, q in enumerate(cast.personas) if q.family == f.id] for f in cast.families
    }
    used = {f: rows for f, rows in members.items() if rows}
    means = np.stack([values[rows].mean(0) for rows in used.values()])
    halves = None if folds is None else np.stack([folds[r].mean(0) for r in used.values()])
    return Rows(tuple(Leaf(f.name, f.id) for f in used), means, halves)


@dataclass(frozen=True)
class Grown:
    """A tree over some rows, and how far it can be trusted."""

    rows: Rows
    tree: cast_tree.Tree
    cosines: np.ndarray
    trust: list[tuple[str, cast_tree.Trust]]


def grown_over(study: Study, checkpoint: str, pooling: str, leaves: str) -> Grown:
    """The tree of a checkpoint's cast. Raises UnknownName, BadInput."""
    rows = rows_of(study, checkpoint, pooling, leaves)
    grown = cast_tree.tree(rows.values)
    trust = [("fit", t) for t in cast_tree.cophenetic_trust(rows.values)]
    if rows.folds is not None and rows.folds.shape[1] > 1:
        trust.append(("halves", cast_tree.halves_trust(rows.folds)))
    ids = [leaf.family for leaf in rows.leaves]
    if leaves != FAMILIES and len(set(ids)) > 1:
        codes = np.unique(ids, return_inverse=True)[1].astype(np.int64)
        trust.append(("families", cast_tree.families_trust(grown, codes)))
    return Grown(rows, grown, cast_tree.similarities(rows.values), trust)
