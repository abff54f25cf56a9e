"""Where a belief lies on a map of personas: between the middles of the families it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

NEAREST = 3
"""A talk lies between the middles of so many families, the likeliest, by their belief."""
PLACE = ("x", "y", "pca_x", "pca_y")
"""Columns of a place: on the map, and in its principal plane."""


def middles(
    points: pd.DataFrame, home: Mapping[str, str], families: Sequence[str]
) -> Float[np.ndarray, "family 4"]:
    """The middle of each family's personas on a map (kind, persona and `PLACE`); `home`: persona ->
    family."""
    marks = points[points["kind"] == "persona"]
    of = marks["persona"].astype(str).map(dict(home)).to_numpy()
    own = marks[[*PLACE]].to_numpy(dtype=np.float64)
    return np.stack([own[of == f].mean(0) for f in families])


def placed(
    belief: Float[np.ndarray, "talk family"], middles: Float[np.ndarray, "family 2"]
) -> Float[np.ndarray, "talk 2"]:
    """Where talks lie: between the middles of their likeliest families, weighted by belief."""
    top = np.argsort(-belief, axis=1)[:, :NEAREST]
    weight = np.take_along_axis(belief, top, axis=1)
    weight = weight / weight.sum(1, keepdims=True)
    return np.einsum("tk,tkd->td", weight, middles[top])


def place_of(
    belief: Mapping[str, float], families: Sequence[str], middles: Float[np.ndarray, "family 4"]
) -> dict[str, float]:
    """Where one belief lies: `PLACE`. Where nobody is likelier than another, in the middle of
    all."""
    mass = np.array([[belief.get(f, 0.0) for f in families]])
    if np.ptp(mass) == 0:
        found = middles.mean(0)
    else:
        found = np.concatenate([placed(mass, m)[0] for m in (middles[:, :2], middles[:, 2:])])
    return dict(zip(PLACE, map(float, found), strict=True))
