"""The sentences above figures of talks, made from the tables, never by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from psm_viz.charts.findings import listed, said
from psm_viz.study.cast import Cast
from psm_viz.study.manifest import Manifest

FEWEST = 0.2
"""Share of talks from which a kin is named."""


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


def kin_words(shares: Sequence[tuple[str, float]], cast: Cast) -> tuple[str, float]:
    """The kins that at least `FEWEST` of the talks belong to (at most two), and their share."""
    named = [s for s in shares if s[1] >= FEWEST][:2] or list(shares[:1])
    words = [cast.kins[k] for k, _ in named]
    words = [w[:1].lower() + w[1:] if not w.split()[0].isupper() else w for w in words]
    return listed(words), sum(v for _, v in named)


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
    here, now_share = kin_words(now, cast)
    when = f"after {c.step} steps of {said(c.branch)}"
    if here == start:
        return (
            f"The Assistant still talks as {start} do {when}: {share_words(now_share)} sit with "
            f"them, {share:.0%} before"
        )
    return f"The Assistant talks as {start} do; {when} {share_words(now_share)} sit with {here}"
