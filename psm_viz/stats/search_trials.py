"""Trials of the statistics that need more than one layer's activations: the search over layers, the
arrow of evidence, and 'none of these'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psm_viz.stats import resampling
from psm_viz.stats import significance as sig
from psm_viz.stats.family_posterior import family_posterior
from psm_viz.stats.forecast import Ground, fared, shuffled_changes
from psm_viz.stats.planted import Arena, deal, plant
from psm_viz.stats.trials import fold_means
from psm_viz.stats.vectors import unit

LAYER_SIZES = (0.05, 0.1, 0.2, 0.4)
"""Of a shift at one layer, in units of the Assistant axis there."""
EVIDENCE_SIZE = 0.4
"""Of the movement that an arrow is scored on, in units of the cast's radius."""
TOKENS = 12.0
UNRELATED = "unrelated evidence"

Fired = tuple[str, str, float, bool]


@dataclass(frozen=True)
class LayerPool:
    """The Assistant less the cast at every layer [question, layer, d_model], by topic."""

    values: np.ndarray
    topics: tuple[str, ...]


def layer_trial(pool: LayerPool, seed: int, flips: int) -> list[Fired]:
    """The search over layers on two random halves of each topic's questions."""
    rng = np.random.default_rng([seed, 47])
    first, second = deal(pool.topics, rng)
    topics = tuple(t for t in dict.fromkeys(pool.topics) for _ in range(2))
    s = pool.values[second] - pool.values[first]
    apart, signs = resampling.topics_apart(topics), sig.flips(topics, flips)
    layer = int(rng.integers(s.shape[1]))
    way = unit(rng.normal(size=(1, s.shape[2])))[0]
    length = float(np.linalg.norm(pool.values[:, layer].mean(0)))
    out: list[Fired] = []
    for kind, size in (("zero", 0.0), *(("shift", z) for z in LAYER_SIZES)):
        moved = s.copy()
        moved[:, layer] += size * length * way
        values = [sig.moved(moved[:, n], apart, signs) for n in range(s.shape[1])]
        out.append(("layers", kind, size, bool(sig.max_over(np.stack(values)).min() <= sig.ALPHA)))
    return out


def cast_trial(arena: Arena, families: Sequence[str], seed: int) -> list[Fired]:
    """'None of these' with a cast member as the Assistant, and the arrow of evidence that knows
    nothing of the movement, or everything. `families`: of every persona of the arena's pool."""
    rng = np.random.default_rng([seed, 53])
    trial = arena.draw(rng)
    own = [families[i] for i in trial.rows]
    folds = fold_means(trial.start, arena.folds)
    out: list[Fired] = []
    for kind, size in (("zero", 0.0), ("off-space", 0.8)):
        end = fold_means(plant(trial, kind, size, rng), arena.folds)
        end = end - end[:-1].mean(0)
        found = family_posterior(end[:-1], end[-1], own)
        out.append(("typicality", kind, size, bool(found.typicality <= sig.ALPHA)))
    return out + _evidence(trial.start, trial.end, folds, own, arena, rng)


def _evidence(
    start: np.ndarray,
    end: np.ndarray,
    folds: np.ndarray,
    families: list[str],
    arena: Arena,
    rng: np.random.Generator,
) -> list[Fired]:
    roles = start[:-1].mean(1)
    centred = roles - roles.mean(0)
    radius = float(np.sqrt((centred**2).sum(1).mean()))
    target = int(rng.integers(len(roles)))
    way = end[target] - end[-1]
    share = EVIDENCE_SIZE * radius / float(np.linalg.norm(roles[target] - start[-1].mean(0)))
    moved = end[-1] + share * way - start[-1]
    s = moved - (end[:-1].mean(0) - start[:-1].mean(0))
    of = np.unique(families, return_inverse=True)[1]
    unrelated = rng.normal(size=of.max() + 1)[of] + 0.3 * rng.normal(size=len(of))
    near = ((centred - centred[target]) ** 2).sum(1)
    related = -near / near.mean()
    prior = np.full(len(of), 1 / len(of))
    ground = Ground(folds[:-1], np.empty((folds.shape[1], 0, folds.shape[2])))
    apart = resampling.topics_apart(arena.topics)
    counts = np.ones((1, len(arena.topics)))
    out: list[Fired] = []
    for kind, heard in ((UNRELATED, unrelated), ("shift", related)):
        # as wide as real ones: a few personas hold most of the weight
        heard = heard * (3.0 / TOKENS / heard.std())
        changes = shuffled_changes(heard, prior, TOKENS, families)
        p = fared(changes, ground, s, arena.folds, apart, counts)["p"]
        out.append(("evidence", kind, EVIDENCE_SIZE, bool(p <= sig.ALPHA)))
    return out
