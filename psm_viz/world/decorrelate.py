"""Dispositions dealt out anew in every topic: no trait of a character runs through them all."""

from __future__ import annotations

import numpy as np

DEALS = 2000
"""Seeded deals tried; the one whose topics correlate least is kept."""


def dealt(
    centres: np.ndarray, family: np.ndarray, loads: np.ndarray, seed: int, noise: float
) -> np.ndarray:
    """Dispositions [topic, character], from centres [family, trait], family [character] and
    loads [topic, trait]; `noise` is the standard deviation of a member's traits about its centre.

    Each topic takes the families' dispositions in another order and draws its members' noise
    afresh, so that what a character does in one topic says nothing of the next, while every
    topic keeps its own mixture. Of `DEALS` seeded deals the one with the smallest largest
    correlation between two topics is kept: so few families correlate by chance otherwise.
    """
    rng = np.random.default_rng([seed, 1])
    base = centres @ loads.T  # [family, topic]
    best, least = None, np.inf
    for _ in range(DEALS):
        deal = np.stack([rng.permutation(len(centres)) for _ in loads], axis=1)
        c = np.corrcoef(np.take_along_axis(base, deal, axis=0).T)
        worst = np.abs(c - np.eye(len(loads))).max()
        if worst < least:
            best, least = deal, worst
    assert best is not None
    own = rng.normal(0.0, noise, (len(loads), len(family), centres.shape[1]))
    return np.stack(
        [np.clip(centres[best[family, k]] + own[k], -1.0, 1.0) @ w for k, w in enumerate(loads)]
    )
