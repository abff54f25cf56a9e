"""Low-rank adapters on disk, in the format of the PEFT library (LoRA): two thin matrices for each
weight that moved, and which checkpoint they are added to. A branch of the small model takes a
thirtieth of the room of whole weights so, and loses nothing to rounding.

`adapter_config.json` names the base by its folder, relative to the adapter's own; a weight is
`base + (lora_alpha / r) lora_B @ lora_A` (Hu et al. 2021). They are read by that library, in
`open_model`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from psm_viz.errors import BadFile
from psm_viz.study.files import json_bytes, whole_folder

if TYPE_CHECKING:
    import torch

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
MODEL = "config.json"
_PREFIX = "base_model.model."


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model of its own."""
    return (folder / CONFIG).is_file() and not (folder / MODEL).is_file()


def save_adapter(
    read: Mapping[str, torch.Tensor],
    written: Mapping[str, torch.Tensor],
    base: str,
    folder: Path,
) -> None:
    """Write weight -> `written` [out, r] @ `read` [r, in], to be added to the sibling folder
    `base`, in one rename."""
    from safetensors.torch import save_file

    tensors = {}
    for name, b in written.items():
        key = _PREFIX + name.removesuffix(".weight")
        tensors[f"{key}.lora_A.weight"] = read[name].detach().float().cpu().contiguous()
        tensors[f"{key}.lora_B.weight"] = b.detach().float().cpu().contiguous()
    rank = {len(a) for a in read.values()}
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": f"../{base}",
        "r": max(rank),
        "lora_alpha": max(rank),
        "target_modules": sorted(n.removesuffix(".weight") for n in written),
        "bias": "none",
    }
    with whole_folder(folder) as work:
        save_file(tensors, work / ADAPTER, metadata={"format": "pt"})
        (work / CONFIG).write_bytes(json_bytes(config))


def base_of(folder: Path, otherwise: str | None = None) -> str:
    """The model that an adapter is added to: the one that it names, where that is a folder here;
    else `otherwise`; else its name on the hub. Raises BadFile."""
    path = folder / CONFIG
    try:
        name = str(json.loads(path.read_bytes())["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadFile(f"{path}: cannot be read as an adapter's config ({e}).") from e
    for there in (folder / name, Path(name)):  # as seen from the adapter, then from here
        if name and (there / MODEL).is_file():
            return os.path.normpath(there)
    if otherwise:
        return otherwise
    if name.count("/") == 1 and not name.startswith((".", "/")):
        return name
    raise BadFile(
        f"{path}: base_model_name_or_path is {name!r}, expected a model's folder or owner/name.",
        f"Put the model that the adapter was trained on where {folder} expects it.",
    )
