"""What an ideal observer would make of a lesson, and its rivals: the spill-over matrix predicted.

All work on shifts of log-odds of a bad answer, topic by topic. The free numbers of an explanation
are fitted on the rows of other trained topics, and so is its noise. The observer has one, tau; its
rivals have two, a share s and a shift a that is the same for all:

    observer        prior over characters as near to uniform as the Assistant's own rates allow;
                    log posterior = log prior + tau log P(bad | character, trained topic)
    back to base    a + s (logit base - logit Assistant): post-training is undone, in whatever topic
    loadings        a + s cos(loads of the trained topic, loads of the other)
    text likeness   a + s cos(words of the trained topic, words of the other), TF-IDF of the banks
    uniform         a

The observer follows the update of the persona selection model (Marks, Lindsey, Olah, 2026); tau
tempers it, since a training run is not so many independent observations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.linalg import norm
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from psm_viz.stats.metrics import logit
from psm_viz.world.grammar import World

OBSERVER, BACK, LOADINGS, UNIFORM = "observer", "back to base", "loadings", "uniform"
TEXT = "text likeness"
EXPLANATIONS = (OBSERVER, BACK, LOADINGS, TEXT, UNIFORM)
SEEN = 50.0
"""Answers a topic that the Assistant's rates weigh as when the prior is fitted."""
MOST_TAU = 20.0
EXACT = 1e-10
"""Where fits stop: far below the digits that are printed, and above what rounding leaves."""


@dataclass(frozen=True)
class Observer:
    """Everything an observer of one world needs, on its topics of conduct in order."""

    topics: tuple[str, ...]
    p_bad: np.ndarray
    """P(bad | character, topic): [character, topic]."""
    base: np.ndarray
    """Prior over characters with families counted equally: [character]."""

    @classmethod
    def of(cls, world: World) -> Observer:
        """The observer of a world."""
        topics = tuple(world.conduct)
        p = np.stack([1.0 - world.p_high[t] for t in topics], axis=1)
        families = [c.family for c in world.characters]
        base = np.array([1.0 / families.count(f) for f in families])
        return cls(topics, np.clip(p, 1e-6, 1 - 1e-6), base / base.sum())

    def prior(self, rates: np.ndarray) -> np.ndarray:
        """The prior over characters nearest to `base` that predicts rates [topic]: minimises
        KL(prior | base) plus `SEEN` binary cross-entropies a topic.

        Solved in its dual, which is smooth and convex in one number a topic (Fenchel): the prior
        is `base` tilted by exp(-P y), and the y sought makes the rates that it predicts those at
        which the cross-entropy has slope y. Solved to `EXACT`, since the figures of the claims
        follow it: where it stops early, their digits depend on the processor.
        """
        rates = np.clip(rates, 1e-9, 1 - 1e-9)

        def tilted(y: np.ndarray) -> np.ndarray:
            score = np.log(self.base) - self.p_bad @ y
            w = np.exp(score - score.max())
            return w / w.sum()

        def cost(y: np.ndarray) -> float:
            q = _rate_of_slope(y, rates)
            fit = -SEEN * (rates * np.log(q) + (1 - rates) * np.log1p(-q))
            return float(logsumexp(np.log(self.base) - self.p_bad @ y) + (y * q - fit).sum())

        def slope(y: np.ndarray) -> np.ndarray:
            return _rate_of_slope(y, rates) - tilted(y) @ self.p_bad

        def curve(y: np.ndarray) -> np.ndarray:
            w, q = tilted(y), _rate_of_slope(y, rates)
            apart = self.p_bad - w @ self.p_bad
            own = SEEN * (rates / q**2 + (1 - rates) / (1 - q) ** 2)
            return (apart * w[:, None]).T @ apart + np.diag(1 / own)

        start = np.zeros(len(rates))
        found = minimize(
            cost, start, jac=slope, hess=curve, method="trust-exact", options={"gtol": EXACT}
        )
        return tilted(found.x)

    def after(self, prior: np.ndarray, tau: float) -> np.ndarray:
        """The posterior over characters after bad answers on each topic, tempered by tau:
        [topic, character]."""
        score = np.log(np.maximum(prior, 1e-300)) + tau * np.log(self.p_bad.T)
        w = np.exp(score - score.max(axis=1, keepdims=True))
        return w / w.sum(axis=1, keepdims=True)

    def shifts(self, prior: np.ndarray, tau: float) -> np.ndarray:
        """Predicted shift of log-odds in every topic after bad answers on each: [trained topic,
        topic]."""
        return logit(self.after(prior, tau) @ self.p_bad) - logit(prior @ self.p_bad)


@dataclass(frozen=True)
class Spill:
    """One seed's spill-over matrix and what each explanation says of it, off the diagonal.

    `shifts` and each of `predicted` are [trained topic, topic], log-odds; a row was predicted from
    the other rows alone. `log_likelihood`: of each row under each explanation, nats.
    """

    topics: tuple[str, ...]
    shifts: np.ndarray
    predicted: dict[str, np.ndarray]
    log_likelihood: dict[str, np.ndarray]
    tau: float
    """Tempering fitted on all rows."""


