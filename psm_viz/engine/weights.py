"""Weights on disk and in memory: copied, hashed, measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from psm_viz.engine.adapters import base_of, is_adapter
from psm_viz.engine.hub import HUB_NAME, parts
from psm_viz.engine.open_model import open_model, path_of
from psm_viz.engine.weight_files import adapter_files, weight_files
from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.manifest import REFERENCE_SHA256
from psm_viz.study.reader import Study

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def weights_of(name: str | Path) -> dict[str, torch.Tensor]:
    """Every trained tensor of a model by name, in single precision; an adapter's with those that
    it is added to. Raises what `open_model` raises."""
    model = open_model(str(name)).model
    return {key: p.detach() for key, p in model.named_parameters()}


def weights_sha256(name: str | Path, base: str | None = None) -> str:
    """Hash of a model's weights; '' where it is no folder and no file, or holds none.

    Of one file, that file's; of several, the hash of their hashes; an adapter and the model that
    it is put on count, which is looked for as `open_model` does. A hub model's are hashed as they
    lie here, and fetched first where they do not.
    """
    try:
        path = Path(name) if Path(name).exists() else path_of(str(name))
    except UnknownName:
        return ""
    each = [_hash(file) for file in _files(path, base)]
    return hashlib.sha256("".join(each).encode()).hexdigest() if len(each) > 1 else "".join(each)


def _files(path: Path, base: str | None) -> list[Path]:
    if not is_adapter(path):
        return weight_files(path)
    return [*weight_files(path_of(base_of(path, base))), *adapter_files(path)]


def _hash(path: Path) -> str:
    """Of a file that may be larger than the memory."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def check_weights(study: Study, name: str | Path) -> None:
    """Raise BadInput where a study was played with other weights than this reference's, or says by
    name alone which they were, and this is another name.

    A study older than this check whose reference was a folder does not say, and passes, as does one
    of vectors made elsewhere.
    """
    played = study.manifest.notes.get(REFERENCE_SHA256)
    if not played:
        return _check_name(study, str(name))
    if played != weights_sha256(name):
        raise BadInput(
            f"{study.folder}: was played with other weights than those of {name}.",
            "Name the model or tree that the study was made from, or delete the study and play it "
            "again.",
        )
    return None


def _check_name(study: Study, name: str) -> None:
    """Studies of hub models used to note no hash: of what is called otherwise nobody can say
    whether it is the same."""
    model = study.manifest.model
    own = str(model.get("name", ""))
    if "dtype" not in model or not HUB_NAME.fullmatch(own) or Path(own).is_dir():
        return
    if parts(name)[0] != own:
        raise BadInput(
            f"{study.folder}: was played by {own} before hashes of hub models were noted; whether "
            f"{name} has the same weights cannot be told.",
            f"Give --model {own}, or play the study again.",
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
