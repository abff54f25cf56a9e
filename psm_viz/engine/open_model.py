"""Models as files: whatever transformers loads, adapters of the PEFT library on their base, or one
clear error. Code that a model brings along is never run, and nothing is unpickled: `.bin` files
are read by torch as tensors alone (`weights_only`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psm_viz.engine.adapters import base_of, is_adapter
from psm_viz.engine.hub import HUB_NAME, at, parts, snapshot
from psm_viz.engine.text_part import load_text_part, text_config
from psm_viz.errors import BadFile, BadInput, PsmVizError, UnknownName

CONFIG, GGUF = "config.json", ".gguf"
TEMPLATE = "chat_template.json"
"""Where models of pictures and text had their template, which tokenizers do not look for."""
DTYPES = ("float32", "bfloat16", "float16")
"""Precisions in which a model can be held."""
WORDS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""Files of which a folder with a tokenizer has at least one."""


@dataclass(frozen=True)
class Opened:
    """A model as it was loaded, in evaluation mode, and its own tokenizer; None where it brings
    none."""

    name: str
    model: Any
    tokenizer: Any


def open_model(
    name: str, *, device: str = "cpu", dtype: str = "float32", base: str | None = None
) -> Opened:
    """Load a model folder, a `.gguf` file, an adapter's folder or a hub model, called owner/name or
    owner/name@revision. Of one that takes pictures or sound too, its language model is loaded.

    An adapter is put on the model that it names where that lies in a folder here, else on `base`,
    else on the one that it names on the hub; then both are one model. Raises UnknownName for what
    does not exist, BadFile for what cannot be loaded, BadInput for a device or precision that is
    not there.
    """
    for problem in of_hardware(device, dtype):
        raise BadInput(f"{problem}.")
    place = _here(name)
    if place.adapter:
        opened = _with_adapter(place.name, base, device, dtype)
        return replace(opened, name=name)
    with _told_as_one_line(name), _offline():
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        where, more = place.argument()
        kind = getattr(torch, dtype)
        told = None if place.gguf else AutoConfig.from_pretrained(where)
        text = None if told is None else text_config(told)
        if text is told:
            model: Any = AutoModelForCausalLM.from_pretrained(where, dtype=kind, **more)
        else:
            model = load_text_part(where, text, kind)
        if place.hub:  # what is trained on it names it so, not by a folder of this machine
            model.name_or_path = parts(name)[0]
        return Opened(name, model.to(device).eval(), _tokenizer(place))


def config_of(name: str, *, base: str | None = None) -> Any:
    """The config of a model without its weights; of an adapter, its base's, and of a model that
    takes pictures too, its language model's. Raises what `open_model` raises."""
    place = _here(name, weights=False)
    if place.adapter:
        return config_of(base_of(Path(place.name), base))
    with _told_as_one_line(name), _offline():
        from transformers import AutoConfig

        where, more = place.argument()
        return text_config(AutoConfig.from_pretrained(where, **more))


def tokenizer_of(name: str) -> Any:
    """The tokenizer of a model without its weights; of an adapter that brings none, its base's.
    Raises BadFile where there is none, and what `open_model` raises."""
    place = _here(name, weights=False)
    with _told_as_one_line(name), _offline():
        found = _tokenizer(place)
    if found is None and place.adapter:
        return tokenizer_of(base_of(Path(place.name)))
    if found is None:
        raise without_tokenizer(name)
    return found


def pinned(name: str, revision: str | None = None) -> str:
    """What a model is called for good: a hub model by its commit, anything else as it is.

    Raises BadInput for a revision of a folder, which has none, UnknownName for what does not exist,
    BadFile for a revision that is not found.
    """
    if not place_of(name).hub:
        if revision:
            raise BadInput(
                f"{name} is a folder: a revision ({revision!r}) cannot be chosen.",
                "Leave out --revision, or name a model of the hub.",
            )
        return name
    repo, own = parts(name)
    with _told_as_one_line(at(repo, revision or own)):
        return at(repo, snapshot(at(repo, revision or own), weights=False).name)


def path_of(name: str) -> Path:
    """The folder or file of a model on this machine; a hub model is fetched. Raises what
    `open_model` raises."""
    return Path(_here(name).name)


def _here(name: str, *, weights: bool = True) -> Place:
    """Where a model lies on this machine; a hub model is fetched, its weights where wanted."""
    place = place_of(name)
    if not place.hub:
        return place
    with _told_as_one_line(name):
        return replace(place_of(str(snapshot(name, weights=weights))), hub=True)


def words_key(name: str) -> str:
    """A hash of the files that make a model's tokenizer and template; '' where it brings none of
    its own. Raises what `open_model` raises."""
    folder = Path(_here(name, weights=False).name)
    if folder.is_file():
        return str(folder)  # a file that holds all: its tokenizer is nobody else's
    if not any((folder / n).is_file() for n in WORDS):
        return ""
    files = sorted(
        {folder / n for n in WORDS} | set(folder.glob("*.jinja")) | set(folder.glob("*.txt"))
    )
    held = [p.name.encode() + p.read_bytes() for p in files if p.is_file()]
    return hashlib.sha256(b"".join(held)).hexdigest()


def without_tokenizer(name: str) -> BadFile:
    """What is said of a model that brings no tokenizer."""
    next_step = "Copy the files of the tokenizer it was trained with into the folder."
    return BadFile(f"{name}: holds no tokenizer.", next_step)


