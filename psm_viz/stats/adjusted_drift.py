"""What the cast's own movement says the Assistant's should be, and what is left of it: s*.

Each persona's shift is regressed on where it started; the Assistant's is predicted from the fit and
every cast member's from the fit without it (leave one out). What is left is movement of its own.
Without this a cast that merely contracts looks like an Assistant that moved: whoever starts far out
moves most.

The fit: shift_i = b + B z_i + beta x_i, where z_i are the coordinates of the start on the Assistant
axis and on the cast's leading principal directions, x_i is the rest of the start, and beta one
number, so that a contraction of the whole space is predicted in any dimension though there are
fewer personas than dimensions. Starts, shifts and directions come from disjoint folds.

Along the axis alone (`given_place`) noise in the starts would flatten the line, and the Assistant
stands far out, where a slope that is too flat misses most: there the other folds' coordinates serve
as instrument (two measurements of one place whose noise is independent: Wald 1940, Durbin 1954).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadInput
from psm_viz.stats.vectors import assistant_axis, principal_directions, unit

EXPLAINED = 0.9
"""Share of the cast's variance that its leading directions hold ..."""
PERSONAS_A_DIRECTION = 6
"""... as long as there are so many personas for each."""
FEWEST_ROLES = 8

Arrangement = tuple[int, int]
"""(fold of the shift, fold of the start)."""


@dataclass(frozen=True)
class Left:
    """What the prediction leaves of everyone's shift, and its standard error factor.

    `cast` [role, ...] are leave-one-out residuals. Residuals divided by their factor have equal
    variance: a persona that starts far out is predicted less surely, the Assistant above all.
    """

    cast: Float[np.ndarray, "role dim"]
    cast_factor: Float[np.ndarray, " role"]
    assistant: Float[np.ndarray, " dim"]
    assistant_factor: float
    predicted: Float[np.ndarray, " dim"]
    """The Assistant's predicted shift."""


def left_over(
    design: Float[np.ndarray, "role predictor"],
    shift: Float[np.ndarray, "role dim"],
    rest: Float[np.ndarray, "role dim"],
    assistant_design: Float[np.ndarray, " predictor"],
    assistant_shift: Float[np.ndarray, " dim"],
    assistant_rest: Float[np.ndarray, " dim"],
) -> Left:
    """Fit, predict and leave one out, in closed form (residual / (1 - leverage)).

    `rest` enters with one shared coefficient, fitted after the design is partialled out of both
    sides (Frisch and Waugh 1933); a single number from the whole cast, it is not fitted again for
    each persona left out.
    """
    u, s, vt = np.linalg.svd(design, full_matrices=False)
    kept = s > s[0] * 1e-10
    u, s, vt = u[:, kept], s[kept], vt[kept]

    def residual(y: np.ndarray) -> np.ndarray:
        return y - u @ (u.T @ y)

    own_rest = residual(rest)
    scale = float((own_rest**2).sum())
    worth = scale > 1e-18 * max(1.0, float((shift**2).sum()))
    beta = float((own_rest * residual(shift)).sum()) / scale if worth else 0.0
    y = shift - beta * rest
    leverage = np.minimum((u**2).sum(1), 1 - 1e-9)
    inverse = vt.T / s  # [predictor, kept]
    coefficients = inverse @ (u.T @ y)
    predicted = assistant_design @ coefficients + beta * assistant_rest
    own = assistant_design @ inverse
    return Left(
        cast=residual(y) / (1 - leverage)[:, None],
        cast_factor=1 / np.sqrt(1 - leverage),
        assistant=assistant_shift - predicted,
        assistant_factor=float(np.sqrt(1 + own @ own)),
        predicted=predicted,
    )


