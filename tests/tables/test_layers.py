"""The search over layers is paid for; a layer without an axis leaves the others."""

from __future__ import annotations

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLINGS
from psm_viz.tables.compare import Comparer
from psm_viz.tables.layers import LAYER_COLUMNS, layers_table
from tests.made.activations import CHECKPOINTS, FLOOR, LAYERS, MOVED

STARTED = [c.id for c in CHECKPOINTS if c.branch != "pretrain"]


@pytest.fixture(scope="module")
def layers(known, compare):
    return layers_table(known, compare)


def test_layers_pay_for_the_search_too(layers):
    assert tuple(layers.columns) == LAYER_COLUMNS
    assert len(layers) == len(STARTED) * len(POOLINGS) * len(LAYERS)
    assert (layers.p_layers >= layers.p).all()
    at = layers.set_index("checkpoint")
    assert (at.p_layers[list(MOVED)] <= ALPHA).all() and (at.p_layers[FLOOR] > ALPHA).all()
    # the cast did not change its shape where only the Assistant went away
    assert (at.cka[list(MOVED)] > 0.99).all() and (at.procrustes[list(MOVED)] < 0.01).all()
    assert (layers.cka > layers.cka_null_high).all()
    assert (layers.procrustes < layers.procrustes_null_low).all()


def test_a_layer_without_an_axis_leaves_the_others(known):
    class Blind(Comparer):
        def shift(self, start, end, pooling, layer):
            if layer == LAYERS[0]:
                raise BadInput("all personas project to one point")
            return super().shift(start, end, pooling, layer)

    table = layers_table(known, Blind(known))
    first = table.layer == LAYERS[0]
    measured = ["specific_norm", "p", "p_layers", "axis_cosine"]
    assert table.loc[first, measured].isna().all(axis=None) and table[first].cka.notna().all()
    assert table.loc[~first, measured].notna().all(axis=None)
    assert np.allclose(table.p[~first], table.p_layers[~first])  # one layer is no search
