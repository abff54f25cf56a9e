"""Checks that every formula's input has to pass."""

from __future__ import annotations

import numpy as np

from psm_viz.errors import BadInput


def finite(values: np.ndarray, what: str) -> np.ndarray:
    """Return `values` if every number is finite. Raises BadInput naming what holds the others."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise BadInput(f"{what}: {bad} of {values.size} values are not finite numbers.")
    return values
