"""A lesson kept as a branch of a study of one's own: what that begins with, what is refused, and
that a kill or an error leaves what was there."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from psm_viz.engine import add_branches, jobs
from psm_viz.engine.adapters import base_of, save_adapter
from psm_viz.engine.build_study import build_study
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.keep_branch import keep_branch, weights_beside
from psm_viz.engine.known import Known
from psm_viz.engine.outline import Settings
from psm_viz.engine.weights import weights_of
from psm_viz.errors import BadInput
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables import map_trials
from psm_viz.tables.derive import editing, stale
from tests.made.activations import files_of
from tests.made.models import write_tiny_model
from tests.made.page import DRIFT, MAP, opened, words

KNOWN = Known("instructions", notes={"benign": "calm", "twin": "other"})
NAME = "model.layers.0.mlp.down_proj.weight"
FEW = ("reference-0000", "calm-0004", "again-0000")


def quiet(line):
    pass


@pytest.fixture(scope="module", autouse=True)
def few_trials():
    """How maps could look otherwise is another test's matter, and takes long."""
    with pytest.MonkeyPatch.context() as m:
        m.setattr(map_trials, "TRIED", map_trials.TRIED[:1])
        m.setattr(map_trials, "NOISE_SEEDS", (0,))
        yield


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    """A reference, two branches of it, and the saves of a lesson: adapters made elsewhere."""
    out = tmp_path_factory.mktemp("models")
    folders = ("start", "calm/checkpoint-2", "calm/checkpoint-4", "other")
    for seed, name in enumerate(folders):
        write_tiny_model(world, out / name, seed)
    torch.manual_seed(0)
    shape = weights_of(out / "start")[NAME].shape
    for step in (2, 4):
        ab = {NAME: torch.randn(2, shape[1])}, {NAME: step * 0.1 * torch.randn(shape[0], 2)}
        save_adapter(*ab, out / "start", out / "live" / "lesson" / f"checkpoint-{step}")
    return out


@pytest.fixture(scope="module")
def study(world, place, tmp_path_factory):
    cast = world.cast()
    people = tuple(replace(p, traits={}) for p in cast.personas[:8])
    used = {p.family for p in people}
    cast = replace(cast, personas=people, families=tuple(f for f in cast.families if f.id in used))
    questions = [q for q in world.questions() if q.topic in ("coding", "money", "news")]
    questions = tuple(replace(q, fold=n % 3) for n, q in enumerate(questions))
    branches = {name: str(place / name) for name in ("calm", "other")}
    source = from_models(str(place / "start"), branches, None)
    settings = Settings("whole", samples=1, max_new_tokens=4, threads=1, layer=1)
    out = tmp_path_factory.mktemp("studies") / "whole"
    made = build_study(source, cast, questions, out, settings, quiet, KNOWN)
    with editing(made) as edit:  # of no model, and of a branch that will not be there
        edit.writer.write_table("steering", made.table("confounds"))
    return edit.done


def kept(study, place, out, name="lazy", steps=(2, 4), **more):
    saves = {n: str(place / "live" / "lesson" / f"checkpoint-{n}") for n in steps}
    asked = {"reference": str(place / "start"), "threads": 1, "say": quiet} | more
    known = replace(KNOWN, notes={})
    return keep_branch(study, out, saves=saves, name=name, known=known, **asked)


@pytest.fixture(scope="module")
def own(study, place, tmp_path_factory):
    return kept(study, place, tmp_path_factory.mktemp("own") / "mine")


def test_it_begins_with_the_reference_and_what_gives_nulls(study, own):
    m = own.manifest
    assert [c.id for c in m.checkpoints] == [FEW[0], FEW[1], "lazy-0002", "lazy-0004", FEW[2]]
    parents = {c.id: c.parent for c in m.checkpoints}
    assert parents["calm-0004"] == parents["lazy-0002"] == "reference-0000"
    assert parents["lazy-0004"] == "lazy-0002" and parents["reference-0000"] is None
    assert (m.name, m.notes.get("benign")) == ("mine", "calm") and "twin" not in m.notes
    assert own.verify() and not stale(own) and not own.has_table("steering")
    ends = set(own.table("drift").checkpoint)
    assert {"calm-0004", "lazy-0002", "lazy-0004", "again-0000"} == ends
    for c in FEW:  # as they were played
        a, b = own.vectors(c).values, study.vectors(c).values
        assert (a == b).all()
    assert open_study(study.folder).sha256 == study.sha256 and study.has_table("steering")
    for table in ("map_trials", "gaussian_map"):  # they tell of the reference, and take long
        assert own.files[f"tables/{table}.parquet"] == study.files[f"tables/{table}.parquet"]
    left = sorted(p.name for p in own.folder.parent.iterdir())
    assert left == ["mine", "mine-weights"]


