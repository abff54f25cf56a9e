"""A vector added to the residual stream while a model answers, and random ones beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from psm_viz.stats.vectors import unit

if TYPE_CHECKING:
    import torch


@contextmanager
def steered(point: torch.nn.Module, vector: Float[np.ndarray, " d_model"]) -> Iterator[None]:
    """Add `vector` to what a module of a model returns, at every position.

    `ChatModel.resid_post` names the modules for any architecture. What is read there while steering
    is read with the vector added.
    """
    import torch

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        moved = first + torch.as_tensor(vector, dtype=first.dtype, device=first.device)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    handle = point.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def random_directions(
    n: int, roles: Float[np.ndarray, "role d_model"], seed: int, matched: bool
) -> Float[np.ndarray, "n d_model"]:
    """n unit vectors [n, d_model]: isotropic, or (`matched`) random combinations of the cast's
    centred vectors [role, d_model], whose covariance they then share."""
    rng = np.random.default_rng([seed, 31])
    centred = roles - roles.mean(0)
    if matched:
        return unit(rng.normal(size=(n, len(centred))) @ centred)
    return unit(rng.normal(size=(n, centred.shape[1])))
