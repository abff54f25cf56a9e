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
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from psm_viz.errors import BadFile
from psm_viz.study.files import json_bytes, whole_folder

if TYPE_CHECKING:
    import torch

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
MODEL = "config.json"
_PREFIX, _READ, _WRITTEN = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model of its own."""
    return (folder / CONFIG).is_file() and not (folder / MODEL).is_file()


def save_adapter(
    read: Mapping[str, torch.Tensor],
    written: Mapping[str, torch.Tensor],
    base: Path,
    folder: Path,
) -> None:
    """Write weight -> `written` [out, r] @ `read` [r, in], to be added to the model in the folder
    `base`, in one rename."""
    from safetensors.torch import save_file

    tensors = {}
    for name, b in written.items():
        key = _PREFIX + name.removesuffix(".weight")
        tensors[f"{key}{_READ}"] = read[name].detach().float().cpu().contiguous()
        tensors[f"{key}{_WRITTEN}"] = b.detach().float().cpu().contiguous()
    rank = {len(a) for a in read.values()}
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": seen_from(folder, base),
        "r": max(rank),
        "lora_alpha": max(rank),
        "target_modules": sorted(n.removesuffix(".weight") for n in written),
        "bias": "none",
    }
    with whole_folder(folder) as work:
        save_file(tensors, work / ADAPTER, metadata={"format": "pt"})
        (work / CONFIG).write_bytes(json_bytes(config))


def seen_from(folder: Path, base: Path) -> str:
    """A base as an adapter's config names it: by the way there from the adapter's own folder, so
    that both can be moved together."""
    return Path(os.path.relpath(base.resolve(), folder.resolve())).as_posix()


def adapter_size(folder: Path) -> float:
    """|W' - W| over all weights that an adapter moves: of B A alpha / r. Raises BadFile."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / CONFIG).read_bytes())
        scale = config["lora_alpha"] / config["r"]
        tensors = load_file(folder / ADAPTER)
        written = {k: v for k, v in tensors.items() if k.endswith(_WRITTEN)}
        pairs = [(b, tensors[k.removesuffix(_WRITTEN) + _READ]) for k, b in written.items()]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as e:
        raise BadFile(f"{folder}: cannot be read as an adapter ({e}).") from e
    total = 0.0
    for b, a in pairs:  # |B A|^2 is the sum of (B'B) o (A A'), which are as small as the rank
        b, a = b.double(), a.double()
        total += float(((b.T @ b) * (a @ a.T)).sum())
    return scale * total**0.5


def carry(folder: Path, to: Path, base: str) -> None:
    """Copy a save to another place, in one rename. An adapter names its base by the way there from
    its new place: the one that it named where that is found, else `base`. Raises BadFile."""
    with whole_folder(to) as work:
        shutil.copytree(folder, work, dirs_exist_ok=True)
        if not is_adapter(folder):
            return
        found = base_of(folder, base)
        named = seen_from(to, Path(found)) if Path(found).is_dir() else found
        config = json.loads((work / CONFIG).read_bytes()) | {"base_model_name_or_path": named}
        (work / CONFIG).write_bytes(json_bytes(config))


def base_of(folder: Path, otherwise: str | None = None) -> str:
    """The model that an adapter is added to: the one that it names, where that is a folder here;
    else `otherwise`; else its name on the hub, at the revision that it names. Raises BadFile."""
    path = folder / CONFIG
    try:
        said = json.loads(path.read_bytes())
        name = str(said["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadFile(f"{path}: cannot be read as an adapter's config ({e}).") from e
    for there in (folder / name, Path(name)):  # as seen from the adapter, then from here
        if name and (there / MODEL).is_file():
            return os.path.normpath(there)
    if otherwise:
        return otherwise
    if name.count("/") == 1 and not name.startswith((".", "/")):
        return f"{name}@{said['revision']}" if said.get("revision") else name
    raise BadFile(
        f"{path}: base_model_name_or_path is {name!r}, expected a model's folder or owner/name.",
        f"Put the model that the adapter was trained on where {folder} expects it.",
    )
