"""Personas in planted families, and likelihoods that favour one of them."""

from __future__ import annotations

import numpy as np

FAMILIES, EACH, DIMS = 4, 5, 24


def plant():
    """Roles in families [role, fold, d_model], and weights that count families equally."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(FAMILIES, DIMS))
    roles = np.repeat(centres, EACH, axis=0) + 0.2 * rng.normal(size=(FAMILIES * EACH, DIMS))
    folds = roles[:, None] + 0.1 * rng.normal(size=(FAMILIES * EACH, 4, DIMS))
    return centres, folds, np.full(FAMILIES * EACH, 1 / (FAMILIES * EACH))


def family_likes_it(family, much=0.5):
    return np.where(np.arange(FAMILIES * EACH) // EACH == family, much - 2.0, -2.0)
