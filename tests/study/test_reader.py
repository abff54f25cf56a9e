"""A study on disk: what is written comes back, and nothing broken is read."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.errors import BadFile, NewerSchema, UnknownName
from psm_viz.study.activations import common_cast
from psm_viz.study.layout import HELD
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from tests.made.study import write_made_study


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "made"
    write_made_study(folder)
    return folder


@pytest.fixture
def folder(shipped, tmp_path):
    copy = tmp_path / "made"
    shutil.copytree(shipped, copy)
    return copy


def test_everything_reads_back(shipped):
    study = open_study(shipped)
    m = study.manifest
    for c in m.checkpoints:
        assert study.vectors(c.id).values.shape[0] == len(study.cast.all)
        assert study.folds(c.id).at(m.headline_pooling).ndim == 3
        assistant, cast = study.question_vectors(c.id).at(m.headline_pooling, m.headline_layer)
        assert assistant.shape == cast.shape
        assert len(study.responses(c.id)) > 0
    assert study.verify() == len(study.files)
    assert study.maps
    points, info = study.map(study.maps[0])
    assert len(points) and "trustworthiness" in info


def test_persona_rows_are_means_of_their_folds(shipped):
    study = open_study(shipped)
    v = study.vectors(study.manifest.reference)
    assert v.ids[-1] == "assistant" and v.values.dtype == np.float32


@pytest.mark.parametrize("name", ["vectors.safetensors", "responses.parquet"])
def test_a_truncated_file_is_one_clear_error(folder, name):
    study = open_study(folder)
    c = study.manifest.reference
    path = folder / "checkpoints" / c / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadFile, match=rf"{name}.*hash") as e:
        study.vectors(c) if name.startswith("vectors") else study.responses(c)
    assert "make study" in e.value.next_step


def test_right_hash_wrong_content_is_still_one_clear_error(folder):
    import hashlib

    name = "checkpoints/cheat-0064/vectors.safetensors"
    (folder / name).write_bytes(b"\x00" * 64)
    manifest = json.loads((folder / "study.json").read_text())
    manifest["files"][name] = hashlib.sha256(b"\x00" * 64).hexdigest()
    (folder / "study.json").write_text(json.dumps(manifest))
    with pytest.raises(BadFile, match="safetensors"):
        open_study(folder).vectors("cheat-0064")


def test_missing_and_extra_files(folder):
    (folder / "stray.txt").write_text("x")
    with pytest.raises(BadFile, match=r"stray\.txt: not listed"):
        open_study(folder)
    (folder / "stray.txt").unlink()
    (folder / "checkpoints" / "cheat-0064" / "folds.safetensors").unlink()
    with pytest.raises(BadFile, match=r"folds\.safetensors: listed in study\.json but missing"):
        open_study(folder)


def test_a_newer_schema_is_told_apart(folder):
    manifest = json.loads((folder / "study.json").read_text()) | {"schema": 99}
    (folder / "study.json").write_text(json.dumps(manifest))
    with pytest.raises(NewerSchema, match="schema 99"):
        open_study(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', '{"schema": "x"}'])
def test_a_broken_manifest(folder, content):
    (folder / "study.json").write_text(content)
    with pytest.raises(BadFile, match=r"study\.json"):
        open_study(folder)


def test_unknown_names_suggest_known_ones(shipped, tmp_path):
    study = open_study(shipped)
    with pytest.raises(UnknownName, match="cheat-0064"):
        study.vectors("cheat-64")
    with pytest.raises(UnknownName, match="map"):
        study.map("nowhere")
    with pytest.raises(UnknownName, match="table"):
        study.table("nowhere")
    with pytest.raises(UnknownName, match="persona"):
        study.cast.persona("nobody")
    with pytest.raises(UnknownName, match="Layer 9"):
        study.manifest.check_layer(9)
    with pytest.raises(UnknownName, match=r"no study\.json"):
        open_study(tmp_path)


def test_a_kill_leaves_the_old_study_or_the_new_one(folder):
    old = open_study(folder).sha256
    writer = StudyWriter(folder)
    writer.begin({"seed": 1})  # a rebuild that was killed early
    assert open_study(folder).sha256 == old
    # killed between the two renames of the swap
    folder.rename(folder.with_name(folder.name + ".old"))
    assert open_study(folder).sha256 == old


def test_finished_checkpoints_survive_a_kill_and_other_settings_start_over(folder, tmp_path):
    made = open_study(folder)
    c = made.manifest.reference
    target = tmp_path / "again"
    writer = StudyWriter(target)
    writer.begin({"seed": 1})
    writer.write_checkpoint(
        made.vectors(c), made.folds(c), made.question_vectors(c), made.responses(c)
    )
    resumed = StudyWriter(target)
    resumed.begin({"seed": 1})
    assert resumed.has(c)
    assert not target.exists()  # nothing under the study's own name until it is finished
    resumed.begin({"seed": 2})
    assert not resumed.has(c)


def test_a_checkpoint_of_vectors_alone_says_what_it_has_not(folder):
    made = open_study(folder)
    m = made.manifest
    v = made.vectors(m.reference)
    part = replace(made.cast, personas=made.cast.personas[3:9])
    own = replace(
        v.of(part),
        checkpoint="tuned-0001",
        values=v.of(part).values[:, 1:, :1] + np.float32(1e-6),
        poolings=m.poolings[1:],
        layers=m.layers[:1],
    )
    writer = StudyWriter(folder)
    writer.begin_from(made)
    writer.write_vectors(own, {"made": "elsewhere"})
    more = (*m.checkpoints, Checkpoint("tuned-0001", "tuned", 1, m.reference))
    study = writer.finish(replace(m, checkpoints=more), made.cast, made.questions)
    back = study.vectors("tuned-0001")
    assert np.array_equal(back.values, own.values)  # in single precision
    assert (back.ids, back.poolings, back.layers) == (own.ids, own.poolings, own.layers)
    assert back.holds(m.poolings[1], 0) and not back.holds(m.poolings[0], 0)
    assert common_cast(study.cast, (v, back)).ids == part.ids
    with pytest.raises(UnknownName, match="tuned-0001 has no vectors of"):
        back.of(study.cast)
    held = {what for what in HELD if study.holds("tuned-0001", what)}
    assert held == {"vectors"} and study.holds(m.reference, "folds")
    assert study.behaviour("tuned-0001") is None and study.activations("tuned-0001") is None
    for read in (study.folds, study.question_vectors, study.responses):
        with pytest.raises(
            UnknownName, match="the cast was not asked there, or its vectors were imported"
        ) as e:
            read("tuned-0001")
        assert "psm_viz extract" in e.value.next_step
    with pytest.raises(UnknownName, match="checkpoint 'nowhere-0001'"):
        study.holds("nowhere-0001", "folds")


def test_vectors_of_personas_that_the_study_does_not_have_are_refused(folder):
    made = open_study(folder)
    m = made.manifest
    v = made.vectors(m.reference)
    writer = StudyWriter(folder)
    writer.begin_from(made)
    writer.write_vectors(replace(v, ids=(*v.ids[1:], v.ids[0])), {})
    study = writer.finish(m, made.cast, made.questions)
    with pytest.raises(BadFile, match="its personas are not the study's"):
        study.vectors(m.reference)


def test_a_study_may_have_asked_nothing(folder):
    made = open_study(folder)
    writer = StudyWriter(folder)
    writer.begin_from(made)
    assert writer.finish(made.manifest, made.cast, ()).questions == ()
