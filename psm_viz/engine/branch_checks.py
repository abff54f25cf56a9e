"""Every checkpoint's files, looked at before anything is played: whether weights are whole, an
adapter fits its base, an architecture can be read.

Headers are read, and models built without values (torch's device `meta`): no weights are loaded, so
that it takes a moment and no memory. What a file's header does not tell is found when it is loaded.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from psm_viz.engine.adapters import CONFIG, base_of, is_adapter
from psm_viz.engine.chat_model import unreadable
from psm_viz.engine.open_model import config_of, empty_model
from psm_viz.engine.weight_files import adapter_files, weight_files
from psm_viz.errors import PsmVizError

LENGTH = 8
"""Bytes in which a safetensors file says how long its header is."""
SHOWN = 3
"""Names of layers told of those that are wrong."""
AGAIN = "copy it there again"


def of_files(folder: Path, base: str) -> Iterator[str]:
    """What is wrong with the weights of a folder or file; an adapter that names no model here is
    put on `base`."""
    try:
        adapter = is_adapter(folder)
        for path in adapter_files(folder) if adapter else weight_files(folder):
            yield from _of_file(path)
        if adapter:
            yield from _of_adapter(folder, base)
    except PsmVizError as e:
        yield e.problem.rstrip(".")


def _of_file(path: Path) -> Iterator[str]:
    try:
        if path.suffix == ".safetensors":
            header_of(path)
        elif path.suffix == ".bin":
            with path.open("rb") as f:
                cut = f.read(2) == b"PK" and not zipfile.is_zipfile(path)  # its list is at the end
            if cut:
                yield f"{path}: is cut off ({AGAIN})"
    except (OSError, ValueError) as e:
        yield f"{path}: {e} ({AGAIN})"


def header_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors in a safetensors file. Raises ValueError for one that is not as
    long as its header says."""
    size = path.stat().st_size
    with path.open("rb") as f:
        told = int.from_bytes(f.read(LENGTH), "little")
        if not 2 <= told <= size - LENGTH:
            raise ValueError(f"has no header of safetensors in its {size:,} bytes")
        try:
            said = json.loads(f.read(told))
            said.pop("__metadata__", None)
            ends = max((int(t["data_offsets"][1]) for t in said.values()), default=0)
            shapes = {name: tuple(map(int, t["shape"])) for name, t in said.items()}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as e:
            raise ValueError(f"its header cannot be read ({e})") from e
    if LENGTH + told + ends != size:
        raise ValueError(f"has {size:,} bytes, its header says {LENGTH + told + ends:,}")
    return shapes


def _of_adapter(folder: Path, base: str) -> Iterator[str]:
    """What of an adapter does not fit the model that it is put on."""
    under = base_of(folder, base)
    try:
        wanted = _slots((folder / CONFIG).read_text("utf-8"), str(folder), under)
    except PsmVizError:
        raise
    except Exception as e:  # the library raises what it likes of a config
        said = str(e).strip().partition("\n")[0][:200]
        yield f"{folder}: this adapter cannot be put on {under} ({said})"
        return
    files = adapter_files(folder)
    if not files:
        yield f"{folder}: holds no adapter_model.safetensors ({AGAIN})"
    if not files or any(p.suffix != ".safetensors" for p in files):
        return
    try:
        have = {k: v for path in files for k, v in header_of(path).items()}
    except (OSError, ValueError):
        return  # is told of the file
    wrong = sorted(k for k, shape in wanted.items() if have.get(k) != shape)
    if wrong:
        some = ", ".join(wrong[:SHOWN]) + (", ..." if len(wrong) > SHOWN else "")
        yield f"{folder}: lacks weights of the shape that {under} needs ({some})"


@lru_cache(maxsize=4)
def _slots(config: str, folder: str, under: str) -> Mapping[str, tuple[int, ...]]:
    """Name -> shape of the weights that an adapter of a config has on a model. `config` is what
    stands in `folder`: saves of one training are looked at once."""
    import torch
    from peft import PeftConfig, get_peft_model, get_peft_model_state_dict

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        told = PeftConfig.from_pretrained(folder)
        model = get_peft_model(empty_model(config_of(under)), told)
        known = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tuple(t.shape) for name, t in known.items()}


def of_kind(config: Any) -> Iterator[str]:
    """Why a model of this config is none that can be played and read."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        yield (
            f"transformers has no model of the type {config.model_type} that goes on with a text "
            "by itself (AutoModelForCausalLM)"
        )
    elif why := unreadable(config):
        yield why
