"""Other architectures through the same door: learned positions, no template, no system role."""

import numpy as np
import pytest
import torch

from psm_viz.engine.sampling import Sampling


@pytest.fixture(scope="module")
def folder(architecture_folder):
    return architecture_folder


@pytest.fixture(scope="module")
def chat(architecture):
    return architecture


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
