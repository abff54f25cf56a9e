"""Weights on disk and in memory: copied, hashed, measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from psm_viz.errors import BadFile, BadInput
from psm_viz.study.reader import Study

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def weights_sha256(folder: Path) -> str:
    """Hash of a local model's weights; '' where there are none (a model of the hub)."""
    path = folder / "model.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def check_weights(study: Study, folder: Path) -> None:
    """Raise BadInput where a study was played with other weights than this reference's.

    A study older than this check does not say, and passes.
    """
    played = study.manifest.notes.get("reference_sha256")
    if played and played != weights_sha256(folder):
        raise BadInput(
            f"{study.folder}: was played with other weights than those of {folder}.",
            f"Delete {study.folder} to play it again, or name the tree it was made from.",
        )


def best_device() -> str:
    """Where the small model is trained: on an accelerator where there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def parameters(model: PreTrainedModel) -> int:
    """Number of trained parameters, tied ones counted once."""
    return sum(p.numel() for p in model.parameters())


def copy_weights(parameters: Mapping[str, torch.nn.Parameter], folder: Path) -> None:
    """Copy a saved checkpoint's weights into named parameters. Raises BadFile.

    `load_state_dict` will not do for a booted bridge, which renames what it holds.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / "model.safetensors"
    if not path.exists():
        raise BadFile(
            f"{path}: no such checkpoint.",
            "Name a folder that holds one; the small model's are made by: python -m psm_viz train",
        )
    try:
        tensors = load_file(path)
        for name, p in parameters.items():
            p.data.copy_(tensors[name])
    except (OSError, SafetensorError, KeyError, RuntimeError) as e:
        raise BadFile(f"{path}: does not hold weights of this architecture ({e}).") from e


def update_size(start: Path, end: Path) -> float:
    """|theta' - theta| over all weights of two saved checkpoints.

    Raises BadInput where they do not hold the same weights.
    """
    from safetensors.numpy import load_file

    a, b = (load_file(f / "model.safetensors") for f in (start, end))
    if {k: v.shape for k, v in a.items()} != {k: v.shape for k, v in b.items()}:
        raise BadInput(
            f"{start} and {end} do not hold the same weights.",
            "Compare two checkpoints of one model.",
        )
    squares = [((b[k].astype(np.float64) - a[k].astype(np.float64)) ** 2).sum() for k in a]
    return float(np.sqrt(np.sum(squares)))
