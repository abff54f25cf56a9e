"""Changes between two checkpoints that answered the same questions, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from psm_viz.stats.resampling import Estimate, interval
from psm_viz.stats.significance import flips, of_null


def mean_change(difference: Float[np.ndarray, " question"], topics: Sequence[str]) -> Estimate:
    """Mean of paired differences, in their own unit.

    The interval resamples topics, then questions; the null flips the signs of whole topics: its
    band holds 95 % of the flips, and p is two-sided, (1 + those as large) / (1 + flips). A question
    without a value is left out; with fewer than two left there is no interval.
    """
    held = np.isfinite(difference)
    x, own = difference[held], [t for t, k in zip(topics, held, strict=True) if k]
    if len(x) < 2:
        return Estimate(float(x.mean()) if len(x) else float("nan"))
    found = interval(lambda c: float(c @ x / c.sum()), own)
    low, high, p = of_null(flips(own) @ x / len(x))
    return replace(found, null_low=low, null_high=high, null="topics' signs flipped", p=p)