def n_directions(roles: Float[np.ndarray, "role d_model"]) -> int:
    """How many leading directions predict: 90 % of the variance, six personas for each."""
    _, share = principal_directions(roles)
    wanted = int(np.searchsorted(np.cumsum(share), EXPLAINED) + 1)
    return max(0, min(wanted, len(roles) // PERSONAS_A_DIRECTION - 2))


@dataclass(frozen=True)
class Directions:
    """The unit Assistant axis and the cast's leading principal directions [k, d_model]."""

    axis: Float[np.ndarray, " d_model"]
    leading: Float[np.ndarray, "k d_model"]


def directions(
    vectors: Float[np.ndarray, "persona d_model"], weights: Float[np.ndarray, " role"]
) -> Directions:
    """Axis and leading directions of one set of persona vectors, the Assistant last."""
    roles = vectors[:-1]
    if len(roles) < FEWEST_ROLES:
        raise BadInput(
            f"The prediction from the cast needs at least {FEWEST_ROLES} personas, "
            f"found {len(roles)}.",
            "Add personas to the cast (cast.json) and extract again.",
        )
    found, _ = principal_directions(roles)
    return Directions(
        unit(assistant_axis(vectors[-1], roles, weights)), found[: n_directions(roles)]
    )


def slope_of(
    x: Float[np.ndarray, " role"],
    again: Float[np.ndarray, " role"],
    y: Float[np.ndarray, "role dim"],
) -> Float[np.ndarray, " dim"]:
    """Slope of y on x free of the noise in x: cov(again, y) / cov(again, x), `again` being another
    measurement of x. Zero where the two do not agree at all."""
    z = again - again.mean()
    common = float(z @ (x - x.mean()))
    if common <= 1e-12 * max(1e-300, float(np.linalg.norm(z) * np.linalg.norm(x - x.mean()))):
        return np.zeros(y.shape[1])
    return z @ (y - y.mean(0)) / common


def given_start(
    start: Float[np.ndarray, "persona d_model"],
    shift: Float[np.ndarray, "persona d_model"],
    along: Directions,
) -> Left:
    """What is left of everyone's shift given where each started; the Assistant is the last row."""
    x = start - start[:-1].mean(0)
    on_axis = x @ along.axis
    z = np.concatenate([np.ones((len(x), 1)), on_axis[:, None], x @ along.leading.T], axis=1)
    rest = x - (x @ along.leading.T) @ along.leading
    return left_over(z[:-1], shift[:-1], rest[:-1], z[-1], shift[-1], rest[-1])


def given_place(
    start: Float[np.ndarray, "persona d_model"],
    again: Float[np.ndarray, "persona d_model"],
    shift: Float[np.ndarray, "persona d_model"],
    axis: Float[np.ndarray, " d_model"],
) -> Left:
    """The same along the axis alone: shift . u predicted from where each stood along u, each cast
    member from a line fitted without it."""
    x, z, y = start @ axis, again[:-1] @ axis, shift @ axis
    n, own, moves = len(x) - 1, x[:-1], y[:-1]

    def without(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Centred cross-sums over all members but one, for each one."""
        p, q = a - a.mean(), b - b.mean()
        return p @ q - n / (n - 1) * p * q

    def mean_without(a: np.ndarray) -> np.ndarray:
        return (a.sum() - a) / (n - 1)

    zx, zy, zz = without(z, own), without(z, moves), without(z, z)
    agree = zx > 1e-12 * np.sqrt(np.maximum(zz * without(own, own), 0)) + 1e-300
    slopes = np.divide(zy, zx, out=np.zeros(n), where=agree)
    away = own - mean_without(own)
    left = moves - mean_without(moves) - slopes * away
    wide = np.divide(zz, zx**2, out=np.zeros(n), where=agree)
    slope = float(slope_of(own, z, moves[:, None])[0])
    far = float(x[-1] - own.mean())
    predicted = float(moves.mean()) + slope * far
    return Left(
        cast=left[:, None],
        cast_factor=np.sqrt(1 + 1 / (n - 1) + wide * away**2),
        assistant=np.array([y[-1] - predicted]),
        assistant_factor=float(np.sqrt(1 + 1 / n + np.median(wide) * far**2)),
        predicted=np.array([predicted]),
    )


def arrangements(n_folds: int) -> list[Arrangement]:
    """All (fold of the shift, fold of the start). Raises BadInput below four folds."""
    if n_folds < 4:
        raise BadInput(
            f"Cross-fitting the prediction from the cast needs at least 4 question folds, "
            f"found {n_folds}.",
            "Give the questions four folds (questions.jsonl) and extract again.",
        )
    return [(f, g) for f in range(n_folds) for g in range(n_folds) if f != g]


def others(n_folds: int, *out: int) -> list[int]:
    """The folds that are none of these."""
    return [f for f in range(n_folds) if f not in out]


@dataclass(frozen=True)
class Given:
    """s* of everybody: one `Left` per arrangement, and which two may be multiplied."""

    left: tuple[Left, ...]
    along: tuple[Left, ...]
    arranged: tuple[Arrangement, ...]
    pairs: tuple[tuple[int, int], ...]

    def squares(self) -> tuple[Float[np.ndarray, " role"], float]:
        """Cross-fitted squared norms of what is left, each in units of its own standard error
        factor: comparable across personas. (cast, Assistant)."""
        cast = np.stack([n.cast / n.cast_factor[:, None] for n in self.left])
        own = np.stack([n.assistant / n.assistant_factor for n in self.left])
        i, j = np.array(self.pairs).T
        return (
            np.einsum("prd,prd->r", cast[i], cast[j]) / len(i),
            float(np.einsum("pd,pd->", own[i], own[j]) / len(i)),
        )

    def axis_left(self) -> tuple[Float[np.ndarray, " role"], float]:
        """What is left along the axis, comparable across personas: (cast, Assistant)."""
        cast = np.mean([n.cast[:, 0] / n.cast_factor for n in self.along], axis=0)
        return cast, float(np.mean([n.assistant[0] / n.assistant_factor for n in self.along]))


def given_cast(
    start: Float[np.ndarray, "persona fold d_model"],
    end: Float[np.ndarray, "persona fold d_model"],
    along: dict[frozenset[int], Directions],
    apart: Sequence[tuple[int, int]],
) -> Given:
    """Cross-fit the prediction: shifts on one fold, starts on another, directions on the others.

    `along` holds the directions for every pair of folds they were NOT made from; `apart` the pairs
    of folds that share no topic. Two arrangements are multiplied when all four folds differ.
    """
    n = start.shape[1]
    arranged = arrangements(n)
    shift = end - start
    left, axis = [], []
    for f, g in arranged:
        d = along[frozenset((f, g))]
        again = start[:, others(n, f, g)].mean(1)
        left.append(given_start(start[:, g], shift[:, f], d))
        axis.append(given_place(start[:, g], again, shift[:, f], d.axis))
    separate = {frozenset(p) for p in apart}
    pairs = [
        (i, j)
        for i, (f, g) in enumerate(arranged)
        for j, (h, k) in enumerate(arranged)
        if len({f, g, h, k}) == 4 and frozenset((f, h)) in separate
    ]
    if not pairs:
        raise BadInput(
            "No two question folds are free of common topics.",
            "Give each topic's questions to at most half of the folds (questions.jsonl).",
        )
    return Given(tuple(left), tuple(axis), tuple(arranged), tuple(pairs))


def all_directions(
    start: Float[np.ndarray, "persona fold d_model"], weights: Float[np.ndarray, " role"]
) -> dict[frozenset[int], Directions]:
    """Directions for every pair of folds, made from the other folds' means."""
    n = start.shape[1]
    out = {}
    for f, g in arrangements(n):
        if f < g:
            out[frozenset((f, g))] = directions(start[:, others(n, f, g)].mean(1), weights)
    return out
