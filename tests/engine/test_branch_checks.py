"""A branch that could not be played is told before its reference is."""

import json
import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlavaConfig

from psm_viz.engine.branch_checks import header_of, of_files, of_kind
from psm_viz.engine.text_part import text_config
from tests.engine.test_open_model import copied, lora
from tests.engine.test_preflight import refused as refused
from tests.made.models import MORE, SMALL, any_model, gpt2, write_architecture, write_tiny_model


def other_kind(kind):
    def make(vocab):
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
        config = AutoConfig.for_model(kind, vocab_size=vocab, intermediate_size=32, **sizes)
        return AutoModelForCausalLM.from_config(config)

    return make


def halved(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_all_branches_that_cannot_be_played_are_told_at_once(refused, world, folder, tmp_path):
    write_architecture(world, tmp_path / "strange", other_kind("biogpt"))
    shutil.copytree(folder, tmp_path / "cut")
    halved(tmp_path / "cut" / "model.safetensors")
    other = write_architecture(world, tmp_path / "gpt2", gpt2)
    lora(
        other, tmp_path / "foreign", "someone/else", target_modules=["c_attn"], fan_in_fan_out=True
    )
    wide = write_tiny_model(world, tmp_path / "wide", d_model=32)
    lora(wide, tmp_path / "broad", "someone/else", target_modules=["q_proj"])
    names = ("strange", "cut", "foreign", "broad")
    said = refused(branches={name: str(tmp_path / name) for name in names})
    assert "4 things are wrong, and nothing was played" in said
    assert "strange-0001: TransformerLens cannot read the activations of the architecture" in said
    assert "cut-0001" in said and "bytes, its header says" in said and "copy it there" in said
    assert f"{tmp_path / 'foreign'}: this adapter cannot be put on {folder}" in said
    assert f"{tmp_path / 'broad'}: lacks weights of the shape that {folder} needs" in said


def test_a_branch_of_a_shorter_context_names_who_does_not_fit(refused, folder, tmp_path):
    copied(folder, tmp_path / "short", max_position_embeddings=24)
    said = refused(branches={"short": str(tmp_path / "short")})
    assert "short-0001: persona 'maresa': its longest prompt has" in said
    assert "the model reads 24 at once" in said


def test_a_branch_is_measured_by_its_own_template(refused, folder, tmp_path):
    wordy = shutil.copytree(folder, tmp_path / "wordy")
    template = (folder / "chat_template.jinja").read_text()
    (wordy / "chat_template.jinja").write_text("User: who are you? " * 2000 + template)
    said = refused(branches={"wordy": str(wordy)})
    assert "wordy-0001: persona 'maresa': its longest prompt has" in said
    assert "reference-0000: persona" not in said


def test_weights_that_are_whole_are_passed(world, folder, tmp_path):
    assert not list(of_files(folder, str(folder)))
    hf = AutoModelForCausalLM.from_pretrained(folder)
    hf.save_pretrained(tmp_path / "split", max_shard_size="40kB")
    assert not list(of_files(tmp_path / "split", str(folder)))
    found = header_of(folder / "model.safetensors")
    assert found["model.norm.weight"] == (16,)
    (tmp_path / "bin").mkdir()
    torch.save(hf.state_dict(), tmp_path / "bin" / "pytorch_model.bin")
    assert not list(of_files(tmp_path / "bin", str(folder)))
    halved(tmp_path / "bin" / "pytorch_model.bin")
    assert "is cut off" in next(of_files(tmp_path / "bin", str(folder)))
    for junk in (b"", b"12345678", b"\x02" + b"\0" * 7 + b"[]", b"\xff" * 40):
        (tmp_path / "split" / "model.safetensors").write_bytes(junk)
        assert len(list(of_files(tmp_path / "split", str(folder)))) == 1


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("more", [{}, {"modules_to_save": ["norm"]}, {"use_dora": True}])
def test_an_adapter_that_fits_is_passed(folder, tmp_path, more):
    lora(folder, tmp_path / "fits", "someone/else", target_modules="all-linear", **more)
    assert not list(of_files(tmp_path / "fits", str(folder)))
    (tmp_path / "fits" / "adapter_model.safetensors").unlink()
    assert "holds no adapter_model" in next(of_files(tmp_path / "fits", str(folder)))


def test_kinds_that_are_read_are_passed_and_others_are_named():
    for kind in MORE:
        model = any_model(kind)(300)
        config = model.config
        config.architectures = [type(model).__name__]  # as it is saved
        assert not list(of_kind(config)), kind
    text = AutoConfig.for_model("llama", vocab_size=300, **SMALL)
    seeing = LlavaConfig(text_config=json.loads(text.to_json_string()))
    (said,) = of_kind(seeing)  # `config_of` gives its language model's
    assert "type llava that goes on with a text by itself" in said
    assert not list(of_kind(text_config(seeing)))
    (said,) = of_kind(AutoConfig.for_model("ctrl"))
    assert "architecture ctrl" in said
