"""Talks whose truth is known: do the readings give planted mixtures back, and cry no wolf?

A trial leaves a fifth of every family's personas out, fits a reading on the others' talks, and
puts the left-out ones' talks together as a checkpoint's: so many of the marked families', the rest
of the others'. And twice over with nothing changed, or with a known share exchanged, to see how
often a change is called one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from psm_viz.stats.belief import Seated, judged_states, softmax, splits
from psm_viz.stats.belief_likelihood import evidence_of, judged_likelihoods
from psm_viz.stats.prior_shift import em_shares
from psm_viz.stats.significance import ALPHA
from psm_viz.stats.talk_sampling import Plan, change

SHARES = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Planted shares of talks of the marked families."""
CHANGES = (0.0, 0.05, 0.1, 0.25)
"""By how much a planted share is raised, from none and from a quarter."""
TALKS = 192
"""Talks of a planted checkpoint."""

LEADING = 40.0
"""Dimensions over which what traits do fades by e: in real models it lies in the leading ones."""
STRENGTH = 2.0
"""How far apart the made families' talks lie, in standard deviations of a persona's own talks along
each trait: one talk then tells its kin about as well as four answers do in the made world."""

Rows = Bool[np.ndarray, " talk"]
Fitted = Callable[[Rows], Float[np.ndarray, "talk family"]]


@dataclass(frozen=True)
class Pool:
    """The cast's talks that trials are made from."""

    who: Seated
    marked: Bool[np.ndarray, " family"]
    fit: Callable[[Rows], Fitted]
    """Fits a reading on some talks; gives beliefs of others."""
    bad: Float[np.ndarray, " talk"]
    """Share of each talk's answers that are bad; NaN where nobody knows."""


@dataclass(frozen=True)
class Found:
    """One planted checkpoint, or pair of them, and what was made of it."""

    plant: str
    size: float
    value: float
    """`mixture`: the share that EM gives back; else the p of the change."""
    bad: float


def rows_of(who: Seated, rows: Rows) -> Seated:
    """The same families and questions, fewer talks."""
    return replace(who, persona=who.persona[rows], family=who.family[rows], last=who.last[rows])


def pool_of_states(
    states: Float[np.ndarray, "talk d_model"],
    who: Seated,
    marked: Bool[np.ndarray, " family"],
    bad: Float[np.ndarray, " talk"],
) -> Pool:
    """Trials of the reading of states."""
    x = np.asarray(states, dtype=np.float64)

    def fit(rows: Rows) -> Fitted:
        reading, _ = judged_states(x[rows], rows_of(who, rows))
        return lambda other: softmax(reading.scores(x[other], who.last[other]))

    return Pool(who, marked, fit, bad)


def pool_of_likelihoods(
    per_token: Float[np.ndarray, "talk answer header"],
    own_header: np.ndarray,
    header_family: np.ndarray,
    who: Seated,
    marked: Bool[np.ndarray, " family"],
    bad: Float[np.ndarray, " talk"],
) -> Pool:
    """Trials of the reading of likelihoods; a persona is not asked about its own talks."""
    barred = own_header[:, None] == np.arange(len(header_family))[None]
    evidence = evidence_of(per_token, barred)

    def fit(rows: Rows) -> Fitted:
        args = per_token[rows], own_header[rows], header_family
        reading, _ = judged_likelihoods(*args, rows_of(who, rows))
        return lambda other: softmax(reading.scores(evidence[other], barred[other]))

    return Pool(who, marked, fit, bad)


def trial(pool: Pool, seed: int) -> list[Found]:
    """Every plant once."""
    rng = np.random.default_rng([seed, 61])
    part, _ = splits(pool.who, seed)
    known = pool.who.family >= 0
    out_of = known & (part == int(rng.integers(part.max() + 1)))
    belief = pool.fit(known & ~out_of)(out_of)
    family, last, bad = (x[out_of] for x in (pool.who.family, pool.who.last, pool.bad))
    is_marked = pool.marked[family]
    on = pool.marked.astype(float)
    found = []
    for share in SHARES:
        rows = drawn(is_marked, share, rng)
        value = float(em_shares(belief[rows])[0] @ on)
        found.append(Found("mixture", share, value, float(np.mean(bad[rows]))))
    for start in (0.0, 0.25):
        for more in CHANGES:
            before, after = paired(is_marked, last, start, start + more, rng)
            plan = Plan(last[before], last[before][:, None])
            mass = belief @ on
            p = change(mass[before], mass[after], plan).p
            raised = float(np.mean(bad[after]) - np.mean(bad[before]))
            found.append(Found(f"change from {start:g}", more, float(p <= ALPHA), raised))
    return found


def drawn(marked: Bool[np.ndarray, " talk"], share: float, rng: np.random.Generator) -> np.ndarray:
    """Rows of a planted checkpoint: exactly so large a share of marked families' talks, drawn with
    replacement."""
    n = round(share * TALKS)
    bad = rng.choice(np.flatnonzero(marked), n) if n else np.empty(0, dtype=int)
    return np.concatenate([bad, rng.choice(np.flatnonzero(~marked), TALKS - n)])


def paired(
    marked: Bool[np.ndarray, " talk"],
    last: np.ndarray,
    before: float,
    after: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two checkpoints whose talks end in the same questions, each talk marked with its
    checkpoint's probability."""
    both = np.intersect1d(last[marked], last[~marked])
    asked = rng.permutation(np.resize(both if len(both) else np.unique(last), TALKS))
    sides = []
    for share in (before, after):
        bad = rng.random(TALKS) < share
        rows = np.empty(TALKS, dtype=int)
        for n, (q, b) in enumerate(zip(asked, bad, strict=True)):
            some = np.flatnonzero((last == q) & (marked == b))
            rows[n] = rng.choice(some if len(some) else np.flatnonzero(marked == b))
        sides.append(rows)
    return sides[0], sides[1]


def made_talks(d: int, rng: np.random.Generator) -> Pool:
    """Talks in made activations of d dimensions: 21 families of 7 personas with 8 talks each, whose
    spectra fall off as those of real models do, last questions' effects larger than all others.

    Families differ by a part of what talks of one persona do, in as many directions as a cast has
    traits, so that a single talk is a weak witness. Nine families are marked and lie to one side
    of one of those directions. 'Bad' is the share that was planted itself.
    """
    families, each, talks, lasts, traits = 21, 7, 8, 16, 8
    scale = np.arange(1, d + 1, dtype=np.float64) ** -0.5
    marked = np.arange(families) % 7 < 3
    latent = rng.normal(size=(families, traits))
    latent[:, 0] = np.where(marked, 1.0, -1.0) + 0.3 * rng.normal(size=families)
    ways = rng.normal(size=(traits, d)) * scale * np.exp(-np.arange(d) / LEADING)
    ways /= np.sqrt((ways**2 / scale**2).sum(1, keepdims=True))  # a unit long where noise is one
    persona = np.repeat(np.arange(families * each), talks)
    family = persona // each
    last = (persona * 5 + np.tile(np.arange(talks), families * each)) % lasts
    own = latent[family] + 0.3 * rng.normal(size=(families * each, traits))[persona]
    question = 3.0 * rng.normal(size=(lasts, d)) * scale
    noise = rng.normal(size=(len(persona), d)) * scale
    x = 6.0 * rng.normal(size=d) * scale + STRENGTH * own @ ways + question[last] + noise
    names = tuple(f"family {f}" for f in range(families))
    who = Seated(persona, family, last, names, lasts)
    return pool_of_states(x, who, marked, marked[family].astype(float))
