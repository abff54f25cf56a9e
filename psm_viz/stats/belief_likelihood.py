"""Belief from likelihoods: who would have said these answers?

For every answer of a talk and every persona that is asked about it, l = log p(answer | talk so far,
the persona's instruction) per token, by the reference. Some answers are likelier than others
whoever speaks, and some personas find everything likelier than others do; both are taken off:

    s = sum over answers of (l less its mean over personas), less the cast's mean for the persona
    belief in a persona proportional to prior times exp(s / temperature)

Families count equally beforehand, and a family's belief is the sum of its personas'. Source: the
likelihood of the persona selection model's update (Marks, Lindsey, Olah 2026); the temperature
makes up for answers that are not independent given the persona.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.belief import HeldOut, Seated, equal_weights, least_loss, splits

ROUNDS = 20
"""Rounds in which means over personas and over talks are fitted to each other."""


@dataclass(frozen=True)
class LikelihoodReading:
    """A fitted reading of likelihoods after one number of answers."""

    families: tuple[str, ...]
    member: Int[np.ndarray, " header"]
    """Which family each asked persona is of, a number of `families`."""
    level: Float[np.ndarray, " header"]
    """The cast's mean of s under each persona."""
    temperature: float = 1.0

    def scores(
        self,
        evidence: Float[np.ndarray, "talk header"],
        barred: Bool[np.ndarray, "talk header"] | None = None,
    ) -> Float[np.ndarray, "talk family"]:
        """Scores whose softmax is the belief, from s before the level is taken off.

        `barred`: personas that are not asked about a talk, since it is their own.
        """
        s = (evidence - self.level) / self.temperature
        return _family_scores(s, self.member, len(self.families), barred)


def evidence_of(
    per_token: Float[np.ndarray, "talk answer header"],
    barred: Bool[np.ndarray, "talk header"] | None = None,
) -> Float[np.ndarray, "talk header"]:
    """Each talk's sum over its answers of l less the mean over the personas asked about it."""
    if barred is None:
        return (per_token - per_token.mean(2, keepdims=True)).sum(1)
    asked = np.where(barred[:, None], np.nan, per_token)
    return (per_token - np.nanmean(asked, axis=2, keepdims=True)).sum(1)


def _family_scores(
    s: np.ndarray, member: np.ndarray, n: int, barred: np.ndarray | None
) -> Float[np.ndarray, "talk family"]:
    """log of each family's mean exp(s) over its personas: a family counts once, however many."""
    s = s if barred is None else np.where(barred, -np.inf, s)
    out = np.full((len(s), n), -np.inf)
    for f in range(n):
        own = s[:, member == f]
        asked = np.isfinite(own).sum(1)
        some = asked > 0
        out[some, f] = np.logaddexp.reduce(own[some], axis=1) - np.log(asked[some])
    return out


def _level(
    evidence: np.ndarray, barred: np.ndarray, weight: np.ndarray
) -> Float[np.ndarray, " header"]:
    """The cast's mean of s under every persona, its own talks aside.

    Talks differ in who is asked about them, so a talk's mean over personas and a persona's over
    talks are fitted together.
    """
    w = np.where(barred, 0.0, weight[:, None])
    asked = np.where(barred, np.nan, evidence)
    level = np.zeros(evidence.shape[1])
    for _ in range(ROUNDS):
        talk = np.nanmean(asked - level, axis=1, keepdims=True)
        level = (w * (evidence - talk)).sum(0) / w.sum(0)
    return level


def judged_likelihoods(
    per_token: Float[np.ndarray, "talk answer header"],
    own_header: Int[np.ndarray, " talk"],
    header_family: Int[np.ndarray, " header"],
    who: Seated,
    seed: int = 0,
) -> tuple[LikelihoodReading, HeldOut]:
    """A reading of likelihoods with level and temperature from the cast's talks, and what the
    scores of talks were whose persona had no say in either.

    `own_header`: the persona's own number among those asked, which is not asked about its own
    talk, or -1. Raises BadInput where a family has nobody to be asked.
    """
    n, f = per_token.shape[2], len(who.families)
    absent = [name for k, name in enumerate(who.families) if not (header_family == k).any()]
    if absent:
        raise BadInput(f"Nobody of these families is asked how likely a talk is: {absent}.")
    barred = own_header[:, None] == np.arange(n)[None]
    evidence = evidence_of(per_token, barred)
    # a family's only asked persona cannot be told by what it says itself
    others = [((header_family == k)[None] & ~barred).any(1) for k in range(f)]
    known = (who.family >= 0) & np.stack(others, 1)[np.arange(len(barred)), who.family]
    part, _ = splits(who, seed)

    def fitted(rows: np.ndarray) -> LikelihoodReading:
        level = _level(evidence[rows], barred[rows], equal_weights(who.family[rows]))
        at = LikelihoodReading(who.families, header_family, level)
        t = least_loss(
            lambda t: replace(at, temperature=t).scores(evidence[rows], barred[rows]),
            who.family[rows],
        )
        return replace(at, temperature=t)

    held = np.full((len(evidence), f), np.nan)
    for p in np.unique(part[known]):
        own = known & (part == p)
        held[own] = fitted(known & (part != p)).scores(evidence[own], barred[own])
    whole = fitted(known)
    return whole, HeldOut(held, np.full(len(held), np.nan), whole.temperature)
