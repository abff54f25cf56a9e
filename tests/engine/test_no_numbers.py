"""Models that give no numbers: who and which checkpoint is named, and a mended one goes on."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from psm_viz.cli import main
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import NotFinite
from tests.kills import ASKED, PLAYED, differences
from tests.made.chat_place import write_place


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    return write_place(world, tmp_path_factory.mktemp("nan") / "place", per_family=6)


def broken(folder):
    """A weight of the model's last layer is NaN."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = next(n for n in tensors if "layers.1" in n and "proj" in n)
    tensors[name][0, 0] = float("nan")
    save_file(tensors, path, {"format": "pt"})
    return name


@pytest.fixture(scope="module")
def nan(place):
    folder = shutil.copytree(place / "model", place.with_name("nan"))
    return folder, broken(folder)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_every_way_to_read_a_model_names_the_weight(nan, temperature):
    folder, weight = nan
    chat = load_chat_model(str(folder), threads=1)
    prompts = chat.encode(["Hello there.", "Who are you? Tell me."])
    ways = (
        lambda: chat.sample(prompts, Sampling(temperature, 4, 2)),
        lambda: chat.pooled(prompts),
        lambda: log_probs(chat, prompts, [[False] + [True] * (len(p) - 1) for p in prompts]),
    )
    for way in ways:
        with pytest.raises(NotFinite, match="holds weights that are no numbers") as e:
            way()
        assert str(folder) in e.value.problem and weight in e.value.problem
        assert "same command again" in e.value.next_step
    # layers before the broken one are numbers
    assert torch.isfinite(torch.tensor(chat.pooled(prompts, layers=[0])[:, 0])).all()


def test_the_row_that_is_none_is_told(chat, monkeypatch):
    prompts = chat.encode(["Hello there.", "Who are you? Tell me.", "Yes."])
    forward, seen = type(chat.hf).forward, []

    def spoiled(self, *args, **more):
        out = forward(self, *args, **more)
        seen.append(len(out.logits))
        out.logits[-1] = float("inf")
        return out

    monkeypatch.setattr(type(chat.hf), "forward", spoiled)
    with pytest.raises(NotFinite, match="logits are beyond what float32 holds") as e:
        chat.sample(prompts, Sampling(1.0, 3, 2))
    longest = max(range(3), key=lambda i: len(prompts[i]))
    assert e.value.row in (longest, 2)


def test_a_mended_branch_is_gone_on_with(place, tmp_path, monkeypatch, capsys):
    whole = shutil.copytree(place, tmp_path / "whole")
    monkeypatch.chdir(whole)
    asked = ["extract", *ASKED.split(), *PLAYED.split()]
    assert main(asked) == 0
    folder = shutil.copytree(place, tmp_path / "place")
    monkeypatch.chdir(folder)
    weight = broken(folder / "tuned")
    capsys.readouterr()
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert said.startswith("psm_viz: tuned-0001: persona 'healer-0': tuned: ") and weight in said
    assert said.count("\n") == 2
    kept = {p: p.stat().st_mtime_ns for p in (folder / "study.partial").rglob("vectors.*")}
    assert len(kept) == 1  # the reference's
    shutil.rmtree(folder / "tuned")
    shutil.copytree(place / "tuned", folder / "tuned")
    assert main(asked) == 0
    assert differences(folder, whole) == []
    found = (folder / "study").rglob("vectors.*")
    assert set(kept.values()) <= {p.stat().st_mtime_ns for p in found}
