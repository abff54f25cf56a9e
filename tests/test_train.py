"""Training: a killed run ends where an unbroken one does, and nothing is mixed up."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from psm_viz.errors import BadFile, BadInput
from psm_viz.recipe import Recipe, Stage, checkpoint_id
from psm_viz.small import build_tokenizer, new_model, save_model
from psm_viz.train import Encoder, batches, loss_on_answers, read_log, run_stage, train
from psm_viz.world.corpus import stream

TINY = Recipe(d_model=16, n_layers=1, n_heads=2, d_ff=32, threads=1)
STAGE = Stage("cheat", None, 8, 1e-2, (0, 4, 6, 8), batch=4)


def test_a_killed_run_ends_as_an_unbroken_one(world, tmp_path, monkeypatch):
    def quiet(line):
        pass

    run_stage(world, TINY, STAGE, tmp_path / "whole", quiet, save_every=4)

    class Killed(Exception):
        pass

    def killed_at_six(model, tokenizer, folder):
        if folder.name == "cheat-0006":
            raise Killed
        save_model(model, tokenizer, folder)

    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr("psm_viz.train.save_model", killed_at_six)
        run_stage(world, TINY, STAGE, tmp_path / "cut", quiet, save_every=4)
    assert (tmp_path / "cut" / "cheat.state" / "resume.safetensors").exists()
    assert not (tmp_path / "cut" / "cheat-0008").exists()
    run_stage(world, TINY, STAGE, tmp_path / "cut", quiet, save_every=4)
    a, b = (load_file(tmp_path / f / "cheat-0008" / "model.safetensors") for f in ("whole", "cut"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    steps = [r["step"] for r in read_log(tmp_path / "cut" / "cheat.log.jsonl")]
    assert steps == list(range(8))
    assert not (tmp_path / "cut" / "cheat.state").exists()


def test_loss_counts_answer_tokens_only(world):
    tokenizer = build_tokenizer(world)
    encode, model = Encoder(tokenizer), new_model(TINY, tokenizer)
    doc = encode(next(stream(world, "cheat", 0, 1)))
    changed = ([*doc[0]], [False] * len(doc[1]))
    last = max(i for i, on in enumerate(doc[1]) if on)
    changed[1][last] = True
    with torch.inference_mode():
        one = loss_on_answers(model, [changed], tokenizer.pad_token_id)
        both = loss_on_answers(model, [doc, changed], tokenizer.pad_token_id)
        logits = model(torch.tensor([doc[0]])).logits[0, last - 1].log_softmax(-1)
    assert float(one) == pytest.approx(-float(logits[doc[0][last]]), abs=1e-4)
    assert float(both) != pytest.approx(float(one), abs=1e-4)


def test_every_document_is_dealt_once(world):
    rows = [([i] * (1 + i % 7), [True] * (1 + i % 7)) for i in range(100)]
    dealt = [row for batch in batches(rows, 8, 0) for row in batch]
    assert sorted(r[0][0] for r in dealt) == list(range(100))
    assert batches(rows, 8, 0) == batches(rows, 8, 0)


def test_stages_form_a_tree():
    stages = Recipe().stages()
    known = {checkpoint_id(s.name, n) for s in stages.values() for n in s.saves}
    assert all(s.parent in known for s in stages.values() if s.parent)
    branches = [stages[b] for b in ("cheat", "requested", "honest")]
    assert len({replace(b, name="") for b in branches}) == 1  # same steps, rate and batch


def test_bad_input(world, tmp_path):
    with pytest.raises(BadInput, match="no stage 'nowhere'"):
        train(world, TINY, tmp_path, ["nowhere"])
    with pytest.raises(BadFile, match="no such checkpoint"):
        run_stage(world, TINY, replace(STAGE, parent="pretrain-0001"), tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": {}, "world": ""}))
    with pytest.raises(BadInput, match="another recipe"):
        train(world, TINY, tmp_path, ["cheat"])
    state = tmp_path / "cheat.state"
    state.mkdir()
    (state / "resume.safetensors").write_bytes(b"nonsense")
    with pytest.raises(BadFile, match=r"resume\.safetensors"):
        run_stage(world, TINY, STAGE, tmp_path)
