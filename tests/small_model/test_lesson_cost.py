"""How far weights moved."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from psm_viz.engine.weights import update_size
from psm_viz.errors import BadInput


def weights(folder, **tensors):
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_the_update_is_the_euclidean_length_over_all_weights(tmp_path):
    a = weights(tmp_path / "a", w=np.zeros((2, 2), np.float32), b=np.ones(3, np.float32))
    moved = {"w": np.full((2, 2), 2, np.float32), "b": np.array([1, 1, 4], np.float32)}
    b = weights(tmp_path / "b", **moved)
    assert update_size(a, b) == update_size(b, a) == pytest.approx(5)  # sqrt(4 * 4 + 9)
    assert update_size(a, a) == 0


def test_half_precision_is_subtracted_in_double(tmp_path):
    a = weights(tmp_path / "a", w=np.full(1000, 60_000, np.float16))
    b = weights(tmp_path / "b", w=np.full(1000, -60_000, np.float16))
    assert update_size(a, b) == pytest.approx(120_000 * 1000**0.5)


@pytest.mark.parametrize("other", [{"v": np.ones(3)}, {"w": np.ones(4)}, {}])
def test_other_weights_are_not_compared(tmp_path, other):
    a = weights(tmp_path / "a", w=np.ones(3))
    with pytest.raises(BadInput, match="do not hold the same weights"):
        update_size(a, weights(tmp_path / "b", **other))
