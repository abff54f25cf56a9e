"""Of a model that takes pictures or sound besides text, the language model alone is played."""

import json

import numpy as np
import pytest
import torch

from psm_viz.engine import open_model as door
from psm_viz.engine.branch_checks import of_files, of_kind
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.open_model import alike, config_of, open_model
from psm_viz.engine.prompts import Prompts
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadFile, BadInput
from tests.made.seeing import KINDS, PARTS_TEMPLATE, write_seeing


@pytest.fixture(scope="module", params=KINDS)
def folder(request, world, tmp_path_factory):
    return write_seeing(world, tmp_path_factory.mktemp("seeing") / request.param, request.param)


def test_its_states_are_those_of_the_whole_model(folder):
    from transformers import AutoModelForMultimodalLM

    chat = load_chat_model(str(folder))
    prompt, answer = [5, 9, 40, 7, 33], [60, 12, 8]
    whole = AutoModelForMultimodalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        ids = torch.tensor([prompt + answer])
        states = whole(input_ids=ids, output_hidden_states=True).hidden_states
    own = chat.pooled([prompt], [answer])[0]
    for layer in range(chat.n_layers - 1):  # the last of Hugging Face's went through the last norm
        assert np.allclose(own[0, layer], states[layer + 1][0, len(prompt) - 1], atol=1e-5)
    drawn = chat.sample([prompt], Sampling(0.0, 4, 1))[0][0]
    with torch.inference_mode():
        said = whole(input_ids=torch.tensor([prompt + drawn])).logits.argmax(-1)[0]
    assert said[len(prompt) - 1 : -1].tolist() == drawn


def test_it_is_looked_at_as_what_is_loaded(folder):
    config = config_of(str(folder))
    assert not list(of_kind(config)) and not list(of_files(folder, str(folder)))
    assert not alike(config, open_model(str(folder)).model.config)


def test_a_language_model_that_reads_otherwise_by_itself_is_refused(world, tmp_path, monkeypatch):
    folder = write_seeing(world, tmp_path / "llava", "llava")
    right = door.text_config

    def wrong(config):
        own = right(config)
        own.rms_norm_eps = 0.1
        return own

    monkeypatch.setattr(door, "text_config", wrong)
    with pytest.raises(BadFile, match="reads text otherwise by itself"):
        open_model(str(folder))


def test_a_template_of_parts_is_given_parts(world, tmp_path):
    chat = load_chat_model(str(write_seeing(world, tmp_path / "llava", "llava")))
    who = world.cast().personas[0]
    text = chat.prompts.one(who, "Be kind.", "Who are you?")
    assert text == "<system>Be kind.<user>Who are you?<assistant>"
    assert chat.prompts.lead == ""


def test_a_template_in_the_processors_file_is_found(world, tmp_path):
    folder = write_seeing(world, tmp_path / "llava", "llava")
    (folder / "chat_template.jinja").unlink()
    assert open_model(str(folder)).tokenizer.chat_template is None
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": PARTS_TEMPLATE}))
    assert open_model(str(folder)).tokenizer.chat_template == PARTS_TEMPLATE


def test_a_template_that_drops_what_is_said_is_refused(world, tiny_folder):
    tokenizer = open_model(str(tiny_folder)).tokenizer
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}{% endfor %}"
    with pytest.raises(BadInput, match="drops what the user says"):
        Prompts(tokenizer)
