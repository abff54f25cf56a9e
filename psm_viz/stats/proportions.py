"""Two shares beside each other: the difference, its interval, and what no difference would do."""

from __future__ import annotations

import numpy as np

from psm_viz.stats.resampling import Estimate

Z = 1.959964
"""Standard deviations of a normal distribution that hold 95 % of it."""
DEALT = "judgements dealt anew"


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of k in n (Wilson 1927)."""
    p, z = k / n, Z * Z / n
    centre, half = (p + z / 2) / (1 + z), Z / (1 + z) * np.sqrt(p * (1 - p) / n + z / (4 * n))
    return float(centre - half), float(centre + half)


def share_change(before: tuple[int, int], after: tuple[int, int]) -> Estimate:
    """Share of (k, n) after less that before, with its 95 % interval (Newcombe 1998, method 10).

    The null's band holds 95 % of the differences that the same judgements give when they are dealt
    anew to the two; p is Fisher's, two-sided. NaN where either has none.
    """
    from scipy.stats import fisher_exact, hypergeom

    (k0, n0), (k1, n1) = before, after
    if not n0 or not n1:
        return Estimate(float("nan"))
    d = k1 / n1 - k0 / n0
    (l0, u0), (l1, u1) = wilson(k0, n0), wilson(k1, n1)
    low = d - np.sqrt((k1 / n1 - l1) ** 2 + (u0 - k0 / n0) ** 2)
    high = d + np.sqrt((u1 - k1 / n1) ** 2 + (k0 / n0 - l0) ** 2)
    dealt = hypergeom(n0 + n1, k0 + k1, n1)
    ends = [float(dealt.ppf(q)) / n1 - (k0 + k1 - float(dealt.ppf(q))) / n0 for q in (0.025, 0.975)]
    p = float(fisher_exact([[k0, n0 - k0], [k1, n1 - k1]]).pvalue)  # pyright: ignore
    return Estimate(float(d), float(low), float(high), ends[0], ends[1], DEALT, min(p, 1.0))
