"""Talks of a made cast: whose they are, and states and likelihoods that tell it or do not."""

from __future__ import annotations

import numpy as np

from psm_viz.stats.belief import Seated


def made_seats(families: int = 3, each: int = 6, talks: int = 8, lasts: int = 8) -> Seated:
    """Families of as many personas with as many talks each, last questions dealt round."""
    persona = np.repeat(np.arange(families * each), talks)
    last = (persona * 3 + np.tile(np.arange(talks), families * each)) % lasts
    names = tuple(f"f{k}" for k in range(families))
    return Seated(persona, persona // each, last, names, lasts)


def made_states(
    who: Seated,
    d: int = 16,
    seed: int = 0,
    *,
    family: float = 1.0,
    person: float = 0.4,
    question: float = 3.0,
    both: float = 0.0,
) -> np.ndarray:
    """States [talk, d] of spread one around what families, personas, last questions, and families
    at one last question have of their own."""
    rng = np.random.default_rng(seed)
    people, lasts = int(who.persona.max()) + 1, int(who.last.max()) + 1
    x = family * rng.normal(size=(len(who.families), d))[who.family]
    x += person * rng.normal(size=(people, d))[who.persona]
    x += question * rng.normal(size=(lasts, d))[who.last]
    x += both * rng.normal(size=(len(who.families), lasts, d))[who.family, who.last]
    return x + rng.normal(size=x.shape)


def made_headers(who: Seated, asked: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """(own header of each talk or -1, family of each header): the first `asked` personas of every
    family are asked how likely a talk is."""
    heads, of = [], []
    for f in range(len(who.families)):
        some = np.unique(who.persona[who.family == f])[:asked]
        heads += list(some)
        of += [f] * len(some)
    own = np.array([heads.index(p) if p in heads else -1 for p in who.persona])
    return own, np.array(of)


def made_likelihoods(
    who: Seated, header_family: np.ndarray, seed: int = 0, *, family: float = 0.5, answers: int = 4
) -> np.ndarray:
    """log p [talk, answer, header]: noise, and `family` more under a header of the same family."""
    rng = np.random.default_rng(seed)
    same = header_family[None, None] == who.family[:, None, None]
    return family * same + 0.5 * rng.normal(size=(len(who.family), answers, len(header_family)))


def gaussian_beliefs(
    family: np.ndarray, n: int, apart: float, rng: np.random.Generator
) -> np.ndarray:
    """What an exact observer with an even prior believes of draws around n means that stand as far
    apart in every direction: [talk, family]."""
    x = apart * np.eye(n)[family] + rng.normal(size=(len(family), n))
    p = np.exp(apart * (x - x.max(1, keepdims=True)))
    return p / p.sum(1, keepdims=True)
