"""Weights on disk and in memory: copied, hashed, measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from psm_viz.engine.adapters import base_of, is_adapter
from psm_viz.engine.open_model import open_model
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.manifest import REFERENCE_SHA256
from psm_viz.study.reader import Study

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""Weights in one file, or the index of those that are split over several."""
OTHERS = ("pytorch_model*.bin", "consolidated*.safetensors")
"""Older and rarer names of files of weights."""
ADAPTERS = ("adapter_model*.safetensors", "adapter_model*.bin")


def weight_files(name: Path) -> list[Path]:
    """The files of a model's own weights, in the order of their names; [] where there are none
    here.

    Raises BadFile for an index that cannot be read or names what is not in the folder.
    """
    if name.is_file():
        return [name]
    if (name / WHOLE).exists():
        return [name / WHOLE]
    index = name / INDEX
    if not index.exists():
        return sorted(path for pattern in OTHERS for path in name.glob(pattern))
    try:
        names = sorted({str(n) for n in json.loads(index.read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, AttributeError) as e:
        raise BadFile(f"{index}: cannot be read as an index of weights ({e}).") from e
    for one in names:
        if Path(one).name != one or not (name / one).is_file():
            raise BadFile(f"{index}: names {one!r}, which is no file of {name}.")
    return [name / n for n in names]


def holds_weights(folder: Path) -> bool:
    """Whether a folder holds a checkpoint: weights of its own, or an adapter to others."""
    return folder.is_dir() and (is_adapter(folder) or bool(weight_files(folder)))


def weights_of(name: str | Path) -> dict[str, torch.Tensor]:
    """Every trained tensor of a model by name, in single precision; an adapter's with those that
    it is added to. Raises what `open_model` raises."""
    model = open_model(str(name)).model
    return {key: p.detach() for key, p in model.named_parameters()}


def weights_sha256(folder: Path) -> str:
    """Hash of a local model's weights; '' where there are none (a model of the hub).

    Of one file, that file's; of several, the hash of their hashes; an adapter and its base count.
    """
    files = weight_files(folder)
    if is_adapter(folder):
        adapter = sorted(path for kind in ADAPTERS for path in folder.glob(kind))
        files = [*weight_files(Path(base_of(folder))), *adapter]
    each = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256("".join(each).encode()).hexdigest() if len(each) > 1 else "".join(each)


def check_weights(study: Study, folder: Path) -> None:
    """Raise BadInput where a study was played with other weights than this reference's.

    A study older than this check does not say, and passes, as does one of a model of the hub.
    """
    played = study.manifest.notes.get(REFERENCE_SHA256)
    if played and played != weights_sha256(folder):
        raise BadInput(
            f"{study.folder}: was played with other weights than those of {folder}.",
            "Name the model or tree that the study was made from, or delete the study and play it "
            "again.",
        )


def best_device() -> str:
    """Where the small model is trained: on an accelerator where there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def parameters(model: PreTrainedModel) -> int:
    """Number of trained parameters, tied ones counted once."""
    return sum(p.numel() for p in model.parameters())


def copy_weights(parameters: Mapping[str, torch.nn.Parameter], name: str | Path) -> None:
    """Copy a saved checkpoint's weights into named parameters. Raises BadFile where it is of
    another architecture."""
    fill(parameters, weights_of(name), str(name))


def fill(
    parameters: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor], name: str
) -> None:
    """Set each tensor to the value of its name, in its own precision. Raises BadFile."""
    try:
        for key, p in parameters.items():
            p.data.copy_(values[key])
    except (KeyError, RuntimeError) as e:
        raise BadFile(f"{name}: does not hold weights of this architecture ({e}).") from e


def update_size(start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor]) -> float:
    """|theta' - theta| over all weights of two checkpoints of one model.

    Raises BadInput where they do not hold the same weights.
    """
    if {k: v.shape for k, v in start.items()} != {k: v.shape for k, v in end.items()}:
        raise BadInput(
            "The two checkpoints do not hold the same weights.",
            "Compare two checkpoints of one model.",
        )
    squares = [((end[k].double() - start[k].double()).numpy() ** 2).sum() for k in start]
    return float(np.sqrt(np.sum(squares)))
