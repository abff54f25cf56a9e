"""Who a speaker takes itself to be: belief over families of characters, read from one talk.

Two readings of the same talk give a score a family, and each its belief by softmax:

- **from states**: linear discriminants of the activation at the last prompt token, fitted on the
  cast's talks in the Assistant's seat, their common covariance shrunk after Ledoit & Wolf;
- **from likelihoods**: log p of what was said under each persona's instruction, the update of the
  persona selection model itself (Marks, Lindsey, Olah 2026).

Families count equally beforehand. Everything that is said of how well a reading does comes from
talks whose persona and whose last question it has not seen.

What fits it is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from psm_viz.errors import BadInput

COMPONENTS = 128
"""Most principal components of the cast's talks that are read: a model as wide is read whole."""
PERSONA_SPLITS, QUESTION_SPLITS = 5, 4
"""Into how many parts personas and last questions are dealt: a talk is judged by a reading that saw
neither its part of the one nor of the other."""
LOG_T = (-3.0, 4.0)
"""Bounds of log10 of a temperature."""


@dataclass(frozen=True)
class Seated:
    """The cast's talks that a reading is fitted on and judged by: whose they are, row by row."""

    persona: Int[np.ndarray, " talk"]
    family: Int[np.ndarray, " talk"]
    """Numbers of `families`; -1 for a talk of a family that cannot be learned."""
    last: Int[np.ndarray, " talk"]
    """Number of the last question."""
    families: tuple[str, ...]
    lasts: int
    """How many last questions there are, whether these talks end in them or not."""
    left_out: tuple[str, ...] = ()
    """Families of one persona, which cannot be learned from one and judged by another."""

    @property
    def weight(self) -> Float[np.ndarray, " talk"]:
        """Weights of the talks: families count equally, they sum to one."""
        return equal_weights(self.family)


def seated(personas: Sequence[str], families: Sequence[str], last: Sequence[str]) -> Seated:
    """Number the personas, families and last questions of the cast's talks, given row by row.

    Raises BadInput with fewer than two families of at least two personas, or two last questions.
    """
    people, asked = list(dict.fromkeys(personas)), list(dict.fromkeys(last))
    of = dict(zip(personas, families, strict=True))
    order = list(dict.fromkeys(families))
    size = {f: sum(of[p] == f for p in people) for f in order}
    known = tuple(f for f in order if size[f] > 1)
    if len(known) < 2:
        raise BadInput(
            f"Belief needs two families of at least two personas, found {len(known)}.",
            "Give the personas' families in the cast.",
        )
    if len(asked) < 2:
        raise BadInput(
            "Belief needs talks that end in at least two different questions.",
            "Ask more questions (questions.jsonl) and hold the talks again.",
        )
    return Seated(
        persona=np.array([people.index(p) for p in personas]),
        family=np.array([known.index(f) if f in known else -1 for f in families]),
        last=np.array([asked.index(q) for q in last]),
        families=known,
        lasts=len(asked),
        left_out=tuple(f for f in order if f not in known),
    )


def equal_weights(family: Int[np.ndarray, " talk"]) -> Float[np.ndarray, " talk"]:
    """Weights that count families equally and sum to one; a talk of none (-1) has none."""
    n = np.bincount(family[family >= 0])
    w = np.where(family >= 0, 1.0 / np.maximum(n, 1)[np.maximum(family, 0)], 0.0)
    return w / w.sum()


def centre_of(
    states: Float[np.ndarray, "talk d_model"],
    last: Int[np.ndarray, " talk"],
    weight: Float[np.ndarray, " talk"],
    n: int,
) -> Float[np.ndarray, "last d_model"]:
    """The cast's weighted mean after each last question; the mean of all where there is none."""
    out = np.tile(weight @ states / weight.sum(), (n, 1))
    for k in range(n):
        own = last == k
        if weight[own].sum() > 0:
            out[k] = weight[own] @ states[own] / weight[own].sum()
    return out


