"""One trial: every statistic on every plant, by the functions that measure a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psm_viz.stats import drift
from psm_viz.stats import significance as sig
from psm_viz.stats.dispersion import cloud_test
from psm_viz.stats.estimates import (
    Asked,
    Origin,
    asked,
    given_cast_figures,
    origin_of,
    p_over_steps,
    shift_figures,
    trait_figures,
)
from psm_viz.stats.planted import PLANTS, Arena, Trial, plant

MOVES_IT = {"carried along", "contraction", "shift", "mixture", "off-space"}
APART = {"contraction", "shift", "mixture", "off-space"}
ITS_OWN = {"shift", "mixture", "off-space"}

FIRES: dict[str, set[str]] = {
    "shift_norm": MOVES_IT,
    "specific_norm": APART,
    "specific_given_cast": ITS_OWN,
    "axis_component_given_cast": {"shift", "mixture"},
    "in_space_share_70": {"off-space"},
    "in_space_share_90": {"off-space"},
    "traits": {"shift", "mixture"},
    "cloud_energy": APART,
    "cloud_trace": {"mixture"},
    "steps": ITS_OWN,
    "layers": {"shift"},
    "typicality": {"off-space"},
    "evidence": {"shift"},
}
"""Statistic -> the plants it is for."""
UNSAID: dict[str, set[str]] = {
    "axis_component_given_cast": {"off-space"},
    "traits": {"contraction", "off-space"},
    "cloud_trace": {"contraction", "shift"},
    "in_space_share_70": {"contraction"},
    "in_space_share_90": {"contraction"},
}
"""Plants on which firing is neither right nor wrong: a contraction along the axis does move the
Assistant along traits; it narrows its cloud, as answering like others a share of the time does."""


@dataclass(frozen=True)
class Bench:
    """What stays the same over the trials of one arena."""

    arena: Arena
    asked: Asked
    weights: np.ndarray
    traits: dict[str, np.ndarray]
    plants: dict[str, tuple[float, ...]]


def bench_of(
    arena: Arena,
    roles: int,
    traits: dict[str, np.ndarray],
    flips: int,
    plants: dict[str, tuple[float, ...]] = PLANTS,
) -> Bench:
    """Prepare an arena: its questions, one family of equals, and few bootstrap draws, since only
    the tests are judged here."""
    q = asked(arena.topics, arena.folds)
    few = Asked(q.fold, q.topics, q.counts[:99], sig.flips(q.topics, flips), q.pairs)
    return Bench(arena, few, np.full(roles, 1 / roles), traits, plants)


def fold_means(x: np.ndarray, folds: Sequence[int]) -> np.ndarray:
    """Means over each fold's questions: [persona, fold, d_model]."""
    index = np.asarray(folds)
    return np.stack([x[:, index == f].mean(1) for f in range(index.max() + 1)], axis=1)


def p_values(
    b: Bench, trial: Trial, origin: Origin, end: np.ndarray, seed: int
) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """p of every statistic on one trial; |s|^2 and |s*|^2 under flips, and everybody's |s*|^2."""
    c0, c1 = (np.tensordot(b.weights, x[:-1], axes=1) for x in (trial.start, end))
    a0, a1 = trial.start[-1], end[-1]
    axis, spread = drift.held_out_axes(origin.folds, b.weights, b.asked.fold)
    shift = drift.Shift(a1 - a0, c1 - c0, axis, spread, b.asked.topics)
    found = shift_figures(shift, b.asked)
    folds = fold_means(end, b.asked.fold)
    more, flips, squares = given_cast_figures(shift, origin, folds, b.asked)
    figures = found | more
    p = {name: figures[name].p for name in FIRES if name in figures}
    traits = trait_figures(shift, origin.traits, b.asked)["specific"]
    if traits:
        p["traits"] = min(f.p for f in traits.values())
    cloud = cloud_test(a0 - c0, a1 - c1, b.asked.topics, draws=len(b.asked.signs) - 1, seed=seed)
    p |= {"cloud_energy": cloud.energy_p, "cloud_trace": cloud.trace_p}
    return p, flips, squares


def one_trial(b: Bench, seed: int) -> list[tuple[str, str, float, bool]]:
    """Every statistic on every plant of one trial: (statistic, plant, size, fired)."""
    rng = np.random.default_rng([seed, 23])
    trial = b.arena.draw(rng)
    origin = origin_of(fold_means(trial.start, b.asked.fold), b.weights, b.traits, b.asked)
    earlier = []
    for end in trial.more:
        _, flips, squares = p_values(b, trial, origin, end, seed)
        earlier.append((flips, squares))
    out = []
    for kind, sizes in b.plants.items():
        for size in sizes:
            end = plant(trial, kind, size, np.random.default_rng([seed, 29]))
            p, flips, squares = p_values(b, trial, origin, end, seed)
            if earlier:
                both = [*earlier, (flips, squares)]
                p["steps"] = float(p_over_steps(*zip(*both, strict=True)).min())
            out += [(name, kind, size, v <= sig.ALPHA) for name, v in p.items()]
    return out