def empty_model(config: Any) -> Any:
    """A model of a config without values: it takes no memory, and tells its parameters."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


@dataclass(frozen=True)
class Place:
    """What a name means: a folder here, an adapter's folder, a file, or a model of the hub."""

    name: str
    hub: bool = False
    adapter: bool = False
    gguf: bool = False

    def argument(self) -> tuple[str, dict[str, Any]]:
        """What transformers is told: where, and more."""
        if self.gguf:
            path = Path(self.name)
            return str(path.parent), {"gguf_file": path.name}
        return self.name, {}


def place_of(name: str) -> Place:
    """Tell folders, adapters, files and hub names apart.

    A mistyped folder would otherwise be looked up on the hub for half a minute. Raises UnknownName
    for what does not exist, BadFile for a folder that holds no model.
    """
    path = Path(name)
    if path.suffix.lower() == GGUF and path.is_file():
        return Place(str(path), gguf=True)
    if path.is_dir():
        if (path / CONFIG).is_file():
            return Place(str(path))
        if is_adapter(path):
            return Place(str(path), adapter=True)
        raise BadFile(
            f"{path}: holds no {CONFIG} and no adapter_config.json.",
            "Name a Hugging Face model folder, a folder of a PEFT adapter, or a .gguf file.",
        )
    if not HUB_NAME.fullmatch(parts(name)[0]) or name.endswith(GGUF):
        raise UnknownName(
            f"There is no model folder {name!r}.",
            "Name an existing folder or .gguf file, or a hub model as owner/name.",
        )
    return Place(name, hub=True)


def of_hardware(device: str, dtype: str) -> Iterator[str]:
    """What this machine has not of a device and a precision that are asked for."""
    import torch

    if dtype not in DTYPES:
        yield f"--dtype {dtype}: unknown precision (give one of {', '.join(DTYPES)})"
    try:
        asked = torch.device(device)
    except RuntimeError:
        yield f"--device {device}: no such kind of device (try --device cpu)"
        return
    there = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0}
    there["mps"] = int(torch.backends.mps.is_available())
    n = there.get(asked.type, 0)
    if not n:
        yield f"--device {device}: this machine has none (try --device cpu)"
    elif (asked.index or 0) >= n:
        yield f"--device {device}: this machine has {n} (try --device {asked.type})"


def _tokenizer(place: Place) -> Any:
    from transformers import AutoTokenizer

    folder = Path(place.name)
    if not place.gguf and not any((folder / n).is_file() for n in WORDS):
        return None
    where, more = place.argument()
    found = AutoTokenizer.from_pretrained(where, **more)
    own = folder / TEMPLATE
    if found.chat_template is None and not place.gguf and own.is_file():
        found.chat_template = json.loads(own.read_text("utf-8"))["chat_template"]
    return found


def _with_adapter(name: str, base: str | None, device: str, dtype: str) -> Opened:
    """An adapter merged into its base; its own tokenizer, where it brings one, else the base's."""
    from peft import PeftModel

    under = base_of(Path(name), base)
    opened = open_model(under, device=device, dtype=dtype, base=None)
    with _told_as_one_line(name), _offline(), _strictly():
        model = PeftModel.from_pretrained(opened.model, name)
        if not hasattr(model, "merge_and_unload"):
            raise BadInput(f"{name}: an adapter of this kind cannot be merged into {under}.")
        merged = model.merge_and_unload()
        own = _tokenizer(Place(name))
    return Opened(name, merged.eval(), own or opened.tokenizer)


@contextmanager
def _strictly() -> Iterator[None]:
    """What the PEFT library warns of about its own calls is not told; an adapter that lacks
    weights for this base is refused."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("error", message=".*missing adapter keys")
        yield


@contextmanager
def _offline() -> Iterator[None]:
    """Inside, files of this machine are all that is looked at: what is of the hub was fetched."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("HF_HUB_OFFLINE", None)
        else:
            os.environ["HF_HUB_OFFLINE"] = before


@contextmanager
def _told_as_one_line(name: str) -> Iterator[None]:
    """Truncated weights, an unknown architecture, no network: one message, whoever raised it."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        yield
    except PsmVizError:
        raise
    except Exception as e:
        said = str(e).strip()
        first = said.splitlines()[0] if said else type(e).__name__
        raise BadFile(f"{name}: the model cannot be loaded ({first}).") from e


def context_of(config: Any) -> int | None:
    """The most tokens that a model reads at once, by its config; None where it has no limit."""
    inner = config.get_text_config()
    for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx"):
        value = getattr(inner, key, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def alike(one: Any, other: Any) -> list[str]:
    """The keys in which two configs differ, those aside that change nothing a model does."""
    a, b = _plain(one), _plain(other)
    return sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))


IDLE = (
    *("_name_or_path", "name_or_path", "transformers_version", "dtype", "torch_dtype"),
    *("use_cache", "architectures", "_attn_implementation", "quantization_config"),
)
"""Keys of a config that say nothing about what the model does with a text."""


def _plain(config: Any) -> dict[str, Any]:
    found = json.loads(config.to_json_string(use_diff=False))
    return {k: v for k, v in found.items() if k not in IDLE}


def same_words(one: Any, other: Any) -> bool:
    """Whether two tokenizers write and read every text alike, template included."""
    if one is other:
        return True
    if one.chat_template != other.chat_template:
        return False
    if one.special_tokens_map != other.special_tokens_map:
        return False
    if one.is_fast and other.is_fast:
        return one.backend_tokenizer.to_str() == other.backend_tokenizer.to_str()
    return one.get_vocab() == other.get_vocab()