@dataclass(frozen=True)
class StateReading:
    """A fitted reading of states after one number of answers: plain arrays, applied by numpy.

    A state x after last question q scores `(x - centre[q]) @ axes + offsets` a family, and
    lies at `|(x - centre[q]) @ whitener - means[f]|` from family f, in standard deviations of talks
    within a family.
    """

    families: tuple[str, ...]
    centre: Float[np.ndarray, "last d_model"]
    axes: Float[np.ndarray, "d_model family"]
    offsets: Float[np.ndarray, " family"]
    whitener: Float[np.ndarray, "d_model component"]
    means: Float[np.ndarray, "family component"]
    temperature: float = 1.0
    far: float = np.inf
    """Distance to the nearest family beyond which a talk is like none of these: 95 % of the talks
    of personas left out are nearer."""

    def scores(
        self,
        states: Float[np.ndarray, "talk d_model"],
        last: Int[np.ndarray, " talk"],
        centre: Float[np.ndarray, "last d_model"] | None = None,
    ) -> Float[np.ndarray, "talk family"]:
        """Scores whose softmax is the belief. `centre`: another reader's, for its own states."""
        x = states - (self.centre if centre is None else centre)[last]
        return (x @ self.axes + self.offsets) / self.temperature

    def distance(
        self,
        states: Float[np.ndarray, "talk d_model"],
        last: Int[np.ndarray, " talk"],
        centre: Float[np.ndarray, "last d_model"] | None = None,
    ) -> Float[np.ndarray, " talk"]:
        """Distance to the nearest family (Mahalanobis), in standard deviations."""
        x = (states - (self.centre if centre is None else centre)[last]) @ self.whitener
        return np.sqrt(((x[:, None] - self.means[None]) ** 2).sum(2).min(1))


def fit_states(states: Float[np.ndarray, "talk d_model"], who: Seated) -> StateReading:
    """Linear discriminants with one shrunk covariance and even priors, in the first `COMPONENTS`
    principal components where there are more dimensions. The temperature is 1 and nobody is far:
    see `judged_states`."""
    return _fit(states, who, np.ones(len(states), dtype=bool))


def _fit(states: np.ndarray, who: Seated, rows: np.ndarray) -> StateReading:
    from sklearn.covariance import ledoit_wolf

    rows = rows & (who.family >= 0)
    x, family = np.asarray(states, dtype=np.float64)[rows], who.family[rows]
    weight = equal_weights(family)
    centre = centre_of(x, who.last[rows], weight, who.lasts)
    x = x - centre[who.last[rows]]
    basis = _basis(x)
    inside = x @ basis
    n = len(who.families)
    present = np.unique(family)
    middle = np.zeros((n, inside.shape[1]))
    for f in present:
        middle[f] = inside[family == f].mean(0)
    # one covariance of all families, shrunk to a sphere: how the axes lie must not matter
    spread, _ = ledoit_wolf(inside - middle[family], assume_centered=True)
    values, vectors = np.linalg.eigh(spread)
    root = vectors / np.sqrt(np.maximum(values, 1e-12 * values.max()))
    means = np.full((n, root.shape[1]), 1e6)
    axes, offsets = np.zeros((x.shape[1], n)), np.full(n, -np.inf)
    means[present] = middle[present] @ root
    axes[:, present] = basis @ root @ means[present].T
    offsets[present] = -0.5 * (means[present] ** 2).sum(1)
    return StateReading(who.families, centre, axes, offsets, basis @ root, means)