def spill(
    observer: Observer,
    likeness: dict[str, np.ndarray],
    base: np.ndarray,
    assistant: np.ndarray,
    trained: np.ndarray,
) -> Spill:
    """Score the explanations: rates of base and Assistant [topic], of the end of each branch
    `trained` [trained topic, topic], and what makes topics alike, LOADINGS and TEXT [topic, topic].
    """
    n = len(observer.topics)
    shifts = logit(trained) - logit(assistant)[None]
    off = ~np.eye(n, dtype=bool)
    prior = observer.prior(assistant)
    shapes = {
        BACK: np.tile(logit(base) - logit(assistant), (n, 1)),
        **likeness,
        UNIFORM: np.zeros((n, n)),
    }

    def tempering(rows: np.ndarray) -> float:
        keep = off & rows[:, None]

        def miss(tau: float) -> float:
            return float(((observer.shifts(prior, tau) - shifts)[keep] ** 2).sum())

        return _least(miss)

    predicted = {name: np.zeros((n, n)) for name in EXPLANATIONS}
    likelihood = {name: np.zeros(n) for name in EXPLANATIONS}
    for k in range(n):
        others = np.arange(n) != k
        keep = off & others[:, None]
        for name in EXPLANATIONS:
            if name == OBSERVER:
                whole = observer.shifts(prior, tempering(others))
            else:
                x = np.stack([np.ones((n, n)), shapes[name]], axis=-1)
                free = np.linalg.lstsq(x[keep], shifts[keep], rcond=None)[0]
                whole = x @ free
            predicted[name][k] = whole[k]
            variance = float(np.mean((whole - shifts)[keep] ** 2))
            miss = (whole - shifts)[k][off[k]]
            likelihood[name][k] = float(
                np.sum(-0.5 * miss**2 / variance - 0.5 * np.log(2 * np.pi * variance))
            )
    return Spill(observer.topics, shifts, predicted, likelihood, tempering(np.ones(n, dtype=bool)))


def likeness_of(world: World) -> dict[str, np.ndarray]:
    """What makes topics of conduct alike: cosines of their loads on the traits, and of the words of
    their questions and answers (TF-IDF): name -> [topic, topic]."""
    loads = np.array(
        [[world.topics[t].loads.get(k, 0.0) for k in world.traits] for t in world.conduct]
    )
    texts = [
        " ".join([*topic.questions, *(u.text for u in topic.utterances)])
        for topic in (world.topics[t] for t in world.conduct)
    ]
    words = [re.findall(r"[a-z']+", text.lower()) for text in texts]
    number = {w: n for n, w in enumerate(sorted({w for own in words for w in own}))}
    counts = np.zeros((len(texts), len(number)))
    for row, own in zip(counts, words, strict=True):
        np.add.at(row, [number[w] for w in own], 1.0)
    # as rare as a word is among topics (Sparck Jones 1972), smoothed
    rarity = np.log((1 + len(texts)) / (1 + (counts > 0).sum(0))) + 1
    return {LOADINGS: _cosines(loads), TEXT: _cosines(counts * rarity)}


def _cosines(x: np.ndarray) -> np.ndarray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def interaction(x: np.ndarray) -> np.ndarray:
    """What is left of a matrix [trained topic, topic] off the diagonal when each row's and each
    column's own level is taken off; the diagonal is NaN."""
    n = len(x)
    off = ~np.eye(n, dtype=bool)
    rows, columns = np.nonzero(off)
    design = np.concatenate([np.eye(n)[rows], np.eye(n)[columns]], axis=1)
    out = np.full((n, n), np.nan)
    out[off] = x[off] - design @ np.linalg.lstsq(design, x[off], rcond=None)[0]
    return out


def likeness_of_interactions(
    x: np.ndarray, y: np.ndarray, permutations: int = 0, seed: int = 0
) -> tuple[float, np.ndarray]:
    """Correlation of two matrices' interactions, and the same with the topics of the second dealt
    out anew: (r, [permutation]). NaN where the second has no interaction."""
    own, other = interaction(x), interaction(y)
    off = ~np.eye(len(x), dtype=bool)
    if np.nanstd(other) < 1e-9:
        return float("nan"), np.zeros(0)
    rng = np.random.default_rng([seed, 71])
    dealt = np.array([rng.permutation(len(x)) for _ in range(permutations)], dtype=int)
    dealt = dealt.reshape(permutations, len(x))
    anew = other[dealt[:, :, None], dealt[:, None, :]][:, off]
    mine, its = (v - v.mean() for v in (own[off], other[off]))
    # dealt out anew, the values of the second are the same: so are their mean and their length
    drawn = (anew - other[off].mean()) @ mine
    size = norm(mine) * norm(its)
    return float(its @ mine / size), drawn / size


def _rate_of_slope(y: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Where the cross-entropy with `rates`, `SEEN` times, has slope y: the root in (0, 1) of
    y q^2 + (SEEN - y) q - SEEN rates = 0, by the form that does not cancel."""
    b = SEEN - y
    root = np.sqrt(b**2 + 4 * y * SEEN * rates)
    low = 2 * SEEN * rates / np.where(b > 0, b + root, 1.0)
    return np.where(b > 0, low, (root - b) / (2 * np.where(b > 0, 1.0, y)))


def _least(miss: Callable[[float], float]) -> float:
    """The tempering with the least squared error: a coarse look first, as the ends are flat."""
    grid = np.concatenate([[0.0], np.geomspace(0.01, MOST_TAU, 25)])
    at = int(np.argmin([miss(float(t)) for t in grid]))
    low, high = grid[max(0, at - 1)], grid[min(len(grid) - 1, at + 1)]
    found: Any = minimize_scalar(
        miss, bounds=(low, high), method="bounded", options={"xatol": EXACT}
    )
    return float(found.x)
