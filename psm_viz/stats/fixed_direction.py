"""A direction fixed before: from families who act well to those who act badly, at the reference.

It is made of the cast's talks whose last question is in another part than the talk's that is
projected on it, so that no question's own noise lies in both. Projections are in standard
deviations of the cast's talks along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from psm_viz.errors import BadInput
from psm_viz.stats.belief import Seated, splits


@dataclass(frozen=True)
class Direction:
    """One direction for each part of the last questions, made of the other parts."""

    axes: Float[np.ndarray, "part d_model"]
    spread: Float[np.ndarray, " part"]
    part: Int[np.ndarray, " last"]

    def along(
        self, x: Float[np.ndarray, "talk d_model"], last: Int[np.ndarray, " talk"]
    ) -> Float[np.ndarray, " talk"]:
        """Projections of centred states, in standard deviations of the cast's talks."""
        own = self.part[last]
        return (x * self.axes[own]).sum(1) / self.spread[own]


def direction_of(
    x: Float[np.ndarray, "talk d_model"],
    who: Seated,
    marked: Bool[np.ndarray, " family"],
    seed: int = 0,
) -> Direction:
    """The mean of the marked families less that of the others, families counting equally, from the
    cast's centred states. Raises BadInput where all families are marked, or none."""
    if marked.all() or not marked.any():
        raise BadInput("A direction needs families that are marked and others that are not.")
    _, asked = splits(who, seed)
    part = np.zeros(who.lasts, dtype=int)
    part[who.last] = asked
    axes, spread = [], []
    for q in range(int(asked.max()) + 1):
        rows = (asked != q) & (who.family >= 0)
        means = np.stack([x[rows & (who.family == f)].mean(0) for f in range(len(who.families))])
        way = means[marked].mean(0) - means[~marked].mean(0)
        axis = way / np.linalg.norm(way)
        axes.append(axis)
        spread.append(float((x[rows] @ axis).std()))
    return Direction(np.stack(axes), np.array(spread), part)
