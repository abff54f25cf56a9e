"""Activations in which it is known what moved: real ones split at random, and made ones.

A trial is two sets of activations of one cast that differ by nothing but which questions were asked
(of the same topics), and then by what is planted: nothing, a shift of everybody, a contraction of
the cast, or a movement of the Assistant alone: towards a persona, into a mixture, or off the
persona space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from psm_viz.errors import BadInput
from psm_viz.stats.vectors import principal_directions, unit

PLANTS: dict[str, tuple[float, ...]] = {
    "zero": (0.0,),
    "carried along": (0.5,),
    "contraction": (0.1, 0.25, 0.5),
    "shift": (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    "mixture": (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    "off-space": (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
}
"""Plant -> sizes. Contraction and mixture: share of the way; others: in units of the cast's radius
(root mean square distance of the personas from their mean)."""

FEW = {k: v if len(v) == 1 else v[1::2] for k, v in PLANTS.items()}
"""Every other size: for arenas of thousands of dimensions, whose trials take half a minute."""

QUIET = {k: PLANTS[k][-1:] for k in ("zero", "carried along", "contraction")}
"""What nothing, or little, should fire on: for many cheap trials of false alarms alone."""


@dataclass(frozen=True)
class Trial:
    """Two sets of activations [persona, question, d_model], the Assistant last."""

    start: np.ndarray
    end: np.ndarray
    more: tuple[np.ndarray, ...] = ()
    """Further ends, for a search over steps."""
    rows: tuple[int, ...] = ()
    """Which of the pool's personas the cast is, where it came from a pool."""


@dataclass(frozen=True)
class Arena:
    """Where trials come from."""

    name: str
    draw: Callable[[np.random.Generator], Trial]
    topics: tuple[str, ...]
    folds: tuple[int, ...]


def deal(topics: Sequence[str], rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Two random pairs of each topic's questions, as if asked in two extractions: row numbers."""
    of = np.array(topics)
    first: list[int] = []
    second: list[int] = []
    for t in dict.fromkeys(topics):
        dealt = rng.permutation(np.flatnonzero(of == t))[:4]
        first += dealt[:2].tolist()
        second += dealt[2:].tolist()
    return first, second


def split_pool(pool: np.ndarray, topics: tuple[str, ...], anyone: bool, name: str) -> Arena:
    """Trials from real activations: each topic's questions are dealt to start and end at random.

    `pool` [persona, question, d_model] holds at least four questions a topic, the Assistant last;
    with `anyone` a random persona stands in for the Assistant, who is left out. Raises BadInput
    for a topic with fewer than four questions.
    """
    names = list(dict.fromkeys(topics))
    short = [t for t in names if topics.count(t) < 4]
    if short:
        found = topics.count(short[0])
        raise BadInput(
            f"Topic {short[0]!r} has {found} questions with activations; splitting them between "
            "two extractions needs 4."
        )

    def draw(rng: np.random.Generator) -> Trial:
        cast, who = list(range(len(pool) - 1)), len(pool) - 1
        if anyone:
            who = cast.pop(int(rng.integers(len(cast))))
        chosen = pool[[*cast, who]]
        first, second = deal(topics, rng)
        return Trial(chosen[:, first], chosen[:, second], rows=tuple(cast))

    per_topic = tuple(t for t in names for _ in range(2))
    # as the shipped questions: the two of a topic in two folds, half of the topics in each pair
    folds = tuple(2 * (n % 2) + k for n in range(len(names)) for k in range(2))
    return Arena(name, draw, per_topic, folds)


def made(roles: int, d: int, name: str, *, ends: int = 1, n_topics: int = 14) -> Arena:
    """Trials with a realistic covariance: persona vectors and noise share a power-law spectrum.

    All vectors have a large common part (raw cosines above .9), questions and topics have effects
    that everybody shares, and the Assistant stands 2.5 times as far out as a persona, mostly
    along the cast's first direction (as in real models: science.md), with noisier answers.
    """
    topics = tuple(f"topic {t}" for t in range(n_topics) for _ in range(2))
    folds = tuple(2 * (t % 2) + k for t in range(n_topics) for k in range(2))
    scale = np.arange(1, d + 1, dtype=np.float64) ** -0.5
    index = np.repeat(np.arange(n_topics), 2)

    def draw(rng: np.random.Generator) -> Trial:
        common = 6.0 * rng.normal(size=d) * scale
        persona = rng.normal(size=(roles + 1, d)) * scale
        out = 0.8 * np.eye(d)[0] + 0.6 * unit((rng.normal(size=d) * scale)[None])[0]
        persona[-1] = 2.5 * out * np.linalg.norm(persona[:-1], axis=1).mean()
        topic = rng.normal(size=(n_topics, d)) * scale
        own_topic = 0.3 * rng.normal(size=(roles + 1, n_topics, d)) * scale
        noise = np.full(roles + 1, 0.4)
        noise[-1] = 0.6
        halves = []
        for _ in range(1 + ends):
            question = 0.5 * rng.normal(size=(len(topics), d)) * scale
            single = rng.normal(size=(roles + 1, len(topics), d)) * scale
            halves.append(
                common
                + persona[:, None]
                + (topic[index] + question)[None]
                + own_topic[:, index]
                + noise[:, None, None] * single
            )
        return Trial(halves[0], halves[1], tuple(halves[2:]))

    return Arena(name, draw, topics, folds)


def plant(trial: Trial, kind: str, size: float, rng: np.random.Generator) -> np.ndarray:
    """The end of a trial with a movement planted in it. Raises BadInput for an unknown kind.

    Towards a persona or a mixture the Assistant goes question by question, as if it answered so a
    share of the time; everything else is one vector, made from the start, at every question.
    """
    means = trial.start.mean(1)
    roles, assistant = means[:-1], means[-1]
    mu = roles.mean(0)
    radius = float(np.sqrt(((roles - mu) ** 2).sum(1).mean()))
    end = trial.end.copy()
    if kind == "zero":
        return end
    if kind == "carried along":
        return end + size * radius * unit(rng.normal(size=(1, mu.size)))[0]
    if kind == "contraction":
        u = unit((assistant - mu)[None])[0]
        along = (end - end[:-1].mean(0)) @ u
        return end - size * along[..., None] * u
    if kind in ("shift", "mixture"):
        who = rng.choice(len(roles), 1 if kind == "shift" else 3, replace=False)
        # the others' own activations, question by question: a target's noise stays noise
        way = end[who].mean(0) - end[-1]
        share = size
        if kind == "shift":
            share = size * radius / float(np.linalg.norm(roles[who[0]] - assistant))
        end[-1] += share * way
    elif kind == "off-space":
        found, held = principal_directions(roles)
        inside = found[: int(np.searchsorted(np.cumsum(held), 0.95) + 1)]
        if len(inside) == mu.size:
            raise BadInput(
                f"In {mu.size} dimensions the cast's directions leave no room off its space.",
                "Plant this movement where there are more dimensions than the cast varies in.",
            )
        away = rng.normal(size=mu.size)
        away -= inside.T @ (inside @ away)
        end[-1] += size * radius * unit(away[None])[0]
    else:
        raise BadInput(f"There is no plant {kind!r}.", f"Choose from: {', '.join(PLANTS)}.")
    return end
