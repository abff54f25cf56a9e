"""Models in every form in which they lie about: what transformers loads is played, by its own
config, head, tokenizer, template and end token, and the rest is refused in one line."""

import copy
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.open_model import alike, config_of, context_of, open_model, place_of
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadFile, BadInput, UnknownName
from tests.made.hub import in_cache
from tests.made.models import MORE, any_model, gpt2, write_architecture, write_tiny_model

TALK = ["User: Who are you?\nAssistant:", "User: Hello there, how are you today?\nAssistant:"]
GREEDY = Sampling(0.0, 6, 1)


def read(chat):
    return chat.pooled(chat.encode(TALK))[:, 0]


def copied(folder, to, **config):
    """A copy of a model's folder with other values in its config."""
    out = shutil.copytree(folder, to)
    known = json.loads((out / "config.json").read_bytes())
    (out / "config.json").write_text(json.dumps(known | config))
    return out


@pytest.fixture
def reference(folder):
    """The tiny model, loaded anew: a test may swap others into it."""
    return load_chat_model(str(folder), threads=1)


def resid_post(hf, chat, ids):
    """What TransformerLens reads after every block of a model of its own: [layer, token,
    d_model]."""
    told = {"tokenizer": copy.deepcopy(chat.tokenizer), "device": "cpu", "dtype": torch.float32}
    whole = type(chat.bridge).boot_transformers(chat.name, hf_model=copy.deepcopy(hf), **told)
    _, cache = whole.run_with_cache(torch.tensor([ids]))
    every = [cache[f"blocks.{n}.hook_resid_post"] for n in range(chat.n_layers)]
    return torch.cat(every).detach().numpy()


@pytest.mark.parametrize("kind", MORE)
def test_activations_are_hugging_faces_and_transformer_lens_own(world, tmp_path, kind):
    folder = write_architecture(world, tmp_path / kind, any_model(kind))
    chat = load_chat_model(str(folder), threads=1)
    prompts = chat.encode(TALK)
    found = chat.pooled(prompts)[:, 0]
    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for n, ids in enumerate(prompts):
        with torch.inference_mode():
            states = hf(torch.tensor([ids]), output_hidden_states=True).hidden_states
        first = 0 if kind == "mamba" else 1  # it tells no embeddings
        for layer in range(2):  # after the last block a norm has been applied
            own = states[layer + first][0, -1].numpy()
            assert np.allclose(found[n, layer], own, atol=1e-5 * np.abs(own).max())
        own = resid_post(hf, chat, ids)[:, -1]
        assert np.allclose(found[n], own, atol=1e-5 * np.abs(own).max())
    prompts = chat.encode([TALK[0], "User: Who are you today?\nAssistant:", TALK[1]])
    assert [len(p) for p in prompts] == [9, 10, 13]  # the first two are padded to one length
    alone = [chat.sample([p], GREEDY)[0] for p in prompts]
    assert chat.sample(prompts, GREEDY) == alone


def test_weights_in_a_bin_file_are_the_same_weights(folder, tmp_path, chat, reference):
    out = shutil.copytree(folder, tmp_path / "bin")
    (out / "model.safetensors").unlink()
    hf = AutoModelForCausalLM.from_pretrained(folder)
    torch.save(hf.state_dict(), out / "pytorch_model.bin")
    assert np.allclose(read(load_chat_model(str(out), threads=1)), read(chat), atol=1e-6)
    reference.swap(out)
    assert np.allclose(read(reference), read(chat), atol=1e-6)


class Harmful:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_bin_file_that_would_run_code_is_refused(folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "bin")
    (out / "model.safetensors").unlink()
    with (out / "pytorch_model.bin").open("wb") as f:
        pickle.dump({"x": Harmful(tmp_path / "ran")}, f)
    with pytest.raises(BadFile, match="cannot be loaded"):
        open_model(str(out))
    assert not (tmp_path / "ran").exists()


def test_keys_without_the_prefix_of_their_head_are_found(world, tmp_path):
    folder = write_architecture(world, tmp_path / "gpt2", gpt2)
    bare = shutil.copytree(folder, tmp_path / "bare")
    AutoModelForCausalLM.from_pretrained(folder).transformer.save_pretrained(bare)
    whole, found = (load_chat_model(str(f), threads=1) for f in (folder, bare))
    assert np.allclose(read(found), read(whole), atol=1e-6)


