"""The figures of a movement by plain formulas, from one mean vector a persona.

Without question folds noise is not removed: these norms are too large, never too small, and none
has an interval or a test. `drift` and `adjusted_drift` define the figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from psm_viz.stats import adjusted_drift, drift, persona_space
from psm_viz.stats import significance as sig
from psm_viz.stats.resampling import NAN, Estimate
from psm_viz.stats.vectors import assistant_axis, cast_mean, unit

NO_FOLDS = "no folds"
"""What stands in place of a null."""


def plain_figures(
    start: Float[np.ndarray, "persona d_model"],
    end: Float[np.ndarray, "persona d_model"],
    weights: Float[np.ndarray, " role"],
) -> dict[str, Estimate]:
    """Sizes, ranks and what is left given the cast; the Assistant is the last row.

    Raises BadInput where the cast is too small or one point.
    """
    shift = end - start
    total, common = shift[-1], cast_mean(shift[:-1], weights)
    own = total - common
    axis = assistant_axis(start[-1], start[:-1], weights)
    axis_after = assistant_axis(end[-1], end[:-1], weights)
    u = unit(axis)
    spread = drift.spread_along((start[:-1] - cast_mean(start[:-1], weights)) @ u, weights)
    along = adjusted_drift.directions(start, weights)
    left = adjusted_drift.given_start(start, shift, along)
    placed = adjusted_drift.given_place(start, start, shift, u)
    both = np.linalg.norm(total) * np.linalg.norm(common)
    cast_left = (left.cast**2).sum(1) / left.cast_factor**2
    own_left = float((left.assistant**2).sum() / left.assistant_factor**2)
    on_axis = placed.cast[:, 0] / placed.cast_factor
    own_on_axis = float(placed.assistant[0] / placed.assistant_factor)
    moves = shift @ u
    values = {
        "shift_norm": np.linalg.norm(total),
        "global_norm": np.linalg.norm(common),
        "specific_norm": np.linalg.norm(own),
        "specific_given_cast": np.linalg.norm(left.assistant),
        "given_cast_percentile": sig.percentile(own_left, cast_left),
        "cos_shift_global": total @ common / both if both > 0 else NAN,
        "axis_component": moves[-1] / spread,
        "axis_position_cast": own @ u / spread,
        "axis_percentile": sig.percentile(moves[-1], moves[:-1]),
        "axis_component_given_cast": placed.assistant[0] / spread,
        "percentile_given_cast": sig.percentile(own_on_axis, on_axis),
        "axis_cosine": u @ unit(axis_after),
        "axis_ratio": np.linalg.norm(axis_after) / np.linalg.norm(axis),
    }
    for share in persona_space.SHARES:
        values[f"in_space_share_{share * 100:.0f}"] = persona_space.plain_share(start, own, share)
    return {k: Estimate(float(v), null=NO_FOLDS) for k, v in values.items()}


def plain_traits(
    start: Float[np.ndarray, "persona d_model"],
    end: Float[np.ndarray, "persona d_model"],
    weights: Float[np.ndarray, " role"],
    traits: Mapping[str, Float[np.ndarray, " role"]],
) -> dict[str, dict[str, Estimate]]:
    """D, g and s on every trait axis, in cast standard deviations: part -> trait -> figure."""
    shift = end - start
    common = cast_mean(shift[:-1], weights)
    parts = {"total": shift[-1], "global": common, "specific": shift[-1] - common}
    out: dict[str, dict[str, Estimate]] = {}
    for name, value in traits.items():
        t, wide = drift.scaled_trait_axis(start[:-1], value, weights)
        for part, moved in parts.items():
            out.setdefault(part, {})[name] = Estimate(float(moved @ t / wide), null=NO_FOLDS)
    return out
