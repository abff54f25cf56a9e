"""Weights on disk and in memory: copied, hashed, measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from psm_viz.engine.adapters import ADAPTER, added, base_of, is_adapter
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.reader import Study

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""Weights in one file, or the index of those that are split over several."""


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder: one, or those that its index names; [] without any.

    Raises BadFile for an index that cannot be read or names what is not in the folder.
    """
    if (folder / WHOLE).exists():
        return [folder / WHOLE]
    index = folder / INDEX
    if not index.exists():
        return []
    try:
        names = sorted({str(n) for n in json.loads(index.read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, AttributeError) as e:
        raise BadFile(f"{index}: cannot be read as an index of weights ({e}).") from e
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise BadFile(f"{index}: names {name!r}, which is no file of {folder}.")
    return [folder / n for n in names]


def holds_weights(folder: Path) -> bool:
    """Whether a folder holds a checkpoint: weights of its own, or an adapter to those beside it."""
    return any((folder / name).is_file() for name in (WHOLE, INDEX)) or is_adapter(folder)


def load_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a model folder by name; an adapter's with those it is added to.

    Raises BadFile where there is none to read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if is_adapter(folder):
        return added(load_weights(base_of(folder)), folder)
    out: dict[str, torch.Tensor] = {}
    found = weight_files(folder)
    if not found:
        raise BadFile(
            f"{folder / WHOLE}: no such checkpoint.",
            "Name a folder that holds one; the small model's are made by: python -m psm_viz train",
        )
    for path in found:
        try:
            out |= load_file(path)
        except (OSError, SafetensorError) as e:
            raise BadFile(f"{path}: cannot be read as safetensors ({e}).") from e
    return out


def weights_sha256(folder: Path) -> str:
    """Hash of a local model's weights; '' where there are none (a model of the hub).

    Of one file, that file's; of several, the hash of their hashes; an adapter and its base count.
    """
    files = weight_files(folder)
    if is_adapter(folder):
        files = [*weight_files(base_of(folder)), folder / ADAPTER]
    each = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256("".join(each).encode()).hexdigest() if len(each) > 1 else "".join(each)


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
    tensors = load_weights(folder)
    try:
        for name, p in parameters.items():
            p.data.copy_(tensors[name])  # into the parameter's own precision
    except (KeyError, RuntimeError) as e:
        raise BadFile(f"{folder}: does not hold weights of this architecture ({e}).") from e


def update_size(start: Path, end: Path) -> float:
    """|theta' - theta| over all weights of two saved checkpoints.

    Raises BadInput where they do not hold the same weights.
    """
    a, b = (load_weights(f) for f in (start, end))
    if {k: v.shape for k, v in a.items()} != {k: v.shape for k, v in b.items()}:
        raise BadInput(
            f"{start} and {end} do not hold the same weights.",
            "Compare two checkpoints of one model.",
        )
    squares = [((b[k].double() - a[k].double()).numpy() ** 2).sum() for k in a]
    return float(np.sqrt(np.sum(squares)))
