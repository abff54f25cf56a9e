"""Does a movement stay inside the persona space, the directions in which the cast's members differ?

The share of s in the span of the cast's leading principal directions and the Assistant's own place,
cross-fitted: directions and both factors of every product come from disjoint folds. A share means
nothing alone, since most directions a model uses lie there; so movements that are inside by
construction, from the Assistant straight towards one persona, are measured the same way by
directions made without that persona, and a movement has left the space when nearly all of those lie
further inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.adjusted_drift import others
from psm_viz.stats.resampling import quadratic
from psm_viz.stats.vectors import cast_mean, principal_directions

SHARES = (0.7, 0.9)
"""Variance of the cast that the directions hold."""
SPLITS = 5
"""Parts of the cast; each is measured by directions made from the others."""
FEWEST_ROLES = 10

FoldPair = tuple[int, int]


@dataclass(frozen=True)
class PersonaSpace:
    """Directions for one share of variance: per pair of folds and part of the cast [k, d_model].

    `towards` are the shares of movements from the Assistant towards each cast member, by directions
    made without it.
    """

    share: float
    spans: dict[FoldPair, tuple[Float[np.ndarray, "_ d_model"], ...]]
    towards: Float[np.ndarray, " role"]
    rank: float
    """Mean number of directions."""


def parts(n: int, seed: int = 0) -> Int[np.ndarray, " role"]:
    """The part of the cast that each persona belongs to."""
    return np.random.default_rng([seed, 5]).permutation(n) % SPLITS


def persona_space(
    folds: Float[np.ndarray, "persona fold d_model"],
    weights: Float[np.ndarray, " role"],
    pairs: Sequence[FoldPair],
    share: float,
) -> PersonaSpace:
    """The space of a starting checkpoint's cast and Assistant (last), from its fold means.

    `pairs` are folds that share no topic. Raises BadInput for fewer than ten personas.
    """
    centred = folds - cast_mean(folds[:-1], weights)[None]
    roles, ways = centred[:-1], centred[:-1] - centred[-1:]
    n, n_folds = roles.shape[:2]
    if n < FEWEST_ROLES:
        raise BadInput(
            f"A persona space needs at least {FEWEST_ROLES} personas, found {n}.",
            "Add personas to the cast (cast.json) and extract again.",
        )
    part = parts(n)
    spans: dict[FoldPair, tuple[np.ndarray, ...]] = {}
    inside, whole = np.zeros(n), np.zeros(n)
    ranks = []
    for pair in pairs:
        rest = others(n_folds, *pair)
        if not rest:
            raise BadInput(
                f"A persona space needs over two question folds, found {n_folds}.",
                "Give the questions folds (questions.jsonl) and extract again.",
            )
        made, place = roles[:, rest].mean(1), centred[-1, rest].mean(0)
        found = []
        for k in range(SPLITS):
            v, held = principal_directions(made[part != k])
            v = _with_place(v[: int(np.searchsorted(np.cumsum(held), share) + 1)], place)
            x, y = (ways[part == k, f] for f in pair)
            inside[part == k] += ((x @ v.T) * (y @ v.T)).sum(1)
            whole[part == k] += (x * y).sum(1)
            ranks.append(len(v))
            found.append(v)
        spans[pair] = tuple(found)
    own = np.divide(inside, whole, out=np.full(n, np.nan), where=whole > 0)
    return PersonaSpace(share, spans, own[np.isfinite(own)], float(np.mean(ranks)))


def _with_place(
    v: Float[np.ndarray, "k d_model"], place: Float[np.ndarray, " d_model"]
) -> Float[np.ndarray, "more d_model"]:
    """The span of orthonormal rows and one more direction."""
    new = place - v.T @ (v @ place)
    size = np.linalg.norm(new)
    return v if size <= 1e-9 * np.linalg.norm(place) else np.vstack([v, new / size])


def plain_share(
    vectors: Float[np.ndarray, "persona d_model"], x: Float[np.ndarray, " d_model"], share: float
) -> float:
    """|P x|^2 / |x|^2 without folds; `vectors` of the start, the Assistant last. NaN for x = 0.

    Noise that x and the directions share is not removed, so the share is too large if anything.
    """
    roles = vectors[:-1] - vectors[:-1].mean(0)
    v, held = principal_directions(roles)
    v = _with_place(
        v[: int(np.searchsorted(np.cumsum(held), share) + 1)], vectors[-1] - vectors[:-1].mean(0)
    )
    whole = float(x @ x)
    return float(((v @ x) ** 2).sum()) / whole if whole > 0 else float("nan")


def in_space_share(
    x: Float[np.ndarray, "question d_model"],
    fold_of: Sequence[int],
    apart: Bool[np.ndarray, "question question"],
    space: PersonaSpace,
    counts: Float[np.ndarray, "draw question"],
) -> Float[np.ndarray, " draw"]:
    """Cross-fitted |P x|^2 / |x|^2 for every draw's question counts; NaN where |x|^2 is not above
    zero, since a share of nothing has no meaning."""
    fold = np.asarray(fold_of)
    projected = np.zeros((len(x), len(x)))
    used = np.zeros((len(x), len(x)), dtype=bool)
    for (f, g), spans in space.spans.items():
        here = np.outer(fold == f, fold == g)
        inner = np.mean([(x @ v.T) @ (x @ v.T).T for v in spans], axis=0)
        projected = np.where(here | here.T, inner, projected)
        used |= here | here.T
    used &= apart
    whole = quadratic(x @ x.T, used, counts)
    part = quadratic(projected, used, counts)
    return np.divide(part, whole, out=np.full(len(counts), np.nan), where=whole > 0)
