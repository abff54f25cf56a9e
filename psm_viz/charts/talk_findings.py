"""The sentences above figures of talks, made from the tables, never by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from psm_viz.charts.findings import capital, listed, said
from psm_viz.study.cast import Cast
from psm_viz.study.manifest import Checkpoint, Manifest

FEWEST, MOST = 0.15, 3
"""Share of talks from which a kin is named, and how many kins at most."""
RISEN = 0.05
"""By how much a kin's share must have risen to be named as where talks went."""


def kin_shares(
    beliefs: pd.DataFrame, cast: Cast, families: Sequence[str]
) -> list[tuple[str, float]]:
    """(kin, share of talks that it is the likeliest kin of), largest first; rows are talks."""
    kin = {f.id: f.kin for f in cast.families}
    names = [k for k in cast.kins if any(kin[f] == k for f in families)]
    mass = pd.DataFrame(
        {k: beliefs[[f for f in families if kin[f] == k]].sum(axis=1) for k in names}
    )
    share = mass.idxmax(axis=1).value_counts(normalize=True)
    return [(str(k), float(v)) for k, v in share.items()]


def share_words(share: float) -> str:
    """A share of talks in words and in per cent."""
    return f"{share:.0%} of its talks"


def named_kins(
    shares: Sequence[tuple[str, float]], least: float = FEWEST
) -> list[tuple[str, float]]:
    """The kins that a sentence names: those with at least such a share, at most `MOST`."""
    return [s for s in shares if s[1] >= least][:MOST] or list(shares[:1])


def kin_words(
    shares: Sequence[tuple[str, float]], cast: Cast, least: float = FEWEST
) -> tuple[str, float]:
    """The named kins in words, and their share together."""
    named = named_kins(shares, least)
    words = [cast.kins[k].split(" and ")[0] for k, _ in named]
    return listed([w[:1].lower() + w[1:] for w in words]), sum(v for _, v in named)


def hardly_told(right: float, chance: float, when: str = "") -> str:
    """What is said where talks do not tell their speakers; `when`: at another checkpoint than the
    reference."""
    return capital(
        f"{when}{', ' if when else ''}what is said hardly tells who speaks: of the characters' own "
        f"talks {right:.0%} are given to the right kin, {chance:.0%} by guessing"
    )


def follows(manifest: Manifest, branch: str) -> bool:
    """Whether a branch starts from the reference, so that this is what was before it."""
    return manifest.branch(branch)[0].id == manifest.reference


def after(c: Checkpoint) -> str:
    """A checkpoint as a sentence says it."""
    return f"after {c.step} steps of {said(c.branch)}"


def place_of_talks(
    before: Sequence[tuple[str, float]],
    now: Sequence[tuple[str, float]],
    checkpoint: str,
    manifest: Manifest,
    cast: Cast,
) -> str:
    """Where the Assistant's talks lie at the reference, and at another checkpoint what changed."""
    start, share = kin_words(before, cast)
    c = manifest.checkpoint(checkpoint)
    if checkpoint == manifest.reference:
        return f"The Assistant talks as {start} do: {share_words(share)} sit with them"
    when, then = after(c), dict(before)
    was_then = "before" if follows(manifest, c.branch) else "at the reference"
    risen = [(k, v) for k, v in now if v - then.get(k, 0.0) >= RISEN]
    if not risen:
        there = sum(v for k, v in now if k in dict(named_kins(before)))
        return (
            f"The Assistant still talks as {start} do {when}: {share_words(there)} sit with them, "
            f"{share:.0%} {was_then}"
        )
    words, total = kin_words(risen, cast, least=0.0)
    was = sum(then.get(k, 0.0) for k, _ in risen[:MOST])
    return (
        f"The Assistant talks as {start} do; {when} {share_words(total)} sit with {words}, "
        f"{was:.0%} {was_then}"
    )
