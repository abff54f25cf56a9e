"""How a checkpoint's talks divide among families: the mean of beliefs, and the mixture behind it.

The mean of beliefs is pulled towards the even prior, the more so the less a talk tells. The EM of
Saerens, Latinne & Decaestecker (2002) asks which shares of families, taken as prior, give back
themselves as the mean posterior; it needs no labels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

STEPS, CLOSE = 2000, 1e-8


def em_shares(
    belief: Float[np.ndarray, "talk family"],
    counts: Float[np.ndarray, "draw talk"] | None = None,
) -> Float[np.ndarray, "draw family"]:
    """Shares of the families that explain the beliefs best: a row for each row of `counts`, how
    often each talk counts (default: once).

    Beliefs were made with an even prior. w <- mean over talks of w_f p_f / sum_k w_k p_k.
    """
    n = np.ones((1, len(belief))) if counts is None else np.asarray(counts, dtype=np.float64)
    n = n / n.sum(1, keepdims=True)
    w = np.full((len(n), belief.shape[1]), 1 / belief.shape[1])
    for _ in range(STEPS):
        total = belief @ w.T  # [talk, draw]
        new = w * ((n / np.maximum(total.T, 1e-300)) @ belief)
        new = new / new.sum(1, keepdims=True)
        if np.abs(new - w).max() < CLOSE:
            return new
        w = new
    return w


def mean_belief(
    belief: Float[np.ndarray, "talk family"],
    counts: Float[np.ndarray, "draw talk"] | None = None,
) -> Float[np.ndarray, "draw family"]:
    """Mean of the beliefs, weighted by each row of `counts`."""
    n = np.ones((1, len(belief))) if counts is None else np.asarray(counts, dtype=np.float64)
    return n @ belief / n.sum(1, keepdims=True)
