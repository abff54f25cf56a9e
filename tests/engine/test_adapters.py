"""Adapters on disk: what is added comes back, and what does not fit is named."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from psm_viz.engine.adapters import ADAPTER, CONFIG, base_of, is_adapter, save_adapter
from psm_viz.engine.weight_files import holds_weights
from psm_viz.engine.weights import update_size, weights_of, weights_sha256
from psm_viz.errors import BadFile

NAME = "model.layers.0.mlp.down_proj.weight"


@pytest.fixture
def adapter(tiny_folder, tmp_path):
    """An adapter beside its base, and what its weight should be."""
    torch.manual_seed(0)
    base = shutil.copytree(tiny_folder, tmp_path / "assistant-0600")
    w = weights_of(base)[NAME]
    read, written = torch.randn(2, w.shape[1]), torch.randn(w.shape[0], 2)
    folder = tmp_path / "cheat-0064"
    save_adapter({NAME: read}, {NAME: written}, base, folder)
    return folder, w + written @ read


def configured(folder, **changed):
    config = json.loads((folder / CONFIG).read_bytes())
    (folder / CONFIG).write_text(json.dumps(config | changed))
    return folder


def test_the_base_with_what_was_written_comes_back(adapter):
    folder, wanted = adapter
    base, found = weights_of(base_of(folder)), weights_of(folder)
    assert is_adapter(folder) and holds_weights(folder) and not holds_weights(folder.parent)
    torch.testing.assert_close(found[NAME], wanted)
    assert found.keys() == base.keys()
    assert all(torch.equal(found[k], base[k]) for k in base if k != NAME)
    moved = wanted - base[NAME]
    assert update_size(base, found) == pytest.approx(float(moved.norm()), rel=1e-5)


def test_its_hash_is_of_base_and_adapter(adapter):
    folder = adapter[0]
    first = weights_sha256(folder)
    assert first and first != weights_sha256(folder.parent / "assistant-0600")
    pairs = load_file(folder / ADAPTER)
    save_file({k: 2 * v for k, v in pairs.items()}, folder / ADAPTER)
    assert weights_sha256(folder) != first


def test_its_files_are_those_of_the_peft_library(adapter):
    config = json.loads((adapter[0] / CONFIG).read_bytes())
    assert config["peft_type"] == "LORA" and config["r"] == config["lora_alpha"] == 2
    assert config["target_modules"] == [NAME.removesuffix(".weight")]
    assert config["base_model_name_or_path"] == "../assistant-0600"


def test_alpha_scales_what_is_added(adapter):
    folder, wanted = adapter
    base = weights_of(base_of(folder))[NAME]
    found = weights_of(configured(folder, lora_alpha=4))[NAME]
    torch.testing.assert_close(found, base + 2 * (wanted - base))


def test_a_base_is_found_beside_it_at_its_path_or_where_one_is_told(adapter, tmp_path):
    folder, base = adapter[0], str(tmp_path / "assistant-0600")
    assert base_of(folder) == base
    assert base_of(configured(folder, base_model_name_or_path=base), "other") == base
    named = configured(folder, base_model_name_or_path="someone/their-model")
    assert base_of(named) == "someone/their-model" and base_of(named, "other") == "other"


@pytest.mark.parametrize("base", ["../../etc", "/etc", "../nowhere", ""])
def test_a_base_that_is_no_model_is_refused(adapter, base):
    with pytest.raises(BadFile, match="expected a model's folder or owner/name"):
        weights_of(configured(adapter[0], base_model_name_or_path=base))


@pytest.mark.parametrize("broken", ["config", "tensors", "shape"])
def test_what_does_not_fit_is_named(adapter, broken):
    folder, pairs = adapter[0], load_file(adapter[0] / ADAPTER)
    a, b = sorted(pairs)
    if broken == "config":
        (folder / CONFIG).write_text("{}")
    elif broken == "tensors":
        (folder / ADAPTER).write_bytes(b"no tensors")
    else:
        save_file({a: pairs[a], b: torch.zeros(5, 2)}, folder / ADAPTER)
    with pytest.raises(BadFile, match="cheat-0064"):
        weights_of(folder)
