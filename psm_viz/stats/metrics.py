"""Small measures of agreement: log-odds, R2, Spearman's rank correlation, cosines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

FEWEST_TRAITS = 3
"""Below this many traits their ranks say nothing."""


def cosine_of(x: np.ndarray, square: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """x over both lengths; NaN where noise made a squared length zero or less."""
    root = np.sqrt(np.maximum(square, 0.0) * np.maximum(other, 0.0))
    return np.divide(x, root, out=np.full(len(x), np.nan), where=root > 0)


def spearman(
    rows: Float[np.ndarray, "row trait"], other: Float[np.ndarray, " trait"]
) -> Float[np.ndarray, " row"]:
    """Spearman's rank correlation of every row with `other`, ties at their mean rank.

    NaN below three values, or where all are the same.
    """
    if len(other) < FEWEST_TRAITS:
        return np.full(len(rows), np.nan)
    x = pd.DataFrame(rows).rank(axis=1).to_numpy(dtype=np.float64)
    y = pd.Series(other).rank().to_numpy(dtype=np.float64)
    x, y = x - x.mean(1, keepdims=True), y - y.mean()
    return cosine_of(x @ y, (x**2).sum(1), float(y @ y))


def logit(p: np.ndarray) -> np.ndarray:
    """Log-odds, of rates kept a thousandth away from 0 and 1."""
    p = np.clip(np.asarray(p, dtype=np.float64), 1e-3, 1 - 1e-3)
    return np.log(p) - np.log1p(-p)


def r_squared(model: np.ndarray, exact: np.ndarray) -> float:
    """1 - residual / total variance of the exact values, nothing fitted."""
    return float(1 - ((model - exact) ** 2).sum() / ((exact - exact.mean()) ** 2).sum())
