"""An axis as a scale: zero at the cast's mean, one a standard deviation of the cast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from psm_viz.stats.drift import spread_along
from psm_viz.stats.vectors import assistant_axis, cast_mean, project


@dataclass(frozen=True)
class AxisScale:
    """Where states stand on an axis of one checkpoint's cast."""

    origin: Float[np.ndarray, " d_model"]
    """The cast's mean, families counting equally: zero."""
    axis: Float[np.ndarray, " d_model"]
    """Where up is, in residual-stream units: of the Assistant axis, the Assistant less that
    mean."""
    spread: float
    """Weighted standard deviation of the cast's projections, in residual-stream units: one."""

    def of(self, x: Float[np.ndarray, "row d_model"]) -> Float[np.ndarray, " row"]:
        """Projections on the axis, in standard deviations of the cast."""
        return project(x, self.origin, self.axis) / self.spread


def axis_scale(
    vectors: Float[np.ndarray, "persona d_model"], weights: Float[np.ndarray, " role"]
) -> AxisScale:
    """The scale of one checkpoint's persona vectors, the Assistant last.

    Raises BadInput where the Assistant is the cast's mean, so that there is no axis.
    """
    roles = vectors[:-1]
    return scale_along(assistant_axis(vectors[-1], roles, weights), roles, weights)


def scale_along(
    axis: Float[np.ndarray, " d_model"],
    roles: Float[np.ndarray, "role d_model"],
    weights: Float[np.ndarray, " role"],
) -> AxisScale:
    """The scale of any axis over a cast. Raises BadInput for an axis without a direction."""
    mu = cast_mean(roles, weights)
    return AxisScale(mu, axis, spread_along(project(roles, mu, axis), weights))
