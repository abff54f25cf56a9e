"""Trait vectors that a study measured: from how the reference is asked not to have a trait to how
it is asked to have it. float32, residual-stream units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadFile
from psm_viz.study.files import half, tensor_bytes

FOLDER = "traits"
"""Of a study: a file a trait."""


@dataclass(frozen=True)
class TraitVector:
    """The mean state under a trait's instructions less that under their opposites, at the
    reference, over the same questions."""

    id: str
    description: str
    values: Float[np.ndarray, "pooling layer d_model"]
    folds: Float[np.ndarray, "fold pooling d_model"]
    """Of each question fold apart, at the headline layer."""
    poolings: tuple[str, ...]
    layers: tuple[int, ...]

    def at(self, pooling: str, layer: int) -> Float[np.ndarray, " d_model"]:
        """One pooling and layer."""
        return self.values[self.poolings.index(pooling), self.layers.index(layer)]

    def of_folds(self, pooling: str) -> Float[np.ndarray, "fold d_model"]:
        """Each fold's, at one pooling and the headline layer."""
        return self.folds[:, self.poolings.index(pooling)]


def trait_bytes(trait: TraitVector) -> bytes:
    """A trait's file."""
    tensors = {
        "mean": half(trait.values, f"trait {trait.id}"),
        "folds": half(trait.folds, f"trait {trait.id}"),
    }
    text = {"trait": trait.id, "description": trait.description, "hook": "resid_post"}
    return tensor_bytes(tensors, text)


def trait_of(
    id: str,
    tensors: Mapping[str, np.ndarray],
    text: Mapping[str, Any],
    poolings: tuple[str, ...],
    layers: tuple[int, ...],
) -> TraitVector:
    """A trait from its file. Raises BadFile for another one's, or arrays of another shape."""
    try:
        values, folds = tensors["mean"], tensors["folds"]
        shapes = values.shape[:2] == (len(poolings), len(layers)), folds.shape[1] == len(poolings)
        if str(text["trait"]) != id or not all(shapes):
            raise ValueError("of another study")
        return TraitVector(id, str(text["description"]), values, folds, poolings, layers)
    except (KeyError, ValueError, IndexError) as e:
        raise BadFile(f"Trait {id}: missing or malformed part ({e}).") from e
