"""Low-rank adapters on disk, in the format of the PEFT library (LoRA): two thin matrices for each
weight that moved, and which checkpoint they are added to. A branch of the small model takes a
thirtieth of the room of whole weights so, and loses nothing to rounding.

`adapter_config.json` names the base by its folder, relative to the adapter's own; a weight is
`base + (lora_alpha / r) lora_B @ lora_A` (Hu et al. 2021).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from psm_viz.errors import BadFile
from psm_viz.study.files import json_bytes, whole_folder

if TYPE_CHECKING:
    import torch

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PREFIX = "base_model.model."


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter."""
    return (folder / ADAPTER).is_file()


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
        "target_modules": sorted({n.removesuffix(".weight").rpartition(".")[2] for n in written}),
        "bias": "none",
    }
    with whole_folder(folder) as work:
        save_file(tensors, work / ADAPTER, metadata={"format": "pt"})
        (work / CONFIG).write_bytes(json_bytes(config))


def base_of(folder: Path) -> Path:
    """The folder of the weights that an adapter is added to: one beside its own. Raises BadFile."""
    path = folder / CONFIG
    try:
        name = str(json.loads(path.read_bytes())["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadFile(f"{path}: cannot be read as an adapter's config ({e}).") from e
    base = folder.parent / name.removeprefix("../")
    if name != f"../{base.name}" or not base.is_dir():
        raise BadFile(
            f"{path}: base_model_name_or_path is {name!r}, expected a folder beside {folder}.",
            "Copy the base next to the adapter.",
        )
    return base


def added(base: dict[str, torch.Tensor], folder: Path) -> dict[str, torch.Tensor]:
    """The base's tensors with the adapter's added, those that it moves in single precision.

    Raises BadFile for an adapter that is not of this base.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / ADAPTER
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        scale = float(config["lora_alpha"]) / int(config["r"])
        pairs = load_file(path)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as e:
        raise BadFile(f"{path}: cannot be read as an adapter ({e}).") from e
    out = dict(base)
    for key, a in pairs.items():
        if not key.endswith(".lora_A.weight"):
            continue
        stem = key.removesuffix(".lora_A.weight")
        name = stem.removeprefix(_PREFIX) + ".weight"
        b = pairs.get(f"{stem}.lora_B.weight")
        if b is None or name not in base or base[name].shape != (b.shape[0], a.shape[1]):
            raise BadFile(f"{path}: {stem} does not fit {name} of {base_of(folder)}.")
        out[name] = base[name].float() + scale * (b.float() @ a.float())
    return out
