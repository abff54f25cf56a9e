"""How far weights moved."""

import pytest
import torch

from psm_viz.engine.weights import update_size
from psm_viz.errors import BadInput


def test_the_update_is_the_euclidean_length_over_all_weights():
    a = {"w": torch.zeros(2, 2), "b": torch.ones(3)}
    b = {"w": torch.full((2, 2), 2.0), "b": torch.tensor([1.0, 1.0, 4.0])}
    assert update_size(a, b) == update_size(b, a) == pytest.approx(5)  # sqrt(4 * 4 + 9)
    assert update_size(a, a) == 0


def test_half_precision_is_subtracted_in_double():
    a = {"w": torch.full((1000,), 60_000.0, dtype=torch.float16)}
    assert update_size(a, {"w": -a["w"]}) == pytest.approx(120_000 * 1000**0.5)


@pytest.mark.parametrize("other", [{"v": torch.ones(3)}, {"w": torch.ones(4)}, {}])
def test_other_weights_are_not_compared(other):
    with pytest.raises(BadInput, match="do not hold the same weights"):
        update_size({"w": torch.ones(3)}, other)