def _basis(x: np.ndarray) -> Float[np.ndarray, "d_model component"]:
    """The dimensions themselves where they are few, else the first principal components."""
    from scipy.linalg import eigh

    n, d = x.shape
    if d <= COMPONENTS:
        return np.eye(d)
    wide = d > n
    last = min(n, d) - 1
    kept = min(COMPONENTS, max(1, n // 4))
    product = x @ x.T if wide else x.T @ x
    values, vectors = eigh(product, subset_by_index=(last - kept + 1, last))
    used = values > 1e-10 * values.max()
    vectors = vectors[:, used]
    return x.T @ vectors / np.sqrt(values[used]) if wide else vectors


@dataclass(frozen=True)
class HeldOut:
    """Scores of the cast's talks by readings that saw neither their persona's part nor their last
    question's, and how each was cut off: what a reading is judged by."""

    scores: Float[np.ndarray, "talk family"]
    """After the temperature that the other personas' talks ask for; NaN for a talk of no family."""
    distance: Float[np.ndarray, " talk"]
    temperature: float
    """The one that all of the cast's talks together ask for."""

    @property
    def belief(self) -> Float[np.ndarray, "talk family"]:
        """The belief that each talk's own words and state give, out of sample."""
        return softmax(self.scores)


def log_loss(held: HeldOut, who: Seated) -> float:
    """Mean of -log belief in the right family, families counting equally, in nats."""
    known = np.isfinite(held.scores).all(1) & (who.family >= 0)
    weight = equal_weights(who.family[known])
    own = log_softmax(held.scores[known])[np.arange(known.sum()), who.family[known]]
    return -float(weight @ own)


def dealt_round(
    family: Int[np.ndarray, " persona"], parts: int, rng: np.random.Generator
) -> Int[np.ndarray, " persona"]:
    """The part of each persona: each family dealt round, so that none lies in one part whole."""
    shuffled = rng.permutation(len(family))
    out = np.empty(len(family), dtype=int)
    out[shuffled[np.argsort(family[shuffled], kind="stable")]] = np.arange(len(family)) % parts
    return out


def splits(who: Seated, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The part of every talk's persona (families dealt round) and of its last question."""
    rng = np.random.default_rng(seed)
    people = np.unique(who.persona)
    first = np.array([np.flatnonzero(who.persona == p)[0] for p in people])
    part = dealt_round(who.family[first], min(PERSONA_SPLITS, len(people)), rng)
    questions = np.unique(who.last[who.family >= 0])
    asked = rng.permutation(len(questions)) % min(QUESTION_SPLITS, len(questions))
    at = np.searchsorted(questions, who.last).clip(max=len(questions) - 1)
    return part[np.searchsorted(people, who.persona)], asked[at]


def judged_states(
    states: Float[np.ndarray, "talk d_model"], who: Seated, seed: int = 0
) -> tuple[StateReading, HeldOut]:
    """A reading of states fitted on all of the cast's talks, with temperature and limit from talks
    left out, and what those talks' scores were. Raises BadInput where none can be left out."""
    part, asked = splits(who, seed)
    n = len(states)
    raw, far = np.full((n, len(who.families)), np.nan), np.full(n, np.nan)
    x = np.asarray(states, dtype=np.float64)
    for p in np.unique(part):
        for q in np.unique(asked):
            train = (part != p) & (asked != q) & (who.family >= 0)
            # a family whose others the fit has not seen cannot be told by it
            test = (part == p) & (asked == q) & np.isin(who.family, who.family[train])
            test &= who.family >= 0
            if not test.any():
                continue
            fitted = _fit(x, who, train)
            # questions that the fit has not seen are centred by the training personas' own mean
            there = part != p
            weight = np.where(there, who.weight, 0.0)
            centre = centre_of(x, who.last, weight, len(fitted.centre))
            raw[test] = fitted.scores(x[test], who.last[test], centre)
            far[test] = fitted.distance(x[test], who.last[test], centre)
    known = np.isfinite(far)
    if not known.any():
        raise BadInput(
            "No talk can be judged by a reading that has not seen its persona nor its question.",
            "Hold more talks (--per-persona), or give families more personas.",
        )
    held = _tempered(raw, far, part, who)
    limit = float(np.quantile(far[known], 0.95))
    return replace(fit_states(x, who), temperature=held.temperature, far=limit), held


def _tempered(raw: np.ndarray, far: np.ndarray, part: np.ndarray, who: Seated) -> HeldOut:
    """Held-out scores after temperatures that each part's own talks had no say in."""
    known = np.isfinite(raw).any(1)
    out = raw.copy()
    for p in np.unique(part[known]):
        others = known & (part != p)
        own = known & (part == p)
        out[own] = raw[own] / temperature(raw[others], who.family[others])
    return HeldOut(out, far, temperature(raw[known], who.family[known]))


def temperature(
    scores: Float[np.ndarray, "talk family"], family: Int[np.ndarray, " talk"]
) -> float:
    """The temperature of scores with the least log loss; families count equally."""
    return least_loss(lambda t: scores / t, family)


def least_loss(
    scores_at: Callable[[float], Float[np.ndarray, "talk family"]],
    family: Int[np.ndarray, " talk"],
) -> float:
    """The temperature whose scores have the least log loss, to ten digits of its logarithm.

    One talk in all counts as anybody's, shared by all of them: where no talk is taken for another
    family's, the temperature would else fall to nothing, and the first that is would cost all.
    """
    from scipy.optimize import minimize_scalar

    weight, row = equal_weights(family), np.arange(len(family))
    anybody = 1.0 / len(family)

    def loss(log_t: float) -> float:
        log_p = log_softmax(scores_at(10**log_t))
        finite = np.where(np.isfinite(log_p), log_p, np.nan)
        return -float(
            weight @ ((1 - anybody) * log_p[row, family] + anybody * np.nanmean(finite, axis=1))
        )

    grid = np.linspace(*LOG_T, 29)
    at = int(np.argmin([loss(float(t)) for t in grid]))
    ends = grid[max(0, at - 1)], grid[min(len(grid) - 1, at + 1)]
    found: Any = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10})
    return float(10**found.x)


def log_softmax(scores: Float[np.ndarray, "talk family"]) -> Float[np.ndarray, "talk family"]:
    """Logarithm of the softmax over the last axis."""
    s = scores - scores.max(-1, keepdims=True)
    return s - np.log(np.exp(s).sum(-1, keepdims=True))


def softmax(scores: Float[np.ndarray, "talk family"]) -> Float[np.ndarray, "talk family"]:
    """Softmax over the last axis."""
    return np.exp(log_softmax(scores))
