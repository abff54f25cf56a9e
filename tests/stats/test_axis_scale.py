"""The Assistant axis as a scale: where zero and one are, and which way is up."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.axis_scale import axis_scale


def test_zero_is_the_casts_mean_one_its_spread_and_up_the_assistant():
    roles = np.array([[1.0, 5.0], [3.0, -5.0], [2.0, 0.0], [2.0, 8.0]])
    weights = np.array([0.25, 0.25, 0.25, 0.25])
    scale = axis_scale(np.concatenate([roles, [[6.0, 2.0]]]), weights)
    assert np.allclose(scale.origin, [2, 2]) and np.allclose(scale.axis, [4, 0])
    assert scale.spread == pytest.approx(np.sqrt(0.5))
    assert np.allclose(scale.of(np.array([[2.0, 9.0], [2 + np.sqrt(0.5), 0.0]])), [0, 1])
    assert scale.of(np.array([[6.0, 2.0]]))[0] > 0


def test_an_assistant_that_is_the_casts_mean_has_no_axis():
    with pytest.raises(BadInput, match="no Assistant axis"):
        axis_scale(np.ones((4, 3)), np.ones(3) / 3)