def lora(folder, to, base, **more):
    """An adapter made and saved by the PEFT library, that says it is of `base`."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    wrapped = get_peft_model(hf, LoraConfig(r=2, init_lora_weights=False, **more))
    wrapped.save_pretrained(to)
    config = json.loads((to / "adapter_config.json").read_bytes())
    told = config | {"base_model_name_or_path": str(base)}
    (to / "adapter_config.json").write_text(json.dumps(told))
    merged = wrapped.merge_and_unload()
    merged.save_pretrained(to.with_name(to.name + "-merged"))
    shutil.copy(folder / "tokenizer.json", to.with_name(to.name + "-merged"))
    shutil.copy(folder / "tokenizer_config.json", to.with_name(to.name + "-merged"))
    return to


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("named", ["folder", "someone/their-model"])
def test_an_adapter_is_a_branch(folder, tmp_path, reference, named):
    base = folder if named == "folder" else named
    adapter = lora(folder, tmp_path / "adapter", base, target_modules=["q_proj", "down_proj"])
    before = read(reference)
    reference.swap(adapter)
    merged = load_chat_model(str(tmp_path / "adapter-merged"), threads=1)
    assert np.allclose(read(reference), read(merged), atol=1e-5)
    assert not np.allclose(read(reference), before, atol=1e-3)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_is_a_model_where_its_base_is_here(folder, tmp_path):
    adapter = lora(folder, tmp_path / "adapter", folder, target_modules="all-linear")
    merged = load_chat_model(str(tmp_path / "adapter-merged"), threads=1)
    found = load_chat_model(str(adapter), threads=1)
    assert np.allclose(read(found), read(merged), atol=1e-5)
    assert not alike(config_of(str(adapter)), config_of(str(folder)))


@pytest.mark.parametrize(
    "other",
    [{"rope_parameters": {"rope_type": "default", "rope_theta": 3.0}}, {"hidden_act": "relu"}],
)
def test_a_branch_is_played_by_its_own_config(folder, tmp_path, reference, other):
    branch = copied(folder, tmp_path / "branch", **other)
    before = read(reference)
    reference.swap(branch)
    own = load_chat_model(str(branch), threads=1)
    assert np.allclose(read(reference), read(own), atol=1e-6)
    assert np.abs(read(reference) - before).max() > 1e-5
    reference.swap(folder)
    assert np.allclose(read(reference), before, atol=1e-6)


def test_another_head_count_is_no_movement_of_zero(world, tmp_path):
    folder = write_tiny_model(world, tmp_path / "two", d_model=32, n_heads=2)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8}
    four = copied(folder, tmp_path / "four", **heads)
    chat = load_chat_model(str(folder), threads=1)
    before = read(chat)
    chat.swap(four)
    assert np.abs(read(chat) - before).max() > 1e-5


def test_a_branch_has_its_own_head(world, folder, tmp_path, reference):
    tied = bool(config_of(str(folder)).tie_word_embeddings)
    branch = copied(folder, tmp_path / "branch", tie_word_embeddings=False)
    hf = AutoModelForCausalLM.from_pretrained(branch)
    torch.manual_seed(0)
    torch.nn.init.normal_(hf.lm_head.weight)
    hf.save_pretrained(branch)
    prompts = reference.encode(TALK)
    before = reference.sample(prompts, GREEDY)
    reference.swap(branch)
    own = load_chat_model(str(branch), threads=1).sample(prompts, GREEDY)
    assert tied and reference.sample(prompts, GREEDY) == own != before


def test_an_answer_ends_with_what_the_template_ends_it_with(folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "chatml")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    )
    tokenizer.save_pretrained(out)
    (out / "chat_template.jinja").write_text(tokenizer.chat_template)
    hf = AutoModelForCausalLM.from_pretrained(folder)
    hf.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    with torch.no_grad():  # it says nothing but that it has ended
        hf.get_input_embeddings().weight[end] *= 200
    hf.save_pretrained(out)
    chat = load_chat_model(str(out), threads=1)
    assert chat.prompts.end_token() == end
    assert end in chat.stops and tokenizer.eos_token_id in chat.stops


def test_a_base_model_gets_the_token_its_tokenizer_begins_with(world, tmp_path):
    from tokenizers.processors import TemplateProcessing

    folder = write_architecture(world, tmp_path / "base", gpt2)
    chat = load_chat_model(str(folder), threads=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    bos = (tokenizer.bos_token, tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos[0]} $A", special_tokens=[bos]
    )
    tokenizer.save_pretrained(folder)
    begun = load_chat_model(str(folder), threads=1)
    persona, question = world.cast().personas[0], "Who are you?"
    plain, found = (c.prompts.one(persona, "", question) for c in (chat, begun))
    assert found == bos[0] + plain
    assert begun.encode([found])[0] == [bos[1], *chat.encode([plain])[0]]


def test_a_template_is_told_more_than_the_talk(world, folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "thinking")
    (out / "chat_template.jinja").write_text(
        "{{ messages[-1]['content'] }}{% if enable_thinking | default(true) %}<think>{% endif %}"
    )
    persona = world.cast().assistant
    loud = load_chat_model(str(out), threads=1)
    quiet = load_chat_model(str(out), threads=1, template={"enable_thinking": False})
    assert loud.prompts.one(persona, "", "Why?") == "Why?<think>"
    assert quiet.prompts.one(persona, "", "Why?") == "Why?"


def test_a_branch_without_a_tokenizer_gets_the_references(folder, tmp_path, chat, reference):
    out = tmp_path / "bare"
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(out)
    reference.swap(out)
    assert np.allclose(read(reference), read(chat), atol=1e-6)
    with pytest.raises(BadFile, match="holds no tokenizer"):
        load_chat_model(str(out))


def test_a_model_in_the_local_cache_is_found_by_its_name(folder, tmp_path, chat, monkeypatch):
    in_cache(monkeypatch, tmp_path, "someone/tiny", {"main": folder})
    assert place_of("someone/tiny").hub
    found = load_chat_model("someone/tiny", threads=1)
    assert np.allclose(read(found), read(chat), atol=1e-6)
    found.swap("someone/tiny")
    with pytest.raises(BadFile, match="cannot be loaded"):
        open_model("someone/other")


def test_half_precision_is_held_where_it_is_asked_for(folder, chat):
    half = load_chat_model(str(folder), threads=1, dtype="bfloat16")
    assert {p.dtype for p in half.hf.parameters()} == {torch.bfloat16}
    found, exact = read(half), read(chat)
    assert found.dtype == np.float32
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_what_is_not_there_is_said_at_once(world, folder, tmp_path, reference):
    for name in ("nowhere", "./nowhere", "model.gguf", "a/b/c"):
        with pytest.raises(UnknownName, match="no model folder"):
            open_model(name)
    with pytest.raises(BadInput, match="this machine has none"):
        open_model(str(folder), device="mps")
    with pytest.raises(BadInput, match="no such kind"):
        open_model(str(folder), device="abacus")
    with pytest.raises(BadInput, match="unknown precision"):
        open_model(str(folder), dtype="int3")
    with pytest.raises(BadInput, match="3 layers of width 16, its study's reference 2 of 16"):
        reference.swap(write_tiny_model(world, tmp_path / "deep", n_layers=3))
    assert context_of(config_of(str(folder))) == config_of(str(folder)).max_position_embeddings


def test_a_tokenizer_without_end_and_padding_tokens_is_played(folder, tmp_path, chat):
    bare = shutil.copytree(folder, tmp_path / "bare")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = tokenizer.pad_token = None
    tokenizer.chat_template = None
    tokenizer.save_pretrained(bare)
    (bare / "chat_template.jinja").unlink()
    for name in ("config.json", "generation_config.json"):
        said = json.loads((bare / name).read_bytes()) if (bare / name).exists() else {}
        ends = {"eos_token_id": None, "pad_token_id": None}
        (bare / name).write_text(json.dumps(said | ends))
    found = load_chat_model(str(bare), threads=1)
    assert found.tokenizer.eos_token_id is None and found.stops == []
    assert np.allclose(read(found), read(chat), atol=1e-6)
    answers = found.sample(found.encode(TALK), Sampling(0.0, 5, 1))
    assert [len(a) for (a,) in answers] == [5, 5]  # nothing ends them but their length
