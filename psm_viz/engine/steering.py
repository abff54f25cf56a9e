"""The residual stream changed while a model answers: a vector added to it, or its place along a
direction held within a band; and random directions beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    def moved(x: torch.Tensor) -> torch.Tensor:
        return x + torch.as_tensor(vector, dtype=x.dtype, device=x.device)

    with changed(point, moved):
        yield


@contextmanager
def capped(
    point: torch.nn.Module,
    direction: Float[np.ndarray, " d_model"],
    band: tuple[float, float],
) -> Iterator[None]:
    """Keep what a module of a model returns within a band along a unit `direction`: what projects
    on it beyond `band` (residual-stream units) is put back to the band's edge, at every position.

    Activation capping, Lu et al. 2026, which holds one side alone.
    """
    import torch

    low, high = band

    def held(x: torch.Tensor) -> torch.Tensor:
        axis = torch.as_tensor(direction, dtype=x.dtype, device=x.device)
        along = x @ axis
        return x + (along.clamp(low, high) - along)[..., None] * axis

    with changed(point, held):
        yield


@contextmanager
def changed(
    point: torch.nn.Module, change: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[None]:
    """Put what a module of a model returns through a function."""

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (change(output[0]), *output[1:])
        return change(output)

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
