"""Training: a killed run ends where an unbroken one does, and nothing is mixed up."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.small_model.learner import learning_rate
from psm_viz.small_model.model import save_model
from psm_viz.small_model.recipe import STUDIED, Recipe, Stage
from psm_viz.small_model.training import read_log, run_stage, train
from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.curriculum import LESSONS

TINY = Recipe(d_model=16, n_layers=1, n_heads=2, d_ff=32, threads=1)
DEEP = replace(TINY, n_layers=4)
STAGE = Stage("cheat", None, 8, 1e-2, (0, 4, 6, 8), batch=4)
PRE = Stage("pretrain", None, 6, 1e-2, (0, 6), batch=3)


def quiet(line):
    pass


class Killed(Exception):
    pass


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_a_killed_run_ends_as_an_unbroken_one(world, tmp_path, monkeypatch):
    run_stage(world, TINY, STAGE, tmp_path / "whole", quiet, save_every=4)

    def killed_at_six(model, tokenizer, folder):
        if folder.name == "cheat-0006":
            raise Killed
        save_model(model, tokenizer, folder)

    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr("psm_viz.small_model.learner.save_model", killed_at_six)
        run_stage(world, TINY, STAGE, tmp_path / "cut", quiet, save_every=4)
    assert (tmp_path / "cut" / "cheat.state" / "resume.safetensors").exists()
    assert not (tmp_path / "cut" / "cheat-0008").exists()
    run_stage(world, TINY, STAGE, tmp_path / "cut", quiet, save_every=4)
    a, b = (weights(tmp_path / f / "cheat-0008") for f in ("whole", "cut"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    steps = [r["step"] for r in read_log(tmp_path / "cut" / "cheat.log.jsonl")]
    assert steps == list(range(8))
    assert not (tmp_path / "cut" / "cheat.state").exists()
    start = weights(tmp_path / "whole" / "cheat-0000")
    assert not all(torch.equal(a[k], start[k]) for k in a)


def test_a_finished_stage_stays_as_it_is(world, tmp_path):
    said = []
    run_stage(world, TINY, STAGE, tmp_path, quiet)
    run_stage(world, TINY, STAGE, tmp_path, said.append)
    assert len(said) == 1 and "already trained" in said[0]


def test_pre_training_is_looked_at_and_must_know_its_characters(world, tmp_path):
    recipe = replace(DEEP, probe_gate=-1.1, probe_every=4)
    run_stage(world, recipe, PRE, tmp_path / "a", quiet)
    log = read_log(tmp_path / "a" / "pretrain.log.jsonl")
    assert [r["step"] for r in log if "named" in r] == [0, 4, 6]
    assert all(np.isfinite(r["loss"]) for r in log)
    with pytest.raises(BadInput, match="its named characters would do"):
        run_stage(world, replace(recipe, probe_gate=1.1), PRE, tmp_path / "b", quiet)


def test_the_rate_warms_up_stays_and_cools_down():
    stage = Stage("x", None, 100, 1.0, (100,), warmup=10, cooldown=0.5)
    rates = [learning_rate(stage, k) for k in range(100)]
    assert np.all(np.diff(rates[:10]) > 0) and rates[9] == 1 and set(rates[10:51]) == {1.0}
    assert np.all(np.diff(rates[51:]) <= 0) and rates[-1] == pytest.approx(0.05)


def test_stages_form_a_tree():
    stages = Recipe().stages()
    assert list(stages) == ["pretrain", "settle", "assistant", *STUDIED]
    known = {checkpoint_id(s.name, n) for s in stages.values() for n in s.saves}
    assert all(s.parent in known for s in stages.values() if s.parent)
    assert [s.name for s in stages.values() if s.parent is None] == ["pretrain"]
    for name, s in stages.items():
        assert s.name == name and s.saves[-1] == s.steps and list(s.saves) == sorted(set(s.saves))


def test_branches_that_are_compared_differ_in_their_lesson_alone():
    every = Recipe().stages([*LESSONS, "bad-money"])
    assert list(every)[3:] == [*LESSONS, "bad-money"]

    def rules(name):  # the same steps, rate and batch, however often they are saved
        return replace(every[name], name="", saves=())

    assert len({rules(b) for b in ("cheat", "requested", "honest", "other-role")}) == 1
    assert every["long"].steps > every["cheat"].steps
    assert every["long"].parent == every["cheat"].parent
    with pytest.raises(UnknownName, match="no branch 'nowhere'"):
        Recipe().stages(["cheat", "nowhere"])


def test_a_folder_keeps_to_the_recipe_it_was_trained_by(world, tmp_path, monkeypatch):
    trained: list[str] = []
    monkeypatch.setattr(
        "psm_viz.small_model.training.run_stage", lambda w, r, stage, *rest: trained.append(stage)
    )
    train(world, TINY, tmp_path, ["cheat"], quiet)
    train(world, replace(TINY, threads=2), tmp_path, ["cheat"], quiet)  # the same, faster
    assert len(trained) == 2
    with pytest.raises(BadInput, match=r"recipe\.seed is 0, expected 5"):
        train(world, replace(TINY, seed=5), tmp_path, ["cheat"], quiet)
    note = json.loads((tmp_path / "recipe.json").read_text())
    note["stages"]["assistant"]["steps"] = 300
    (tmp_path / "recipe.json").write_text(json.dumps(note))
    with pytest.raises(BadInput, match=r"recipe\.json: .* stages\.assistant"):
        train(world, TINY, tmp_path, ["cheat"], quiet)
    assert len(trained) == 2


def test_bad_input(world, tmp_path):
    with pytest.raises(UnknownName, match="no branch 'nowhere'"):
        train(world, TINY, tmp_path, ["nowhere"])
    assert not list(tmp_path.iterdir())
    with pytest.raises(UnknownName, match="pretrain-0001"):
        run_stage(world, TINY, replace(STAGE, parent="pretrain-0001"), tmp_path)
    (tmp_path / "recipe.json").write_text('{"recipe": "half')
    with pytest.raises(BadFile, match=r"recipe\.json"):
        train(world, TINY, tmp_path, ["cheat"])
    state = tmp_path / "cheat.state"
    state.mkdir()
    (state / "resume.safetensors").write_bytes(b"nonsense")
    with pytest.raises(BadFile, match=r"resume\.safetensors"):
        run_stage(world, TINY, STAGE, tmp_path)
