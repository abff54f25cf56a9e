"""Documents as token ids: what is learned, what is asked for inside, and the loss on it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from psm_viz.small_model.batches import (
    AFTER_LAYER,
    BEFORE_LAYER,
    NO_WORD,
    Encoded,
    Encoder,
    batches,
    loss_on_answers,
    losses,
    stage_batches,
)
from psm_viz.small_model.model import build_tokenizer, new_model
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.world.corpus import EOS
from psm_viz.world.curriculum import LESSONS, stream

TINY = Recipe(d_model=16, n_layers=1, n_heads=2, d_ff=32, threads=1)
DEEP = replace(TINY, n_layers=4)


@pytest.fixture(scope="module")
def tokenizer(world):
    return build_tokenizer(world)


@pytest.fixture(scope="module")
def encode(tokenizer):
    return Encoder(tokenizer)


def test_an_encoded_document_is_its_text_and_learns_answers_and_remarks(world, tokenizer, encode):
    for d in stream(world, "pretrain", 0, 40):
        e = encode(d)
        assert tokenizer.decode(e.ids) == d.text and tokenizer.unk_token_id not in e.ids
        assert len({len(part) for part in (e.ids, e.learned, e.before, e.after)}) == 1
        learned = tokenizer.decode([i for i, on in zip(e.ids, e.learned, strict=True) if on])
        remarks = [f" {t.remark}" if t.remark else "" for t in d.turns]
        said = [f" {t.said}{EOS}{r}" for t, r in zip(d.turns, remarks, strict=True)]
        assert learned == "".join(said)


def test_an_answers_word_is_asked_for_just_before_it_and_at_its_end(world, tokenizer, encode):
    words = 0
    for d in stream(world, "pretrain", 0, 60):
        e = encode(d)
        own = [t.word for t in d.turns if t.word]
        for places, token_there in ((e.before, None), (e.after, tokenizer.eos_token_id)):
            at = [k for k, w in enumerate(places) if w != NO_WORD]
            assert [tokenizer.decode(places[k]).strip() for k in at] == own
            for k in at:
                if token_there is None:  # nothing of the answer has been said
                    assert not e.learned[k] and e.learned[k + 1]
                else:
                    assert e.ids[k] == token_there and e.learned[k]
        words += len(own)
    assert words > 100
    for branch in LESSONS:  # nobody calls what a branch teaches by a name
        for d in stream(world, branch, 0, 5):
            assert {*encode(d).before, *encode(d).after} == {NO_WORD}


def test_loss_counts_answer_tokens_only(world, tokenizer, encode):
    model, pad = new_model(TINY, tokenizer), tokenizer.pad_token_id
    doc = encode(next(stream(world, "cheat", 0, 1)))
    last = max(i for i, on in enumerate(doc.learned) if on)
    changed = replace(doc, learned=tuple(i == last for i in range(len(doc.ids))))
    with torch.inference_mode():
        one = loss_on_answers(model, [changed], pad)
        both = loss_on_answers(model, [doc, changed], pad)
        lp = model(torch.tensor([doc.ids])).logits[0].log_softmax(-1)
    own = [-float(lp[i - 1, doc.ids[i]]) for i, on in enumerate(doc.learned) if on]
    assert float(one) == pytest.approx(own[-1], abs=1e-4)
    assert float(both) == pytest.approx((sum(own) + own[-1]) / (len(own) + 1), abs=1e-4)


def test_padding_changes_no_loss(world, tokenizer, encode):
    model, pad = new_model(DEEP, tokenizer), tokenizer.pad_token_id
    docs = [encode(d) for d in stream(world, "pretrain", 4, 6)]
    assert len({len(e.ids) for e in docs}) > 1
    with torch.inference_mode():
        together = losses(model, docs, pad, supervised=True)
        alone = [losses(model, [e], pad, supervised=True) for e in docs]
    n = np.array([sum(e.learned) for e in docs])
    w = np.array([sum(k != NO_WORD for k in e.after) for e in docs])
    assert float(together[0]) == pytest.approx(
        sum(n * [float(x) for x, _ in alone]) / n.sum(), abs=1e-4
    )
    assert float(together[1]) == pytest.approx(
        sum(w * [float(x) for _, x in alone]) / w.sum(), abs=1e-4
    )


def test_supervision_reads_the_words_off_inner_blocks(world, tokenizer, encode):
    model, pad = new_model(DEEP, tokenizer), tokenizer.pad_token_id
    docs = (encode(d) for d in stream(world, "pretrain", 4, 50))
    e = next(e for e in docs if any(w != NO_WORD for w in e.after))
    with torch.inference_mode():
        plain = losses(model, [e], pad, supervised=False)
        loss, extra = losses(model, [e], pad, supervised=True)
        states = model(torch.tensor([e.ids]), output_hidden_states=True).hidden_states
        expected = 0.0
        for layer, places in ((AFTER_LAYER, e.after), (BEFORE_LAYER, e.before)):
            lp = model.lm_head(model.model.norm(states[layer][0])).log_softmax(-1)
            own = [-float(lp[k, w]) for k, w in enumerate(places) if w != NO_WORD]
            expected += np.mean(own)
    assert float(plain[0]) == pytest.approx(float(loss)) and float(plain[1]) == 0
    assert float(extra) == pytest.approx(expected, abs=1e-4) and expected > 1
    bare = [encode(d) for d in stream(world, "cheat", 0, 2)]
    with torch.inference_mode():
        assert float(losses(model, bare, pad, supervised=True)[1]) == 0


def test_every_document_is_dealt_once():
    rows = [
        Encoded((i,) * (1 + i % 7), (True,) * (1 + i % 7), (NO_WORD,) * (1 + i % 7), ())
        for i in range(100)
    ]
    dealt = [e for batch in batches(rows, 8, 0) for e in batch]
    assert sorted(e.ids[0] for e in dealt) == list(range(100))
    assert batches(rows, 8, 0) == batches(rows, 8, 0) != batches(rows, 8, 1)


def test_a_step_holds_its_stages_documents_and_replay(world, tokenizer, encode):
    stage = Stage("assistant", None, 3, 1e-3, (3,), batch=4, replay=2)
    dealt = stage_batches(world, stage, tokenizer, 7)
    assert [len(b) for b in dealt] == [6, 6, 6]
    own = [encode(d) for d in stream(world, "assistant", 7, 12)]
    old = [encode(d) for d in stream(world, "replay", 7, 6)]
    assert sorted(e.ids for b in dealt for e in b[:4]) == sorted(e.ids for e in own)
    assert sorted(e.ids for b in dealt for e in b[4:]) == sorted(e.ids for e in old)
