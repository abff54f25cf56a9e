"""The Assistant as a cloud over questions: does it tighten, spread or move between checkpoints?

A row is one question's vector minus the cast's mean on that question; the same questions stand in
the same order before and after. The null is exact: without change, a topic's rows before and after
could be exchanged, so whole topics are swapped (topics are independent, questions of a topic not).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from psm_viz.errors import BadInput
from psm_viz.stats.checks import finite

TIE = 1e-9
"""Relative difference below which a swap counts as reaching the observed value."""


@dataclass(frozen=True)
class Cloud:
    """How two clouds of the same questions differ.

    `trace_before`, `trace_after`: total variance, squared residual-stream units; `trace_ratio` =
    after / before, with `trace_p` two-sided on its logarithm. `energy`: energy distance,
    residual-stream units, unbiased and so below zero as often as above without change; `energy_p`
    one-sided. `p_floor`: the smallest p that these topics and draws can give.
    """

    trace_before: float
    trace_after: float
    trace_ratio: float
    trace_p: float
    energy: float
    energy_p: float
    p_floor: float
    topics: int


def trace(x: Float[np.ndarray, "question d_model"]) -> float:
    """Trace of the covariance over questions, n - 1 in the divisor: squared residual-stream units.

    Raises BadInput below two questions or where a number is not finite.
    """
    if len(x) < 2:
        raise BadInput(f"A cloud needs at least two questions, found {len(x)}.")
    x = finite(np.asarray(x, dtype=np.float64), "cloud of questions")
    return float(((x - x.mean(0)) ** 2).sum() / (len(x) - 1))


def energy_distance(
    x: Float[np.ndarray, "question d_model"],
    y: Float[np.ndarray, "question d_model"],
    topics: Sequence[str],
) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013), residual-stream units.

    The unbiased form. All three means run over pairs of questions of DIFFERENT topics: rows are
    paired, so a question's distance to its own counterpart (small, because both share what the
    question asks) and to questions of its topic is no distance between independent draws. Zero
    when nothing changed; it may be negative, which says 'no more than noise'.
    """
    member = _members(x, y, topics)
    table, pairs = _energy_table(x, y, member)
    return float(table.sum()) / pairs


def cloud_test(
    x: Float[np.ndarray, "question d_model"],
    y: Float[np.ndarray, "question d_model"],
    topics: Sequence[str],
    *,
    draws: int = 499,
    seed: int = 0,
) -> Cloud:
    """Compare the cloud before (`x`) and after (`y`), rows paired by question.

    Null: before and after swapped for whole topics, p = (1 + swaps that reach it) / (1 + swaps);
    for the trace after each cloud is put about its own mean.
    Swapping every topic changes neither figure, so T topics give 2^(T-1) different swaps: where
    `draws` covers them all, each is taken once. Raises BadInput for values that are not finite,
    fewer than two topics, or a cloud without variance.
    """
    member = _members(x, y, topics)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    before, after = trace(x), trace(y)
    for value, when in ((before, "before"), (after, "after")):
        if not value > 0:
            raise BadInput(f"The cloud {when} has no variance: every question gives one vector.")
    signs = _swaps(member.shape[0], draws, seed)  # [swap, topic], the identity left out
    table, pairs = _energy_table(x, y, member)
    energy = float(table.sum()) / pairs
    null = np.einsum("st,tu,su->s", signs, table, signs) / pairs
    scale = float(np.abs(table).sum()) / pairs

    ratio = float(np.log(after / before))
    # about its own mean each: between clouds in two places a swap would move means, not spread
    ratios = np.abs(_log_ratios(x - x.mean(0), y - y.mean(0), member, signs))
    return Cloud(
        trace_before=before,
        trace_after=after,
        trace_ratio=after / before,
        trace_p=_p(ratios >= abs(ratio) - TIE),
        energy=energy,
        energy_p=_p(null >= energy - TIE * scale),
        p_floor=1 / (1 + len(signs)),
        topics=member.shape[0],
    )


def _p(reached: Bool[np.ndarray, " swap"]) -> float:
    return float((1 + reached.sum()) / (1 + len(reached)))


def _members(x: np.ndarray, y: np.ndarray, topics: Sequence[str]) -> np.ndarray:
    """Which question belongs to which topic, [topic, question] of 0 and 1; checks the input."""
    if x.shape != y.shape or len(topics) != len(x):
        raise BadInput(
            f"The clouds before {x.shape} and after {y.shape} must hold the same questions, "
            f"one of {len(topics)} topics' names each."
        )
    finite(x, "cloud before")
    finite(y, "cloud after")
    names, index = np.unique(np.asarray(topics, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise BadInput(
            f"A cloud's test needs questions of at least two topics, found {len(names)}."
        )
    return (np.arange(len(names))[:, None] == index).astype(float)


def _energy_table(x: np.ndarray, y: np.ndarray, member: np.ndarray) -> tuple[np.ndarray, float]:
    """Each pair of topics' part of the energy distance [topic, topic], and the pairs it is over.

    Exchanging x and y in topic t turns the sign of its row and its column, which is all that a
    swap does: the null needs no distance computed again.
    """
    both = np.concatenate([x, y])
    far = cdist(both, both)
    n = len(x)
    parts = far[:n, n:] + far[n:, :n] - far[:n, :n] - far[n:, n:]
    table = member @ parts @ member.T
    np.fill_diagonal(table, 0.0)
    sizes = member.sum(1)
    return table, float(sizes.sum() ** 2 - (sizes**2).sum())


def _log_ratios(x: np.ndarray, y: np.ndarray, member: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """log(trace after / trace before) under every swap, [swap]."""
    origin = (x.mean(0) + y.mean(0)) / 2  # a trace does not depend on it; the sums stay small
    middle, half = (x + y) / 2 - origin, (x - y) / 2
    fixed = (middle**2).sum() + (half**2).sum()
    swapped = 2 * signs @ (member @ (middle * half).sum(1))
    total, moved = middle.sum(0), signs @ (member @ half)
    n = len(x)
    before = fixed + swapped - ((total + moved) ** 2).sum(1) / n
    after = fixed - swapped - ((total - moved) ** 2).sum(1) / n
    tiny = np.finfo(float).tiny
    return np.log(np.maximum(after, tiny) / np.maximum(before, tiny))


def _swaps(topics: int, draws: int, seed: int) -> np.ndarray:
    """Signs per topic (-1: before and after swapped), [swap, topic]: all of them, or a sample."""
    if draws < 1:
        raise BadInput(f"A permutation test needs at least one draw, asked for {draws}.")
    if 2 ** min(topics - 1, 60) <= draws + 1:
        rest = np.array(list(product((1.0, -1.0), repeat=topics - 1)))[1:]
        return np.column_stack([np.ones(len(rest)), rest])
    return np.random.default_rng(seed).choice((-1.0, 1.0), size=(draws, topics))
