"""What cannot be added to a study is said before any model is loaded."""

import multiprocessing
import shutil
from dataclasses import replace

import pytest

from psm_viz import paths
from psm_viz.engine import add_branches
from psm_viz.engine.outline import Settings
from psm_viz.engine.plan import Planning
from psm_viz.engine.playing import Playing
from psm_viz.engine.rates import Rates
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadInput
from psm_viz.small_model.study import Conduct, add_to_study, plan_tree
from psm_viz.small_model.trained_tree import TrainedTree
from psm_viz.study.judging import Judge, Judgement
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.world.judging import BankJudge
from tests.made.activations import CHECKPOINTS, REFERENCE

NEW = Checkpoint("playful-0004", "playful", 4, REFERENCE)


@pytest.fixture
def study(known_folder, tmp_path, world, monkeypatch):
    """The known study, as if it had been played in the made world; no model can be loaded."""

    def loaded(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(add_branches, "load_as_played", loaded)
    old = open_study(shutil.copytree(known_folder, tmp_path / "known"))
    writer = StudyWriter(old.folder)
    writer.begin_from(old)
    notes = old.manifest.notes | {"world": world.sha256, "world_kind": world.kind}
    return writer.finish(replace(old.manifest, notes=notes), old.cast, old.questions)


def source_of(world, *more, seed=0, folder=None):
    """A tree with the study's checkpoints and more; all in one folder, where one matters."""
    checkpoints = (*CHECKPOINTS[:-1], *more)
    folders = {c.id: str(folder or f"nowhere/{c.id}") for c in checkpoints}
    return TrainedTree(checkpoints, folders, REFERENCE, world=world, seed=seed)


def refused(study, source, branches):
    with pytest.raises(BadInput) as e:
        add_to_study(source, study.folder, branches, 1, print)
    assert e.value.next_step
    assert nothing_begun(study)
    return e.value.problem


def nothing_begun(study):
    begun = study.folder.with_name("known.partial").exists()
    return open_study(study.folder).sha256 == study.sha256 and not begun


def test_a_study_of_another_world(study, world):
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    notes = study.manifest.notes | {"world": "of others"}
    other = writer.finish(replace(study.manifest, notes=notes), study.cast, study.questions)
    assert "made world" in refused(other, source_of(world), ["moved"])


def test_a_tree_trained_with_another_seed(study, world):
    assert "seed 0, the tree's with seed 1" in refused(study, source_of(world, seed=1), ["moved"])


def test_a_branch_that_the_tree_has_not(study, world):
    assert "no branch 'nowhere'" in refused(study, source_of(world), ["moved", "nowhere"])


def test_a_branch_that_the_study_has(study, world):
    assert "nothing new" in refused(study, source_of(world), ["moved", "contracted"])


def test_a_new_branch_gets_as_far_as_the_model(study, world, tiny_folder):
    source = source_of(world, NEW, folder=tiny_folder)
    with pytest.raises(AssertionError, match="a model was loaded"):
        add_to_study(source, study.folder, ["playful"], 1, print)
    assert open_study(study.folder).sha256 == study.sha256
    # what was begun is kept for the same branch and for no other work
    with pytest.raises(BadInput, match="unfinished extraction"):
        StudyWriter(study.folder).begin_from(study)


def test_what_is_wrong_with_a_new_branchs_files_is_one_list(study, world, tiny_folder, tmp_path):
    late = Checkpoint("playful-0008", "playful", 8, NEW.id)
    source = source_of(world, NEW, late, folder=tiny_folder)
    cut = shutil.copytree(tiny_folder, tmp_path / "cut") / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    empty = tmp_path / "empty"
    empty.mkdir()
    source.folders.update({NEW.id: str(cut.parent), late.id: str(empty)})
    with pytest.raises(BadInput) as e:
        add_to_study(source, study.folder, ["playful"], 1, print)
    assert nothing_begun(study)
    problem = e.value.problem
    assert "2 things are wrong, and nothing was played" in problem
    assert f"{NEW.id}: {cut}" in problem and f"{late.id}: {empty}: holds no config.json" in problem


def test_what_is_sent_to_other_processes_arrives_and_judges_alike(world):
    cast = world.cast()
    playing = Playing(cast, Sampling(), "instructions", BankJudge(world.kind), Conduct(world.kind))
    here, there = multiprocessing.Pipe()
    here.send(playing)
    arrived = there.recv()
    assert arrived == playing
    topic = world.topics[world.conduct[0]]
    for valence, tone in (("good", "cool"), ("bad", "plain")):
        said = topic.cell(valence, tone)[0].text
        assert arrived.judge(topic.id, said) == Judgement(valence, tone)
    assert arrived.judge(topic.id, "Nobody says this.") == Judgement()
    assert isinstance(arrived.judge, Judge)


def test_a_plan_counts_what_the_shipped_study_holds(world, tmp_path):
    shipped = open_study(paths.STUDY)
    reference = shipped.manifest.reference
    alone = (replace(shipped.manifest.checkpoint(reference), parent=None),)
    folders = {reference: str(paths.MODELS / reference)}
    tree = TrainedTree(alone, folders, reference, world=world, seed=0)
    settings = Settings("s", samples=2, ask="ends", talks=TalkSettings())
    given = Planning(Rates(9000.0, 900.0, 9000.0))
    plan = plan_tree(tree, tmp_path / "s", settings, given, lambda line: None)
    what = {w.what: w.count.answers for w in plan.works}
    assert what["the cast at the reference"] == len(shipped.responses(reference))
    assert what["talks at the reference"] == len(shipped.talk_answers(reference))
    noise = len(shipped.responses(shipped.manifest.noise_floor))
    assert what["the cast at the reference, other questions"] == noise
    assert "the measure of conduct" in plan.left_out and not any(tmp_path.iterdir())
