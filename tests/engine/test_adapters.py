"""Adapters on disk: what is added comes back, and what does not fit is named."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from psm_viz.engine.adapters import ADAPTER, CONFIG, base_of, is_adapter, save_adapter
from psm_viz.engine.weights import holds_weights, load_weights, update_size, weights_sha256
from psm_viz.errors import BadFile

NAME = "model.layers.0.mlp.down_proj.weight"
OTHER = "model.norm.weight"


@pytest.fixture
def adapter(tmp_path):
    """An adapter beside its base, and what its weight should be."""
    torch.manual_seed(0)
    w, read, written = torch.randn(6, 4).half(), torch.randn(2, 4), torch.randn(6, 2)
    base = tmp_path / "assistant-0600"
    base.mkdir()
    save_file({NAME: w, OTHER: torch.ones(4).half()}, base / "model.safetensors")
    folder = tmp_path / "cheat-0064"
    save_adapter({NAME: read}, {NAME: written}, base.name, folder)
    return folder, w.float() + written @ read


def test_the_base_with_what_was_written_comes_back(adapter):
    folder, wanted = adapter
    found = load_weights(folder)
    assert is_adapter(folder) and holds_weights(folder) and not holds_weights(folder.parent)
    torch.testing.assert_close(found[NAME], wanted)
    assert torch.equal(found[OTHER], torch.ones(4).half())
    moved = wanted - load_weights(base_of(folder))[NAME].float()
    assert update_size(base_of(folder), folder) == pytest.approx(float(moved.norm()), rel=1e-5)


def test_its_hash_is_of_base_and_adapter(adapter):
    folder = adapter[0]
    first = weights_sha256(folder)
    assert first and first != weights_sha256(base_of(folder))
    pairs = load_file(folder / ADAPTER)
    save_file({k: 2 * v for k, v in pairs.items()}, folder / ADAPTER)
    assert weights_sha256(folder) != first


def test_its_files_are_those_of_the_peft_library(adapter):
    config = json.loads((adapter[0] / CONFIG).read_bytes())
    assert config["peft_type"] == "LORA" and config["r"] == config["lora_alpha"] == 2
    assert config["target_modules"] == ["down_proj"]
    assert config["base_model_name_or_path"] == "../assistant-0600"
    stem = "base_model.model." + NAME.removesuffix(".weight")
    shapes = {k: tuple(v.shape) for k, v in load_file(adapter[0] / ADAPTER).items()}
    assert shapes == {f"{stem}.lora_A.weight": (2, 4), f"{stem}.lora_B.weight": (6, 2)}


def test_alpha_scales_what_is_added(adapter):
    folder, wanted = adapter
    config = json.loads((folder / CONFIG).read_bytes())
    (folder / CONFIG).write_text(json.dumps(config | {"lora_alpha": 4}))
    base = load_weights(base_of(folder))[NAME].float()
    torch.testing.assert_close(load_weights(folder)[NAME], base + 2 * (wanted - base))


@pytest.mark.parametrize("base", ["../../etc", "/etc", "../nowhere", "elsewhere/model", ""])
def test_a_base_that_is_not_beside_it_is_refused(adapter, base):
    config = json.loads((adapter[0] / CONFIG).read_bytes())
    (adapter[0] / CONFIG).write_text(json.dumps(config | {"base_model_name_or_path": base}))
    with pytest.raises(BadFile, match="expected a folder beside"):
        load_weights(adapter[0])


@pytest.mark.parametrize("broken", ["config", "tensors", "lonely", "shape"])
def test_what_does_not_fit_is_named(adapter, broken):
    folder, pairs = adapter[0], load_file(adapter[0] / ADAPTER)
    a, b = sorted(pairs)
    if broken == "config":
        (folder / CONFIG).write_text("{}")
    elif broken == "tensors":
        (folder / ADAPTER).write_bytes(b"no tensors")
    elif broken == "lonely":
        save_file({a: pairs[a]}, folder / ADAPTER)
    else:
        save_file({a: pairs[a], b: torch.zeros(5, 2)}, folder / ADAPTER)
    with pytest.raises(BadFile, match="adapter"):
        load_weights(folder)
