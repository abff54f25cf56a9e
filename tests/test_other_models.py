"""Other architectures through the same door: learned positions, no template, no system role."""

import numpy as np
import pytest
import torch

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.sampling import Sampling
from psm_viz.small_model.model import build_tokenizer


def gpt2(vocab):
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab, n_embd=32, n_layer=3, n_head=2, n_positions=128, eos_token_id=3
        )
    )


def neox(vocab):
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=vocab,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=128,
            eos_token_id=3,
        )
    )


def qwen2(vocab):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocab,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=1,
            intermediate_size=64,
            max_position_embeddings=128,
            eos_token_id=3,
        )
    )


@pytest.fixture(scope="module", params=[gpt2, neox, qwen2], ids=lambda f: f.__name__)
def folder(request, world, tmp_path_factory):
    torch.manual_seed(0)
    tokenizer = build_tokenizer(world)
    tokenizer.chat_template = None
    out = tmp_path_factory.mktemp("models") / request.param.__name__
    request.param(len(tokenizer)).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def chat(folder):
    return load_chat_model(str(folder), threads=1)


def test_a_model_without_a_template_gets_a_plain_frame(world, chat):
    persona = world.cast().personas[0]
    text = chat.prompts.one(persona, persona.prose[0], "Who are you?")
    assert not chat.prompts.own_template
    assert text.endswith("User: Who are you?\nAssistant:") and persona.prose[0] in text


def test_padded_equals_unpadded_equals_hugging_face(world, folder, chat):
    from transformers import AutoModelForCausalLM

    cast = world.cast()
    texts = [
        chat.prompts.one(p, "", q.text) for p in cast.personas[:2] for q in world.questions()[:4]
    ]
    prompts = chat.encode(texts)
    answers = [p[: 1 + i % 4] for i, p in enumerate(prompts)]
    together = chat.pooled(prompts, answers)
    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for i, (p, a) in enumerate(zip(prompts, answers, strict=True)):
        assert np.allclose(together[i], chat.pooled([p], [a])[0], atol=1e-5)
        with torch.inference_mode():
            states = hf(torch.tensor([p + a]), output_hidden_states=True).hidden_states
        for layer in range(2):
            own = states[layer + 1][0].numpy()
            assert np.allclose(together[i, 0, layer], own[len(p) - 1], atol=1e-5)
            assert np.allclose(together[i, 1, layer], own[len(p) :].mean(0), atol=1e-5)


def test_drawing_in_a_padded_batch_equals_drawing_alone(world, chat):
    texts = ["User: Who are you?\nAssistant:", "User: Hello there, how are you today?\nAssistant:"]
    prompts = chat.encode(texts)
    greedy = Sampling(0.0, 5, 1)
    assert chat.sample(prompts, greedy) == [chat.sample([p], greedy)[0] for p in prompts]
