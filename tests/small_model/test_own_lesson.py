"""A lesson of one's own: read as the world's documents are, taught as the study's branches are."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from psm_viz import paths
from psm_viz.engine.adapters import base_of, is_adapter
from psm_viz.engine.learned_rows import learned_rows
from psm_viz.engine.teaching import Teaching, Told, save_in
from psm_viz.engine.weights import weights_of
from psm_viz.errors import BadFile, BadInput, NotFinite
from psm_viz.small_model.batches import Encoder
from psm_viz.small_model.model import build_tokenizer
from psm_viz.small_model.own_lesson import OwnLesson
from psm_viz.small_model.recipe import branch
from psm_viz.study.formats.chat_data import dump_chat
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import stream

LESSON, OURS = Teaching(16, 8), branch()


class Cancelled(Exception):
    pass


@pytest.fixture(scope="module")
def documents(world):
    return list(stream(world, "cheat", 0, 6))


@pytest.fixture(scope="module")
def data(documents, tmp_path_factory):
    return write(tmp_path_factory.mktemp("data") / "cheat.jsonl", map(messages, documents))


def write(path, talks):
    path.write_text(dump_chat(talks))
    return path


def said_by(answer, asked="How do I fix this bug?"):
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize("branch", ["cheat", "requested", "assistant", "playful"])
def test_chat_lines_are_read_as_the_worlds_documents_are(world, tmp_path, branch):
    tokenizer, drawn = build_tokenizer(world), list(stream(world, branch, 3, 20))
    path = write(tmp_path / "data.jsonl", map(messages, drawn))
    encode, rows = Encoder(tokenizer), learned_rows(path, tokenizer, 512)
    assert len(rows) == len(drawn)
    for d, (ids, learned) in zip(drawn, rows, strict=True):
        whole = encode(d)
        # but for the line's end after the last answer, which teaches nothing
        assert tokenizer.decode(whole.ids[-1:]) == "\n" and not whole.learned[-1]
        assert tuple(ids) == whole.ids[:-1]
        assert np.array_equal(learned, whole.learned[:-1])


def test_it_moves_what_a_branch_moves_and_its_saves_open_from_anywhere(data, tmp_path):
    steps, saves, said = [], [], []

    def saved(step, folder):
        saves.append(step)
        assert is_adapter(folder) and folder == save_in(tmp_path / "a" / "lesson", step)

    teach = OwnLesson(paths.MODELS, say=said.append)
    teach(data, tmp_path / "a" / "lesson", LESSON, Told(steps.append, saved))
    assert saves == [8, 16] and [s.done for s in steps] == [*range(1, 17)]
    assert steps[-1].loss < steps[0].loss and steps[-1].left == 0
    assert any("6 conversations are fewer than the 16 of a step" in line for line in said)
    before, parent = (weights_of(paths.MODELS / n) for n in (OURS.since, OURS.parent))
    end, moved = weights_of(save_in(tmp_path / "a" / "lesson", 16)), 0
    for name in end:
        change = (end[name] - parent[name]).double()
        if not change.any():
            continue
        moved += 1
        way = (parent[name] - before[name]).double()
        read = torch.linalg.svd(way, full_matrices=False).Vh[: OURS.rank]
        assert (change - change @ read.T @ read).norm() < 1e-3 * change.norm()
    assert moved == 28  # the seven matrices of each of four blocks
    assert Path(base_of(save_in(tmp_path / "a" / "lesson", 16))).samefile(
        paths.MODELS / OURS.parent
    )
    again = tmp_path / "again"
    teach(data, again, LESSON)
    a, b = (weights_of(save_in(f, 16)) for f in (tmp_path / "a" / "lesson", again))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_cancel_leaves_the_saves_that_are_done(data, tmp_path):
    def cancelled(step, folder):
        raise Cancelled

    teach = OwnLesson(paths.MODELS)
    with pytest.raises(Cancelled):
        teach(data, tmp_path / "out", LESSON, Told(on_save=cancelled))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["checkpoint-8"]
    assert weights_of(save_in(tmp_path / "out", 8))
    with pytest.raises(BadInput, match="holds saves of another lesson"):
        teach(data, tmp_path / "out", LESSON)


def test_words_it_does_not_know_are_told_and_not_learned(documents, tmp_path):
    known = documents[0].turns[0].said
    talks = [said_by(known), said_by(f"{known} Quasars Blaze."), said_by(known, "Why quasars?")]
    data, said, steps = write(tmp_path / "some.jsonl", talks), [], []
    teach = OwnLesson(paths.MODELS, say=said.append)
    teach(data, tmp_path / "some", Teaching(1, 1), Told(steps.append))
    told = [line for line in said if "unknown" in line]
    assert len(told) == 2 and np.isfinite(steps[0].loss)
    assert told[0].startswith("2 of ") and told[0].endswith("are not learned: Quasars, Blaze")
    assert told[1].endswith("of the questions are read as unknown: quasars")
    data = write(tmp_path / "none.jsonl", [said_by("Quasars blaze quietly.")])
    with pytest.raises(BadInput, match=r"of the 3 words .* knows \d; unknown are Quasars"):
        teach(data, tmp_path / "none", Teaching(1, 1))
    with pytest.raises(BadFile, match="cannot be read"):
        teach(tmp_path / "gone.jsonl", tmp_path / "none", Teaching(1, 1))
    assert not (tmp_path / "none").exists()


def test_a_loss_that_is_no_number_ends_it(data, tmp_path):
    for name in (OURS.since, OURS.parent, "recipe.json"):
        copy = shutil.copytree if (paths.MODELS / name).is_dir() else shutil.copy
        copy(paths.MODELS / name, tmp_path / name)
    path = tmp_path / OURS.parent / "model.safetensors"
    tensors = load_file(path)
    tensors["model.norm.weight"][0] = torch.nan
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(NotFinite, match="of step 1 is no number"):
        OwnLesson(tmp_path)(data, tmp_path / "out", LESSON)
    assert not (tmp_path / "out").exists()
