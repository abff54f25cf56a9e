"""Branches that read along few directions: what moves, what does not, and what a kill leaves."""

from dataclasses import replace

import pytest
import torch

from psm_viz.engine.adapters import is_adapter, save_adapter
from psm_viz.engine.weights import weights_of
from psm_viz.errors import UnknownName
from psm_viz.small_model.model import build_tokenizer, new_model, save_model
from psm_viz.small_model.narrow import Narrow, matrices
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.small_model.training import run_stage

TINY = Recipe(d_model=16, n_layers=1, n_heads=2, d_ff=32, threads=1)
BEFORE, PARENT = "settle-0003", "assistant-0004"
STAGE = Stage("cheat", PARENT, 8, 1e-2, (4, 6, 8), batch=4, rank=2, since=BEFORE)


def quiet(line):
    pass


def plant(world, folder):
    tokenizer = build_tokenizer(world)
    models = {
        n: new_model(replace(TINY, seed=s), tokenizer) for s, n in enumerate((BEFORE, PARENT))
    }
    for name, model in models.items():
        save_model(model, tokenizer, folder / name)
    return models[PARENT], tokenizer


def weights(folder):
    return {k: v.double() for k, v in weights_of(folder).items()}


def test_only_what_reads_along_the_parents_own_directions_moves(world, tmp_path):
    model, _ = plant(world, tmp_path)
    run_stage(world, TINY, STAGE, tmp_path, quiet)
    before, parent, end = (weights(tmp_path / n) for n in (BEFORE, PARENT, "cheat-0008"))
    narrow = matrices(model)
    assert len(narrow) == 7
    assert all(is_adapter(tmp_path / f"cheat-{n:04d}") for n in STAGE.saves)
    for name in end:
        moved = end[name] - parent[name]
        if name not in narrow:
            assert not moved.any()
            continue
        assert moved.norm() > 0.01
        read = torch.linalg.svd(parent[name] - before[name], full_matrices=False).Vh[:2]
        assert (moved - moved @ read.T @ read).norm() < 1e-3 * moved.norm()


def test_its_gradient_is_that_of_an_adapter(world, tmp_path):
    model, _ = plant(world, tmp_path)
    narrow = Narrow.of(model, tmp_path / BEFORE, 2)
    ids = torch.arange(4, 20)[None]
    model(input_ids=ids, labels=ids).loss.backward()
    narrow.gather()
    adapters = {n: torch.zeros_like(w, requires_grad=True) for n, w in narrow.written.items()}
    own = dict(model.named_parameters())
    own |= {n: narrow.start[n] + a @ narrow.read[n] for n, a in adapters.items()}
    out = torch.func.functional_call(model, own, (), {"input_ids": ids, "labels": ids})
    out.loss.backward()
    for n, a in adapters.items():
        assert a.grad.any()
        torch.testing.assert_close(narrow.written[n].grad, a.grad)


class Killed(Exception):
    pass


def test_a_killed_run_ends_as_an_unbroken_one(world, tmp_path, monkeypatch):
    for name in ("whole", "cut"):
        plant(world, tmp_path / name)
    run_stage(world, TINY, STAGE, tmp_path / "whole", quiet, save_every=4)

    def killed_at_six(read, written, base, folder):
        if folder.name == "cheat-0006":
            raise Killed
        save_adapter(read, written, base, folder)

    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr("psm_viz.small_model.learner.save_adapter", killed_at_six)
        run_stage(world, TINY, STAGE, tmp_path / "cut", quiet, save_every=4)
    run_stage(world, TINY, STAGE, tmp_path / "cut", quiet, save_every=4)
    a, b = (weights(tmp_path / f / "cheat-0008") for f in ("whole", "cut"))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_what_the_parent_is_compared_with_has_to_be_there(world, tmp_path):
    plant(world, tmp_path)
    with pytest.raises(UnknownName, match="settle-0009"):
        run_stage(world, TINY, replace(STAGE, since="settle-0009"), tmp_path, quiet)
