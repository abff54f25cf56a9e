"""Persona vectors, the Assistant axis, traits and projections: plain functions on arrays.

Notation as in docs/science.md: rows r_i are the cast's persona vectors, `a` the Assistant's,
`w` weights of the personas that count families equally and sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadInput
from psm_viz.stats.checks import finite


def cast_mean(
    roles: Float[np.ndarray, " role *rest"], weights: Float[np.ndarray, " role"]
) -> Float[np.ndarray, " *rest"]:
    """mu = sum_i w_i r_i."""
    return np.tensordot(weights, roles, axes=1)


def mean_by_group(
    values: Float[np.ndarray, " row *rest"], groups: Sequence[int], n: int
) -> Float[np.ndarray, " group *rest"]:
    """Mean of each group's rows, NaN left out. Raises BadInput for an empty group."""
    index = np.asarray(groups)
    out = np.empty((n, *values.shape[1:]), dtype=np.float64)
    for g in range(n):
        rows = values[index == g]
        usable = np.isfinite(rows)
        if not usable.any(axis=0).all():
            raise BadInput(f"Group {g} holds no usable activation ({len(rows)} rows).")
        out[g] = np.where(usable, rows, 0.0).sum(0) / usable.sum(0)
    return out


def assistant_axis(
    assistant: Float[np.ndarray, " d_model"],
    roles: Float[np.ndarray, "role d_model"],
    weights: Float[np.ndarray, " role"],
) -> Float[np.ndarray, " d_model"]:
    """a - mean(r_i) (Lu et al. 2026): pointing towards the Assistant, in residual-stream units.

    Raises BadInput when it vanishes or is not finite.
    """
    axis = finite(assistant - cast_mean(roles, weights), "Assistant axis")
    if not np.linalg.norm(axis) > 0:
        raise BadInput("The Assistant equals the mean of the cast: there is no Assistant axis.")
    return axis


def unit(v: Float[np.ndarray, " *rest d_model"]) -> Float[np.ndarray, " *rest d_model"]:
    """v / |v| along the last axis. Raises BadInput for a zero vector."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    if not (norm > 0).all():
        raise BadInput("A vector of length zero has no direction.")
    return v / norm


def project(
    x: Float[np.ndarray, "row d_model"],
    origin: Float[np.ndarray, " d_model"],
    direction: Float[np.ndarray, " d_model"],
) -> Float[np.ndarray, " row"]:
    """p(x) = (x - mu) . u with u the unit direction: residual-stream units along it."""
    return (x - origin) @ unit(direction)


def cosines(
    x: Float[np.ndarray, "row d_model"], y: Float[np.ndarray, "other d_model"]
) -> Float[np.ndarray, "row other"]:
    """Cosine of every row of x with every row of y; both already centred."""
    return unit(x) @ unit(y).T


def neighbours(
    x: Float[np.ndarray, " d_model"],
    roles: Float[np.ndarray, "role d_model"],
    weights: Float[np.ndarray, " role"],
    n: int = 5,
    leave_out: int | None = None,
) -> list[tuple[int, float]]:
    """The n roles nearest to x by centred cosine: (row, cosine), nearest first."""
    mu = cast_mean(roles, weights)
    c = cosines((x - mu)[None], roles - mu)[0]
    if leave_out is not None:
        c[leave_out] = -np.inf
    order = np.argsort(-c, kind="stable")[:n]
    return [(int(i), float(c[i])) for i in order]


def principal_directions(
    roles: Float[np.ndarray, "role d_model"],
) -> tuple[Float[np.ndarray, "k d_model"], Float[np.ndarray, " k"]]:
    """Principal directions of the cast, largest first, and the share of variance each holds.

    Centred on the plain mean; directions without variance are left out. Raises BadInput where all
    personas are one point.
    """
    points = finite(roles, "persona vectors").astype(np.float64)
    x = points - points.mean(0)
    rounding = x.size * (1e-13 * np.abs(points).max()) ** 2  # what equal points leave, not zero
    if len(x) < x.shape[1]:  # fewer personas than dimensions: the small Gram matrix has it all
        values, left = np.linalg.eigh(x @ x.T)
        values, left = values[::-1], left[:, ::-1]
        kept = values > max(values[0] * 1e-10, rounding)
        found = (left[:, kept].T @ x) / np.sqrt(values[kept])[:, None]
    else:
        values, right = np.linalg.eigh(x.T @ x)
        values, found = values[::-1], right[:, ::-1].T
        kept = values > max(values[0] * 1e-10, rounding)
        found = found[kept]
    if not kept.any():
        raise BadInput("All personas have the same vector: the cast has no directions.")
    return found, values[kept] / values[kept].sum()


def trait_axis(
    roles: Float[np.ndarray, "role d_model"], trait: Float[np.ndarray, " role"]
) -> Float[np.ndarray, " d_model"]:
    """mean(personas above the trait's median) - mean(those below)."""
    middle = np.median(trait)
    high, low = trait > middle, trait < middle
    if not high.any() or not low.any():
        raise BadInput("A trait that is the same for every persona has no axis.")
    return roles[high].mean(0) - roles[low].mean(0)


def trait_r2(
    roles: Float[np.ndarray, "role d_model"],
    traits: Float[np.ndarray, "role trait"],
    seed: int = 0,
    families: Sequence[str] | None = None,
) -> Float[np.ndarray, " trait"]:
    """Out-of-fold R2 of each trait predicted from persona vectors (ridge, five folds of personas).

    The penalty is chosen inside each training fold. This figure alone chooses a study's headline
    pooling and layer, on the reference checkpoint. With `families`, a label a role, whole families
    are left out together, so that the label of a family is of no use.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 4, 13)))
    folds = (GroupKFold if families else KFold)(5, shuffle=True, random_state=seed)
    x = finite(roles, "persona vectors")
    predicted = cross_val_predict(model, x, traits, cv=folds, groups=families)
    residual = ((traits - predicted) ** 2).sum(0)
    return 1.0 - residual / ((traits - traits.mean(0)) ** 2).sum(0)
