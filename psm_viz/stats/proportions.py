"""Two shares beside each other: the difference, its interval, and what no difference would do."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from psm_viz.stats.resampling import Estimate

Z = 1.959964
"""Standard deviations of a normal distribution that hold 95 % of it."""
DEALT = "judgements dealt anew"


def wilson(
    p: Float[np.ndarray, " share"], n: Float[np.ndarray, " share"]
) -> tuple[Float[np.ndarray, " share"], Float[np.ndarray, " share"]]:
    """The ends of the 95 % intervals of shares p of n (Wilson 1927), within 0 and 1."""
    z = Z * Z / n
    centre, half = (p + z / 2) / (1 + z), Z / (1 + z) * np.sqrt(p * (1 - p) / n + z / (4 * n))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def share_change(before: tuple[int, int], after: tuple[int, int]) -> Estimate:
    """Share of (k, n) after less that before, with its 95 % interval (Newcombe 1998, method 10).

    The null's band holds 95 % of the differences that the same judgements give when they are dealt
    anew to the two; p is Fisher's, two-sided. NaN where either has none.
    """
    from scipy.stats import fisher_exact, hypergeom

    (k0, n0), (k1, n1) = before, after
    if not n0 or not n1:
        return Estimate(float("nan"))
    shares = np.array([k0 / n0, k1 / n1])
    down, up = wilson(shares, np.array([n0, n1], dtype=float))
    d, down, up = shares[1] - shares[0], shares - down, up - shares
    low, high = d - np.hypot(down[1], up[0]), d + np.hypot(up[1], down[0])
    dealt = hypergeom(n0 + n1, k0 + k1, n1)
    ends = [float(dealt.ppf(q)) / n1 - (k0 + k1 - float(dealt.ppf(q))) / n0 for q in (0.025, 0.975)]
    p = float(fisher_exact([[k0, n0 - k0], [k1, n1 - k1]]).pvalue)  # pyright: ignore
    return Estimate(float(d), float(low), float(high), ends[0], ends[1], DEALT, min(p, 1.0))
