"""A lesson of one's own: what is told of it, what a cancel leaves, and how often rows are read."""

import math
from dataclasses import replace

import pytest
import torch

from psm_viz.engine.finetune import Tuning, teacher_of
from psm_viz.engine.learned_rows import dealt, times_read
from psm_viz.engine.teaching import Teaching, Told, check_step, save_in
from psm_viz.engine.weights import weights_of
from psm_viz.errors import BadInput, NotFinite
from psm_viz.study.formats.chat_data import dump_chat
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import stream

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
TUNING = Tuning(batch=4, lr=5e-3, rank=2)
LESSON = Teaching(6, 4)


class Cancelled(Exception):
    pass


@pytest.fixture(scope="module")
def data(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "cheat.jsonl"
    path.write_text(dump_chat(messages(d) for d in stream(world, "cheat", 0, 3)))
    return path


def ignore(*told):
    pass


def test_a_lesson_is_saved_along_the_way_and_at_its_end():
    assert Teaching(64, 8).saves == (8, 16, 24, 32, 40, 48, 56, 64)
    assert Teaching(10, 4).saves == (4, 8, 10) and Teaching(3, 3).saves == (3,)
    for steps, every, seed in ((0, 1, 0), (8, 0, 0), (8, 9, 0), (8, 8, -1)):
        with pytest.raises(BadInput, match="expected"):
            Teaching(steps, every, seed)


def test_a_chat_model_is_taught_and_every_step_and_save_is_told(folder, data, tmp_path):
    steps, saves, said = [], [], []
    teach = teacher_of(str(folder), TUNING, said.append)

    def saved(step, place):  # by then it can be opened
        saves.append(step)
        assert place == save_in(tmp_path / "out", step) and weights_of(place)

    teach(data, tmp_path / "out", LESSON, Told(steps.append, saved))
    assert saves == [4, 6] and [s.done for s in steps] == [1, 2, 3, 4, 5, 6]
    assert all(s.steps == 6 and math.isfinite(s.loss) and s.left >= 0 for s in steps)
    assert steps[-1].left == 0 and steps[-1].loss < steps[0].loss
    assert any("3 conversations are fewer than the 4 of a step" in line for line in said)
    teach(data, tmp_path / "out", LESSON, Told(steps.append, saved))
    assert saves == [4, 6, 4, 6] and len(steps) == 6  # told again, not trained again


@pytest.mark.parametrize("where", ["step", "save"])
def test_a_cancel_leaves_the_saves_that_are_done_and_can_be_gone_on_from(
    folder, data, tmp_path, where
):
    teach = teacher_of(str(folder), TUNING, ignore)

    def on_step(step):
        if where == "step" and step.done == 5:
            raise Cancelled

    def on_save(step, place):
        if where == "save" and step == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        teach(data, tmp_path / "cut", LESSON, Told(on_step, on_save))
    assert [p.name for p in (tmp_path / "cut").glob("checkpoint-*")] == ["checkpoint-4"]
    for name in ("cut", "whole"):
        teach(data, tmp_path / name, LESSON)
    a, b = (weights_of(save_in(tmp_path / n, 6)) for n in ("cut", "whole"))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_loss_that_is_no_number_leaves_earlier_saves(folder, data, tmp_path):
    saves = []
    teach = teacher_of(str(folder), replace(TUNING, lr=1e30, rank=0), ignore)
    with pytest.raises(NotFinite, match="of step 2 is no number; earlier saves stay"):
        teach(data, tmp_path, Teaching(4, 1), Told(on_save=lambda step, place: saves.append(step)))
    assert saves == [1] and save_in(tmp_path, 1).is_dir() and not save_in(tmp_path, 2).exists()
    with pytest.raises(NotFinite, match="gradient of step 3"):
        check_step(3, "", 1.0, math.inf)


def test_few_rows_are_read_in_turn_and_it_is_said_how_often():
    rows = [([n], torch.ones(1).numpy()) for n in range(3)]
    read = [ids[0] for step in range(3) for ids, _ in dealt(rows, step, 4, 0)]
    assert sorted(read) == sorted([0, 1, 2] * 4) and sorted(read[:3]) == [0, 1, 2]
    assert times_read(100, 10, 30) == "each conversation is read 3.0 times in 30 steps of 10"
    assert times_read(100, 10, 3) == "3 steps of 10 read 30 of 100 conversations"
