"""What a kill leaves of a study that is being written, and what is made of it."""

import json
import shutil

import pytest

from psm_viz.errors import BadInput
from psm_viz.study import writer as writing
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter

HASHES = {"reference-0000": "a", "one-0001": "b", "two-0001": "c"}


@pytest.fixture
def study(made_folder, tmp_path):
    return open_study(shutil.copytree(made_folder, tmp_path / "study"))


def finish(writer, study):
    return writer.finish(study.manifest, study.cast, study.questions)


class Killed(BaseException):
    pass


def killed(*args, **more):
    raise Killed


def beside(study):
    return sorted(p.name for p in study.folder.parent.iterdir())


def test_what_is_half_written_is_in_no_study(study):
    writer = StudyWriter(study.folder)
    writer.begin_from(study, {"add": ["x-0001"]})
    for name in ("study.json.partial", "tables/drift.parquet.partial", "checkpoints/y.partial/a"):
        path = writer.partial / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"cut sho")
    made = finish(writer, study)
    assert made.files == study.files and made.verify()
    assert not list(study.folder.rglob("*.partial")) and beside(study) == ["study"]


def test_blocks_of_a_finished_checkpoint_are_in_nobodys_way(study):
    writer = StudyWriter(study.folder)
    writer.begin_from(study, {"add": ["x-0001"]})
    (writer.blocks / "x-0001" / "00000").mkdir(parents=True)
    (writer.blocks / "x-0001" / "00000" / "answers.parquet").write_bytes(b"all of it")
    draft = writer.open_partial(study.manifest, study.cast, study.questions)
    assert draft.files == study.files and finish(writer, study).files == study.files


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_around_the_last_rename_loses_nothing(study, monkeypatch, when):
    settings = {"seed": 1}
    writer = StudyWriter(study.folder)
    writer.begin(settings)
    (writer.partial / "checkpoints" / "hours-0001").mkdir(parents=True)
    (writer.partial / "checkpoints" / "hours-0001" / "of-work").write_text("x")
    swap = writing.swap

    def cut(work, final):
        if when == "after":
            swap(work, final)
        raise Killed

    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr(writing, "swap", cut)
        finish(writer, study)
    resumed = StudyWriter(study.folder)
    resumed.begin(settings)
    assert resumed.has("hours-0001")
    assert "checkpoints/hours-0001/of-work" in finish(resumed, study).files
    assert beside(study) == ["study"] and not (study.folder / "settings.json").exists()


def test_an_edit_that_was_killed_after_the_last_rename_is_done(study, monkeypatch):
    settings = {"talks": {"seed": 1}}
    writer = StudyWriter(study.folder)
    writer.begin_from(study, settings, talks=False)
    (writer.partial / "talks.json").write_text("new talks")
    with monkeypatch.context() as m, pytest.raises(Killed):
        m.setattr("pathlib.Path.unlink", killed)  # the first thing after the renames
        finish(writer, study)
    again = open_study(study.folder)
    assert again.sha256 != study.sha256
    resumed = StudyWriter(study.folder)
    resumed.begin_from(again, settings, talks=False)
    assert (resumed.partial / "talks.json").read_text() == "new talks"
    resumed.begin_from(again, settings, talks=False)
    assert (resumed.partial / "talks.json").exists()  # and is gone on with like any other
    finish(resumed, again)
    assert beside(study) == ["study"] and not (study.folder / "settings.json").exists()


def test_talks_that_are_held_anew_are_never_half_the_old_ones(talk_study, tmp_path, monkeypatch):
    study = open_study(shutil.copytree(talk_study.folder, tmp_path / "study"))
    writer = StudyWriter(study.folder)
    writer.begin_from(study, {"talks": {"seed": 7}}, talks=False)
    assert not writer.has_talks(study.manifest.reference)
    assert not [p.name for p in writer.partial.rglob("talks.*")]
    assert writer.has(study.manifest.reference) and study.talk_note is not None


def begun(folder, hashes, **more):
    writer = StudyWriter(folder)
    writer.begin({"weights": hashes} | more, "reference-0000")
    return writer


def test_a_checkpoint_of_other_weights_is_played_again_and_the_others_stay(tmp_path):
    writer = begun(tmp_path / "new", HASHES)
    for name in HASHES:
        (writer.partial / "checkpoints" / name).mkdir(parents=True)
        (writer.blocks / name).mkdir(parents=True)
    writer = begun(tmp_path / "new", HASHES | {"two-0001": "mended"})
    assert [c for c in HASHES if writer.has(c)] == ["reference-0000", "one-0001"]
    assert not (writer.blocks / "two-0001").exists() and (writer.blocks / "one-0001").exists()
    assert begun(tmp_path / "new", HASHES | {"two-0001": "mended"}).has("one-0001")
    for other in (HASHES | {"reference-0000": "z", "two-0001": "mended"}, {"one-0001": "b"}):
        kept = begun(tmp_path / "new", HASHES)
        (kept.partial / "checkpoints" / "one-0001").mkdir(parents=True, exist_ok=True)
        assert not begun(tmp_path / "new", other).has("one-0001")


def test_a_copy_with_a_mended_branch_is_gone_on_with(study):
    writer = StudyWriter(study.folder)
    new = {"add": ["one-0001", "two-0001"]}
    writer.begin_from(study, new | {"weights": {"one-0001": "a", "two-0001": "b"}})
    for name in new["add"]:
        (writer.partial / "checkpoints" / name).mkdir()
    writer.begin_from(study, new | {"weights": {"one-0001": "a", "two-0001": "mended"}})
    assert writer.has("one-0001") and not writer.has("two-0001")
    with pytest.raises(BadInput, match="unfinished extraction"):
        writer.begin_from(study, {"add": ["three-0001"], "weights": {"three-0001": "c"}})


def test_settings_that_were_half_written_are_swept_away(study):
    stale = study.folder.with_name(f"study.{'0a' * 16}.settings")
    for path in (stale, stale.with_name(f"{stale.name}.partial")):
        path.write_text(json.dumps({"seed": 1}))
    other = study.folder.with_name("study.b.123.settings")
    other.write_text("another study's")
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    finish(writer, study)
    assert beside(study) == ["study", "study.b.123.settings"]
