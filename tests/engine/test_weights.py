"""Weights as the hub holds them: in several files, in half precision, with or without a padding
token."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.weight_files import weight_files
from psm_viz.engine.weights import update_size, weights_of, weights_sha256
from psm_viz.errors import BadFile
from tests.made.models import write_tiny_model

TALK = ["User: Who are you?\nAssistant:", "User: Hello there, how are you today?\nAssistant:"]


@pytest.fixture(scope="module")
def sharded(folder, tmp_path_factory):
    """The same weights in several files, as the hub splits large models."""
    out = tmp_path_factory.mktemp("models") / "sharded"
    shutil.copytree(folder, out)
    (out / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(out, max_shard_size="40KB")
    assert len(list(out.glob("*.safetensors"))) > 1
    return out


def read(chat):
    return chat.pooled(chat.encode(TALK))[:, 0]


def test_weights_in_several_files_are_the_same_weights(chat, folder, sharded):
    assert len(weight_files(sharded)) > 1 and weight_files(folder) == [folder / "model.safetensors"]
    whole, split = weights_of(folder), weights_of(sharded)
    assert {k: v.shape for k, v in whole.items()} == {k: v.shape for k, v in split.items()}
    assert np.allclose(read(load_chat_model(str(sharded), threads=1)), read(chat), atol=1e-6)
    assert update_size(whole, split) == pytest.approx(0, abs=1e-9)
    assert weights_sha256(sharded) not in ("", weights_sha256(folder))
    assert weights_sha256(sharded.parent) == ""  # none at all


def test_they_are_swapped_in_from_several_files(world, sharded, tmp_path):
    other = load_chat_model(str(write_tiny_model(world, tmp_path / "other", seed=1)), threads=1)
    before = read(other)
    other.swap(sharded)
    own = load_chat_model(str(sharded), threads=1)
    assert np.allclose(read(other), read(own), atol=1e-6) and not np.allclose(before, read(own))


@pytest.mark.parametrize(
    ("index", "problem"),
    [
        ("{", "cannot be read as an index"),
        (json.dumps({"weight_map": {"x": "gone.safetensors"}}), "names 'gone.safetensors'"),
        (json.dumps({"weight_map": {"x": "../model.safetensors"}}), "names '../model.safetensors'"),
    ],
)
def test_an_index_that_names_what_is_not_there_is_refused(folder, tmp_path, index, problem):
    out = shutil.copytree(folder, tmp_path / "model" / "broken")
    shutil.move(out / "model.safetensors", out.parent)
    (out / "model.safetensors.index.json").write_text(index)
    with pytest.raises(BadFile, match=problem):
        weight_files(out)


def test_half_precision_is_read_in_single(chat, folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "half")
    half = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    half.save_pretrained(out)
    assert {v.dtype for v in half.parameters()} == {torch.bfloat16}
    loaded = load_chat_model(str(out), threads=1)
    assert {p.dtype for p in loaded.hf.parameters()} == {torch.float32}
    # eight bits of mantissa: a hundredth of a weight's own size
    assert np.allclose(read(loaded), read(chat), atol=0.05) and not np.allclose(
        read(loaded), read(chat), atol=1e-6
    )
    loaded.swap(folder)
    assert np.allclose(read(loaded), read(chat), atol=1e-6)


def test_a_tokenizer_without_a_padding_token_pads_all_the_same(chat, folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "unpadded")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(out)
    loaded = load_chat_model(str(out), threads=1)
    assert loaded.tokenizer.pad_token_id is None
    assert np.allclose(read(loaded), read(chat), atol=1e-6)
    prompts, greedy = chat.encode(TALK), Sampling(0.0, 5, 1)
    assert loaded.sample(prompts, greedy) == chat.sample(prompts, greedy)
