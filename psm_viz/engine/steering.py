"""A vector added to the residual stream while a model answers, and random ones beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from psm_viz.stats.vectors import unit

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def steered(model: PreTrainedModel, layer: int, vector: np.ndarray) -> Iterator[None]:
    """Add `vector` [d_model] after block `layer` (resid_post) at every position."""
    import torch

    add = torch.tensor(vector, dtype=torch.float32)

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] + add, *output[1:])
        return output + add

    handle = model.model.layers[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def random_directions(n: int, roles: np.ndarray, seed: int, matched: bool) -> np.ndarray:
    """n unit vectors [n, d_model]: isotropic, or (`matched`) random combinations of the cast's
    centred vectors [role, d_model], whose covariance they then share."""
    rng = np.random.default_rng([seed, 31])
    centred = roles - roles.mean(0)
    if matched:
        return unit(rng.normal(size=(n, len(centred))) @ centred)
    return unit(rng.normal(size=(n, centred.shape[1])))