def test_its_weights_lie_beside_it_and_open(place, own):
    beside = weights_beside(own.folder)
    assert sorted(p.name for p in beside.iterdir()) == ["lazy-0002", "lazy-0004"]
    found, was = (
        weights_of(p) for p in (beside / "lazy-0004", place / "live" / "lesson" / "checkpoint-4")
    )
    assert all(torch.equal(found[k], was[k]) for k in was)
    assert Path(base_of(beside / "lazy-0004")).samefile(place / "start")


def test_pages_show_it(own, monkeypatch):
    for script in (MAP, DRIFT):
        for link in ({}, {"checkpoint": "lazy-0004"}, {"branch": "lazy"}):
            said = words(opened(monkeypatch, own.folder, script, **link))
            assert "psm-notice" not in said, (script, link, said)


def test_another_branch_is_added_and_what_is_there_stays(study, place, own, tmp_path):
    for name in ("mine", "mine-weights"):
        shutil.copytree(own.folder.parent / name, tmp_path / name)
    said = []
    more = kept(study, place, tmp_path / "mine", "eager", (4,), say=said.append)
    assert any("drift" in line for line in said) and not any("map tried" in x for x in said)
    new = ["lazy-0002", "lazy-0004", "eager-0004"]
    assert [c.id for c in more.manifest.checkpoints] == [*FEW[:2], *new, FEW[2]]
    assert more.verify() and not stale(more)
    before, after = files_of(own.folder), files_of(more.folder)
    assert all(after[f] == before[f] for f in before if "checkpoints/" in str(f))
    assert sorted(p.name for p in (tmp_path / "mine-weights").iterdir()) == sorted(new)


def test_what_cannot_be_kept_is_said_before_any_model_is_loaded(
    study, place, own, tmp_path, monkeypatch
):
    def loaded(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(add_branches, "load_as_played", loaded)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear all")
    (tmp_path / "new").mkdir()
    refused = [
        ({"out": own.folder, "name": "lazy"}, "'lazy' is taken"),
        ({"name": "again"}, "'again' is taken"),
        ({"name": "a/b"}, "'a/b' cannot name a branch"),
        ({"name": ".."}, "cannot name a branch"),
        ({"steps": ()}, "expected some"),
        ({"out": tmp_path / "full"}, "is no study and would be replaced"),
        ({"reference": str(place / "other")}, "other weights"),
    ]
    for changed, said in refused:
        with pytest.raises(BadInput, match=said):
            kept(study, place, **{"out": tmp_path / "new", "name": "eager"} | changed)
    writer = StudyWriter(tmp_path / "asked")
    writer.begin_from(study)
    writer.finish(replace(study.manifest, reference="calm-0002"), study.cast, study.questions)
    with pytest.raises(BadInput, match="of another reference, cast or questions"):
        kept(study, place, tmp_path / "asked", "eager")
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"full", "new", "asked"} and not any((tmp_path / "new").iterdir())


class Killed(BaseException):
    pass


def test_a_kill_leaves_what_was_there_and_is_gone_on_with(study, place, tmp_path, monkeypatch):
    play, played = jobs.play_one, []

    def first_alone(chat, playing, job, *more):
        if played:
            raise Killed
        played.append(job.checkpoint)
        play(chat, playing, job, *more)

    def noted(chat, playing, job, *more):
        played.append(job.checkpoint)
        play(chat, playing, job, *more)

    out = tmp_path / "mine"
    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr(jobs, "play_one", first_alone)
        kept(study, place, out)
    assert not out.exists() and played == ["lazy-0002"]
    with monkeypatch.context() as m:
        m.setattr(jobs, "play_one", noted)
        again = kept(study, place, out)
    assert played == ["lazy-0002", "lazy-0004"] and again.verify()
    assert not (tmp_path / "mine.keeping").exists()
    before = files_of(out)
    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr(jobs, "play_one", first_alone)
        kept(study, place, out, "eager")
    assert files_of(out) == before
    played.clear()
    with monkeypatch.context() as m:  # another branch than the one that was begun
        m.setattr(jobs, "play_one", noted)
        other = kept(study, place, out, "calmer", (2,))
    assert played == ["calmer-0002"] and other.manifest.branches[-1] == "calmer"
    assert Checkpoint("calmer-0002", "calmer", 2, "reference-0000") in other.manifest.checkpoints
