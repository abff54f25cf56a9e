"""What TransformerLens gives against Hugging Face's own, on a tiny random model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from psm_viz.engine.batching import by_length
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.small_model.answer_masses import Reader
from psm_viz.small_model.model import build_tokenizer, new_model, save_model
from psm_viz.small_model.recipe import Recipe
from psm_viz.study.cast import ASSISTANT
from psm_viz.world.corpus import EOS
from psm_viz.world.curriculum import stream
from tests.made.models import reference_log_p


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "tiny"
    tokenizer = build_tokenizer(world)
    save_model(
        new_model(Recipe(d_model=32, n_layers=3, n_heads=2, d_ff=64), tokenizer), tokenizer, out
    )
    return out


@pytest.fixture(scope="module")
def chat(folder):
    return load_chat_model(str(folder), threads=1)


@pytest.fixture(scope="module")
def prompts(world, chat):
    cast = world.cast()
    pairs = [(p, q) for p in cast.personas[:3] for q in world.questions()[:4]]
    texts = [chat.prompts.one(p, p.instructions[0], q.text) for p, q in pairs]
    return chat.encode(texts)


def test_text_survives_the_tokenizer(world, chat):
    for d in stream(world, "pretrain", 0, 30):
        ids = chat.tokenizer.encode(d.text, add_special_tokens=False)
        assert chat.tokenizer.unk_token_id not in ids
        assert chat.tokenizer.decode(ids) == d.text


def test_the_template_writes_documents_as_training_does(world, chat):
    assistant = world.cast().persona(ASSISTANT)
    d = next(d for d in stream(world, "assistant", 0, 50) if d.header_text and not d.turns[0].frame)
    rendered = chat.prompts.one(assistant, d.header_text, d.turns[0].question)
    assert d.text.startswith(rendered)


def test_residuals_equal_hugging_faces_own(folder, chat, prompts):
    from transformers import AutoModelForCausalLM

    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    pooled = chat.pooled(prompts, [p[:2] for p in prompts])
    for i, p in enumerate(prompts):
        with torch.inference_mode():
            states = hf(torch.tensor([p + p[:2]]), output_hidden_states=True).hidden_states
        for layer in range(2):  # the last hidden state is taken after the final norm
            own = states[layer + 1][0].numpy()
            assert np.allclose(pooled[i, 0, layer], own[len(p) - 1], atol=1e-5)
            assert np.allclose(pooled[i, 1, layer], own[len(p) :].mean(0), atol=1e-5)


def test_padded_equals_unpadded(chat, prompts):
    answers = [p[: 1 + i % 5] for i, p in enumerate(prompts)]
    together = chat.pooled(prompts, answers)
    alone = np.concatenate([chat.pooled([p], [a]) for p, a in zip(prompts, answers, strict=True)])
    assert np.allclose(together, alone, atol=1e-5)


def test_stopping_early_changes_nothing(chat, prompts):
    assert np.allclose(
        chat.pooled(prompts, None, [0])[:, 0], chat.pooled(prompts)[:, 0, :1], atol=1e-6
    )


def test_inside_of_its_blocks_a_model_is_hugging_faces_own(chat):
    for block in chat.bridge.blocks:
        inside = block.original_component.modules()
        assert not [m for m in inside if "transformer_lens" in type(m).__module__]
    assert [m.get_submodule("hook_out") for m in chat.bridge.blocks] == chat.resid_post


def test_an_empty_answer_has_no_mean(chat, prompts):
    pooled = chat.pooled(prompts[:2], [[], prompts[0][:1]])
    assert np.isnan(pooled[0, 1]).all() and np.isfinite(pooled[1]).all()


def test_sampling_repeats_with_its_seed_and_greedy_matches_argmax(chat, prompts):
    drawn = chat.sample(prompts, Sampling(1.0, 6, 2, 3))
    assert drawn == chat.sample(prompts, Sampling(1.0, 6, 2, 3))
    assert drawn != chat.sample(prompts, Sampling(1.0, 6, 2, 4))
    [[greedy]] = chat.sample(prompts[:1], Sampling(0.0, 1, 1))
    with torch.inference_mode():
        best = int(chat.hf(torch.tensor(prompts[:1])).logits[0, -1].argmax())
    assert greedy == ([] if best == chat.tokenizer.eos_token_id else [best])


def test_the_tail_is_cut_at_a_share_of_the_likeliest(chat, prompts):
    many = Sampling(1.0, 1, 400, 5)
    with torch.inference_mode():
        p = chat.hf(torch.tensor(prompts[:1])).logits[0, -1].softmax(-1)
    cut = float(p.topk(6).values[-1] / p.max())  # six tokens are as likely as that, or likelier
    allowed = set(p.topk(6).indices.tolist()) - {chat.tokenizer.eos_token_id}
    drawn = {a[0] for a in chat.sample(prompts[:1], replace(many, min_p=cut))[0] if a}
    assert drawn <= allowed and len(drawn) > 1
    assert not {a[0] for a in chat.sample(prompts[:1], many)[0] if a} <= allowed


def test_a_scored_answer_is_that_of_a_token_at_a_time(world, chat):
    prompt = chat.prompts.one(world.cast().assistant, "", world.questions()[0].text)
    start = chat.encode([prompt])[0]
    for u in world.topics["coding"].utterances[:3]:
        said = chat.encode([f" {u.text}{EOS}"])[0]
        [found] = log_probs(chat, [start + said], [[False] * len(start) + [True] * len(said)])
        own = reference_log_p(chat.hf, chat.tokenizer, prompt, f" {u.text}{EOS}")
        assert found.sum() == pytest.approx(own, abs=1e-3)


def test_a_reader_reads_the_players_model_as_its_own_library_does(world, folder, chat):
    from transformers import AutoModelForCausalLM

    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompt = chat.prompts.one(world.cast().assistant, "", world.questions()[0].text)
    found = Reader(chat.hf, chat.tokenizer, world).masses(prompt, "coding")
    assert found == pytest.approx(
        Reader(hf, chat.tokenizer, world).masses(prompt, "coding"), rel=1e-4
    )


def test_swapping_weights_equals_loading_them(world, folder, prompts, tmp_path):
    tokenizer = build_tokenizer(world)
    recipe = Recipe(seed=5, d_model=32, n_layers=3, n_heads=2, d_ff=64)
    other = tmp_path / "other"
    save_model(new_model(recipe, tokenizer), tokenizer, other)
    swapped = load_chat_model(str(folder), threads=1)
    before = swapped.pooled(prompts)
    swapped.swap(other)
    after = swapped.pooled(prompts)
    assert np.allclose(after[:, 0], load_chat_model(str(other)).pooled(prompts)[:, 0], atol=1e-6)
    assert not np.allclose(after[:, 0], before[:, 0], atol=1e-3)


def test_batches_are_sorted_by_length():
    rows = [[0] * n for n in (5, 1, 4, 2, 3)]
    assert list(by_length(rows, 2)) == [[1, 3], [4, 2], [0]]
    assert list(by_length(rows, 9, tokens=8)) == [[1, 3], [4, 2], [0]]
    assert list(by_length(rows, 9, tokens=3)) == [[1], [3], [4], [2], [0]]


def test_bad_names_and_files(folder, chat, prompts, tmp_path):
    with pytest.raises(UnknownName, match="no model folder"):
        load_chat_model("./nowhere")
    with pytest.raises(UnknownName, match="no model folder"):
        load_chat_model("nowhere")
    with pytest.raises(BadFile, match=r"config\.json"):
        load_chat_model(str(tmp_path))
    with pytest.raises(BadInput, match="revision"):
        from_models(str(folder), {}, "main")
    with pytest.raises(BadInput, match="layers 0 to 2"):
        chat.pooled(prompts, None, [7])
    with pytest.raises(BadInput, match="no tokens"):
        chat.pooled([[]])
    broken = tmp_path / "broken"
    import shutil

    shutil.copytree(folder, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadFile, match="broken"):
        load_chat_model(str(broken))
    with pytest.raises(BadFile, match="broken"):
        chat.swap(broken)
