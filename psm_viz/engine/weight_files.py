"""Files of weights: which a model's folder holds, and whether they are whole."""

from __future__ import annotations

import json
from pathlib import Path

from psm_viz.engine.adapters import is_adapter
from psm_viz.errors import BadFile

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


def adapter_files(folder: Path) -> list[Path]:
    """The files of an adapter's weights."""
    return sorted(path for kind in ADAPTERS for path in folder.glob(kind))


def holds_weights(folder: Path) -> bool:
    """Whether a folder holds a checkpoint: weights of its own, or an adapter to others."""
    return folder.is_dir() and (is_adapter(folder) or bool(weight_files(folder)))
