"""What numba compiles of UMAP is kept for the next process, where it can be."""

from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from psm_viz.stats.kept_umap import umap_class
from psm_viz.stats.persona_map import fit_map


@pytest.fixture
def roles():
    return np.random.default_rng(0).normal(size=(12, 4, 8)).astype(np.float32)


def test_a_fit_leaves_what_it_compiled_on_disk(roles):
    fit_map(roles)
    from umap import layouts, umap_

    for one in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,
    ):
        # an index, and the function as it was compiled for these types
        kept, name = Path(one.stats.cache_path), one.py_func.__name__
        assert list(kept.glob(f"*{name}*.nbi")) and list(kept.glob(f"*{name}*.nbc")), name


def test_where_nothing_can_be_kept_a_map_is_made_all_the_same(roles, monkeypatch):
    def refused(self):
        raise RuntimeError("cannot cache function: no locator available")

    before = fit_map(roles).xy
    umap_class.cache_clear()
    monkeypatch.setattr(Dispatcher, "enable_caching", refused)
    try:
        assert np.array_equal(fit_map(roles).xy, before)
    finally:
        umap_class.cache_clear()
