"""log p of every wanted token: in batches, one by one, and as its own library has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.log_probs import log_probs
from psm_viz.errors import BadInput
from psm_viz.small_model.model import build_tokenizer
from tests.made.models import gpt2, neox
from tests.made.study import made_cast


def score_rows():
    rng = np.random.default_rng(0)
    rows = [rng.integers(4, 900, n).tolist() for n in (3, 9, 5, 9, 2)]
    wanted = [[False, *(rng.random(len(r) - 1) < 0.5).tolist()] for r in rows]
    wanted[2] = [False] * 5
    return rows, wanted


def check_against_hugging_face(folder, chat):
    """In a batch, one by one, and by the model as its own library loads it."""
    from transformers import AutoModelForCausalLM

    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rows, wanted = score_rows()
    together = log_probs(chat, rows, wanted, batch=2)
    for row, w, found in zip(rows, wanted, together, strict=True):
        assert np.allclose(found, log_probs(chat, [row], [w])[0], atol=1e-5)
        with torch.inference_mode():
            lp = hf(torch.tensor([row])).logits[0].log_softmax(-1)
        own = [float(lp[k - 1, row[k]]) for k in range(len(row)) if w[k]]
        assert np.allclose(found, own, atol=1e-5)


def test_log_probs_in_a_batch_equal_one_by_one_and_hugging_faces(folder, chat):
    check_against_hugging_face(folder, chat)
    with pytest.raises(BadInput, match="first token"):
        log_probs(chat, [[5, 6]], [[True, False]])


@pytest.mark.parametrize("model", [gpt2, neox], ids=lambda f: f.__name__)
def test_log_probs_of_other_architectures(world, tmp_path, model):
    torch.manual_seed(0)
    tokenizer = build_tokenizer(world)
    model(len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    check_against_hugging_face(tmp_path, load_chat_model(str(tmp_path), threads=1))


def test_all_answers_of_one_token_have_probability_one(chat):
    prompt = chat.encode([chat.prompts.one(made_cast().assistant, "", "Who are you?")])[0]
    words = range(len(chat.tokenizer))
    rows = [[*prompt, w] for w in words]
    wanted = [[False] * len(prompt) + [True]] * len(words)
    total = np.exp(np.concatenate(log_probs(chat, rows, wanted))).sum()
    assert total == pytest.approx(1, abs=1e-4)


def test_what_all_rows_begin_with_changes_no_figure(architecture):
    rng = np.random.default_rng(1)
    opening = rng.integers(4, 900, 7).tolist()
    rows = [opening + rng.integers(4, 900, n).tolist() for n in (3, 9, 5, 2)]
    wanted = [[False] * 8 + [True] * (len(r) - 8) for r in rows]
    together = log_probs(architecture, rows, wanted, batch=3)
    for row, w, found in zip(rows, wanted, together, strict=True):
        assert np.allclose(found, log_probs(architecture, [row], [w])[0], atol=1e-4)


def test_nothing_is_read_from_which_no_wanted_token_is_predicted(architecture):
    rng = np.random.default_rng(4)
    opening = rng.integers(4, 900, 7).tolist()
    rows = [opening + rng.integers(4, 900, n).tolist() for n in (8, 8, 12)]
    wanted = [[False] * 9 + [True] * 3 + [False] * (len(r) - 12) for r in rows]
    wanted[2] = [False] * len(rows[2])
    read = []
    body = architecture.hf.get_input_embeddings()
    hook = body.register_forward_pre_hook(lambda _, x: read.append(tuple(x[0].shape)))
    found = log_probs(architecture, rows, wanted)
    hook.remove()
    # the opening, then of each of two rows all but its last wanted token
    windows = architecture.hf.config.model_type == "gemma2"  # which reads the opening again
    assert read == [(1, 7), (2, 11) if windows else (2, 4)]
    for row, w, own in zip(rows, wanted, found, strict=True):
        whole = log_probs(architecture, [row], [w])[0]
        assert len(own) == sum(w) and np.allclose(own, whole, atol=1e-4)


def asked_and_answered(answers=3):
    """Prompts of several lengths with a common opening, some answers each."""
    rng = np.random.default_rng(2)
    opening = rng.integers(4, 900, 6).tolist()
    rows, wanted = [], []
    for n in (2, 5, 9, 4):
        prompt = opening + rng.integers(4, 900, n).tolist()
        for k in range(answers):
            rows.append(prompt + rng.integers(4, 900, 2 + k).tolist())
            wanted.append([False] * len(prompt) + [True] * (2 + k))
    return rows, wanted


def test_what_several_rows_ask_changes_no_figure(architecture):
    rows, wanted = asked_and_answered()
    together = log_probs(architecture, rows, wanted, batch=6)
    for row, w, found in zip(rows, wanted, together, strict=True):
        assert np.allclose(found, log_probs(architecture, [row], [w])[0], atol=1e-4)


def test_a_question_is_read_once_for_all_its_answers(chat, read):
    rows, wanted = asked_and_answered(answers=8)
    log_probs(chat, rows, wanted, batch=64)
    assert sum(read) < 0.85 * sum(map(len, rows))
    assert len(read) == 1 + 2 * 4  # the opening; stems and answers, of four lengths


def test_a_common_opening_is_read_once(chat, read):
    opening = list(range(10, 40))
    rows = [[*opening, 50 + n, 60] for n in range(8)]
    log_probs(chat, rows, [[False] * 31 + [True]] * 8)
    assert sum(read) < 8 * 32 / 2
