"""Does the cast keep its structure between two checkpoints? CKA, Procrustes and a role null.

Both compare the roles' arrangement, not their place: neither a shift of the whole cast, nor a
rotation, nor a change of scale counts as a change of structure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadInput
from psm_viz.stats.checks import finite

KEPT = 30
"""Principal coordinates of each side that Procrustes compares."""
FEWEST = 4
"""Unbiased HSIC divides by n (n - 3)."""


@dataclass(frozen=True)
class Structure:
    """The cast's structure at two checkpoints beside roles assigned at random.

    `cka` (1 = kept, 0 = no more alike than chance), `cka_null` its 95th percentile under random
    roles; `disparity` (0 = kept, 1 = nothing in common), `disparity_null` its 5th. Each p is
    one-sided: does the second keep the first's structure better than roles assigned at random?
    """

    cka: float
    cka_null: float
    cka_p: float
    disparity: float
    disparity_null: float
    disparity_p: float
    roles: int
    draws: int


def cka(x: Float[np.ndarray, "role d_model"], y: Float[np.ndarray, "role_after d_after"]) -> float:
    """Linear CKA (Kornblith et al. 2019) with the unbiased HSIC of Song et al. (2012).

    HSIC_u(K, L) / sqrt(HSIC_u(K, K) HSIC_u(L, L)). Unbiased, because with about as many roles as
    dimensions plain CKA is far from 0 for two unrelated arrangements (`plain_cka`); this one is
    then 0 on average and may be slightly negative. Raises BadInput for fewer than four roles,
    other roles on each side, values that are not finite, or roles that are all alike.
    """
    x, y = _centred(x, y)
    return float((_u_centred(x) * _u_centred(y)).sum())


def plain_cka(
    x: Float[np.ndarray, "role d_model"], y: Float[np.ndarray, "role_after d_after"]
) -> float:
    """Linear CKA as published, |Y'X|^2 / (|X'X| |Y'Y|) (Frobenius, centred): between 0 and 1."""
    x, y = _centred(x, y)
    both = np.linalg.norm(x @ x.T) * np.linalg.norm(y @ y.T)
    return float(((x @ x.T) * (y @ y.T)).sum() / both)


def procrustes(
    x: Float[np.ndarray, "role d_model"], y: Float[np.ndarray, "role_after d_after"]
) -> float:
    """Procrustes disparity: 1 - (sum of singular values of X'Y)^2, both centred and of unit norm.

    What is left of the squared distance after the best shift, scaling and rotation (or
    reflection): 0 = the same arrangement (Gower 1975). Each side enters by its own first
    min(30, R - 1) principal coordinates, so that small directions, which are mostly noise, do not
    decide and a null costs milliseconds; exact where there are no more dimensions than that.
    Raises BadInput as `cka`.
    """
    x, y = _centred(x, y)
    return float(_disparities(_coordinates(x), _coordinates(y)[None])[0])


def role_permutation(
    x: Float[np.ndarray, "role d_model"],
    y: Float[np.ndarray, "role_after d_after"],
    *,
    draws: int = 199,
    seed: int = 0,
) -> Structure:
    """Both figures beside their null: the second checkpoint's roles dealt out at random.

    Gram matrices and principal coordinates are made once; a draw only reorders rows.
    Raises BadInput as `cka`, and for fewer than one draw.
    """
    if draws < 1:
        raise BadInput(f"A permutation null needs at least one draw, asked for {draws}.")
    x, y = _centred(x, y)
    n = len(x)
    a, b = _u_centred(x), _u_centred(y)
    p, q = _coordinates(x), _coordinates(y)
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(n), (draws, 1)), axis=1)
    found = float((a * b).sum())
    null = np.array([(a * b[o[:, None], o]).sum() for o in orders])
    disparity = float(_disparities(p, q[None])[0])
    disparities = _disparities(p, q[orders])
    return Structure(
        cka=found,
        cka_null=float(np.quantile(null, 0.95)),
        cka_p=float((1 + (null >= found).sum()) / (1 + draws)),
        disparity=disparity,
        disparity_null=float(np.quantile(disparities, 0.05)),
        disparity_p=float((1 + (disparities <= disparity).sum()) / (1 + draws)),
        roles=n,
        draws=draws,
    )


@dataclass(frozen=True)
class Mixing:
    """Two checkpoints' casts in one space, each about its own mean: `own` is the share of a point's
    nearest neighbours that come from its own checkpoint (.5: mixed, 1: two islands), `counterpart`
    the share of roles whose nearest point of the other checkpoint is the same role."""

    own: float
    counterpart: float
    neighbours: int


def mixing(
    x: Float[np.ndarray, "role d_model"], y: Float[np.ndarray, "role d_model"], k: int = 15
) -> Mixing:
    """How far two checkpoints' casts mix (cosine, roles in the same order on both sides).

    A joint embedding of casts that do not mix is two islands, whatever either of them did.
    """
    p, q = _centred(x, y)
    rows = np.concatenate([p, q])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    near = rows @ rows.T
    np.fill_diagonal(near, -np.inf)
    n = len(p)
    k = min(k, n - 1)
    top = np.argpartition(-near, k - 1, axis=1)[:, :k]
    own = (top < n) == (np.arange(2 * n)[:, None] < n)
    found = near[:n, n:].argmax(1) == np.arange(n)
    return Mixing(float(own.mean()), float(found.mean()), k)


def _centred(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides about their own mean, at unit Frobenius norm; checks the input."""
    if len(x) != len(y):
        raise BadInput(
            f"Structure is compared on the same roles, found {len(x)} before and {len(y)} after.",
            "Keep the roles that both have, in one order.",
        )
    if len(x) < FEWEST:
        raise BadInput(f"Structure needs at least {FEWEST} common roles, found {len(x)}.")
    out = []
    for side, when in ((x, "before"), (y, "after")):
        side = finite(np.asarray(side, dtype=np.float64), f"roles {when}")
        rows = side - side.mean(0)
        norm = float(np.linalg.norm(rows))
        if norm <= 1e-12 * float(np.linalg.norm(side)):
            raise BadInput(f"The roles {when} are all alike: there is no structure to compare.")
        out.append(rows / norm)
    return out[0], out[1]


def _u_centred(x: np.ndarray) -> np.ndarray:
    """The U-centred Gram matrix at unit norm, [role, role], zero on the diagonal.

    Inner products of such matrices are n (n - 3) times the unbiased HSIC (Székely & Rizzo 2014),
    and reordering roles reorders its rows and columns: it is made once for all permutations.
    """
    n = len(x)
    k = x @ x.T
    np.fill_diagonal(k, 0.0)
    rows = k.sum(1) / (n - 2)
    k = k - rows[:, None] - rows + k.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(k, 0.0)
    norm = float(np.linalg.norm(k))
    if norm <= 1e-12:
        raise BadInput("The roles lie too regularly for an unbiased comparison.", "Add roles.")
    return k / norm


def _coordinates(x: np.ndarray) -> np.ndarray:
    """The first principal coordinates of centred rows, from their Gram matrix, at unit norm."""
    values, vectors = np.linalg.eigh(x @ x.T)
    keep = min(KEPT, len(x) - 1)
    scores = vectors[:, -keep:] * np.sqrt(np.maximum(values[-keep:], 0.0))
    return scores / np.linalg.norm(scores)


def _disparities(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Procrustes disparity of p [role, k] with each of q [draw, role, k]: [draw]."""
    singular = np.linalg.svd(np.einsum("rk,nrl->nkl", p, q, optimize=True), compute_uv=False)
    return np.clip(1.0 - singular.sum(-1) ** 2, 0.0, 1.0)
