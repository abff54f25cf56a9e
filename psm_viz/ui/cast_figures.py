"""The figures of the Cast page: the tree, the matrix beside it, and how far both can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from psm_viz.charts import cast_tree as charts
from psm_viz.charts import choices
from psm_viz.charts.cast_tree import Leaf
from psm_viz.charts.dot_chart import DotLook
from psm_viz.charts.figures import Layout, Told
from psm_viz.errors import UnknownName
from psm_viz.stats import cast_tree
from psm_viz.stats.vectors import cast_mean
from psm_viz.study.cast import Cast, family_weights
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure

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


def pick_leaves(study: Study, messages: Any) -> str:
    """What stands at the ends of the tree: families, every persona, or the personas of a kin."""
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
    return controls.pick("Leaves of the tree", options, "leaves", messages)


def rows_of(study: Study, checkpoint: str, pooling: str, leaves: str) -> Rows:
    """The vectors that a tree is grown over, at the headline layer. Raises UnknownName where the
    cast has no vectors there."""
    held, layer = study.vectors(checkpoint), study.manifest.headline_layer
    if not held.holds(pooling, layer):
        raise UnknownName(
            f"The cast was not asked at {checkpoint}, so it has no tree there.",
            f"Choose another checkpoint, such as {study.manifest.reference}.",
        )
    known = set(held.ids)
    cast = replace(study.cast, personas=tuple(q for q in study.cast.personas if q.id in known))
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


@st.cache_data(max_entries=12, show_spinner="Growing the tree")
def _grown(sha: str, checkpoint: str, pooling: str, leaves: str, _study: Study) -> Grown:
    rows = rows_of(_study, checkpoint, pooling, leaves)
    grown = cast_tree.tree(rows.values)
    trust = [("fit", t) for t in cast_tree.cophenetic_trust(rows.values)]
    if rows.folds is not None and rows.folds.shape[1] > 1:
        trust.append(("halves", cast_tree.halves_trust(rows.folds)))
    ids = [leaf.family for leaf in rows.leaves]
    if leaves != FAMILIES and len(set(ids)) > 1:
        codes = np.unique(ids, return_inverse=True)[1].astype(np.int64)
        trust.append(("families", cast_tree.families_trust(grown, codes)))
    return Grown(rows, grown, cast_tree.similarities(rows.values), trust)


def tree_figures(study: Study, checkpoint: str, pooling: str, leaves: str) -> None:
    """The tree, its matrix and its trust. Raises UnknownName, BadInput."""
    g = _grown(study.sha256, checkpoint, pooling, leaves, study)
    names, many = g.rows.leaves, len(g.rows.leaves)
    said = (
        f"{many} {'families (means of their personas)' if leaves == FAMILIES else 'personas'} at "
        f"{checkpoint}, {choices.pooling_name(pooling)}, layer {study.manifest.headline_layer}, "
        "centred on the cast. Average linkage on cosine distance; neighbours are turned to lie as "
        "near as the tree allows, which branch is above says nothing."
    )
    title = charts.split_finding(g.tree, names, study.cast)
    figure.finding(title)
    left, right = st.columns([1.2, 1], gap="medium")
    height = charts.height_of(many)
    pairs = charts.pair_table(g.tree, g.cosines, names)
    with left:
        figure.figure(
            lambda p, w: charts.tree_chart(g.tree, names, study.cast, p, (w, height)),
            pairs,
            Told(
                f"tree-{leaves}-{checkpoint}",
                "Who is like whom: the further left two join, the less alike they are",
                said,
                f"Tree of {many} {leaves} at {checkpoint}. {title}.",
                "tree",
            ),
            study,
            Layout(640, label=True),
        )
    with right:
        figure.figure(
            lambda p, w: charts.matrix_chart(g.tree, g.cosines, names, p, (w, height)),
            pairs,
            Told(
                f"matrix-{leaves}-{checkpoint}",
                "The same as cosines, rows and columns in the tree's order",
                said,
                f"Matrix of cosines of {many} {leaves}. The most alike: {_alike(pairs)}.",
                "matrix",
            ),
            study,
            Layout(560, small=True, label=True),
        )
        trust_figure(study, g.trust, f"{leaves}-{checkpoint}")


def _alike(pairs: Any) -> str:
    """The two of the greatest cosine."""
    best = pairs.iloc[0]
    return f"{best.one} and {best.other}, {best.cosine:.2f}"


def trust_figure(study: Study, trust: Sequence[tuple[str, cast_tree.Trust]], name: str) -> None:
    """How far the tree can be trusted, each figure beside its null."""
    fits = [t for key, t in trust if key == "fit"]
    title = charts.trust_finding(fits)
    words = (
        "Grey: the same without any group to find, the range of 20 draws (families: 200). Fits a "
        "tree: cophenetic correlation, beside Gaussian vectors of the cast's covariance and beside "
        "the cast's own with each dimension dealt out anew. Two halves agree: correlation of the "
        "joining distances of trees from two halves of the questions. Finds the families: adjusted "
        "Rand index of as many groups as there are families, which it was not told."
    )
    figure.dots(
        charts.trust_rows(trust),
        Told(f"trust-{name}", title, words, f"{title}.", "tree-trust"),
        study,
        Layout(520, small=True, captioned=True),
        DotLook(accent=False),
    )
