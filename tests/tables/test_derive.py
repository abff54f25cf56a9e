"""What is derived from a study: made once, made again where its sources changed, and only there."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import open_study
from psm_viz.study.sources import sources_hash
from psm_viz.study.writer import StudyWriter
from psm_viz.tables import derive
from psm_viz.tables.derive import TABLES, stale, write_derived
from tests.made.activations import FLOOR, HEAD, REFERENCE, files_of, forget, write_checkpoint

MAPS = {f"maps/prompt_last-L{HEAD}", f"maps/response_mean-L{HEAD}"}
OF_TALKS = {f"tables/{p.name}" for p in TABLES if "talks.json" in p.reads}
EMPTY = {"tables/evidence_scores", "tables/odds"} | OF_TALKS
"""Nobody wrote evidence or answers, nobody held talks."""
KEY = ["checkpoint", "pooling", "figure"]
EVERYTHING = {f"tables/{p.name}" for p in TABLES} | MAPS


def again(study, **options):
    """Derive a study in place, as the verb does: (what was made, the study)."""
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    made = write_derived(study, writer, **options)
    return made, writer.finish(study.manifest, study.cast, study.questions)


def changed(study, *, manifest=None, questions=None, folds_of=None):
    """Write the study with something changed and nothing derived again."""
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    if folds_of:
        asked = [q for q in study.questions if q.set == MAIN]
        write_checkpoint(writer, folds_of, study.cast, asked, keep=False, nudge=0.02)
    return writer.finish(manifest or study.manifest, study.cast, questions or study.questions)


@pytest.fixture
def study(derived_known, tmp_path):
    return open_study(shutil.copytree(derived_known[1].folder, tmp_path / "known"))


def test_the_first_run_makes_everything(derived_known):
    made, study = derived_known
    assert set(made) == EVERYTHING == set(study.derived) and len(made) == len(EVERYTHING)
    assert study.verify() and stale(study) == []
    for key in EVERYTHING - EMPTY:
        kind, name = key.split("/")
        assert len(study.table(name) if kind == "tables" else study.map(name)[0])
    with pytest.raises(UnknownName, match="evidence_scores"):
        study.table("evidence_scores")


def test_the_second_run_makes_nothing(study):
    before = files_of(study.folder)
    made, after = again(study)
    assert made == [] and files_of(after.folder) == before and after.sha256 == study.sha256


def test_changed_folds_make_again_what_reads_folds(study):
    then = study.table("drift").set_index(KEY).value
    other = changed(study, folds_of="moved-0016")
    reads_folds = {"drift", "traits", "posterior", "posterior_calibration", "evidence_scores"}
    wanted = {f"tables/{name}" for name in reads_folds}
    assert set(stale(other)) == wanted
    before = files_of(other.folder)
    made, after = again(other)
    assert set(made) == wanted and stale(after) == []
    now = files_of(after.folder)
    differ = {n for n in now if now[n] != before.get(n)}
    written = {f"{k}.parquet" for k in wanted - EMPTY}
    assert differ - {"study.json", "tables/derived.json"} <= written
    assert "tables/drift.parquet" in differ
    now = after.table("drift").set_index(KEY).value
    same = np.isclose(now, then[now.index], equal_nan=True)
    assert {c for c, *_ in now.index[~same]} == {"moved-0016"}


def test_a_table_older_than_its_sources_is_refused(study):
    other = changed(study, folds_of="moved-0016")
    for name in ("drift", "traits", "posterior"):
        with pytest.raises(
            BadFile, match=rf"{name}\.parquet: is older than what it came from"
        ) as e:
            other.table(name)
        assert "psm_viz derive --study" in e.value.next_step
    assert len(other.table("rates")) and other.map(other.maps[0])  # these read no folds


def test_a_map_older_than_its_sources_is_refused(study):
    first = replace(study.questions[0], text="Another?")
    other = changed(study, questions=(first, *study.questions[1:]))
    with pytest.raises(BadFile, match=r"prompt_last-L1\.parquet: is older") as e:
        other.map(f"prompt_last-L{HEAD}")
    assert "derive" in e.value.next_step
    assert len(other.table("rates"))


def test_what_a_study_is_called_and_runs_on_changes_no_source(study):
    m = replace(study.manifest, name="other", versions={"numpy": "9"}, model={"d_model": 20})
    other = replace(study, manifest=m)
    for p in TABLES:
        wanted = sources_hash(study.manifest, study.files, p.reads, p.version)
        assert sources_hash(other.manifest, other.files, p.reads, p.version) == wanted
        assert sources_hash(study.manifest, study.files, p.reads, p.version + 1) != wanted
        moved = replace(m, headline_layer=0)
        assert sources_hash(moved, study.files, p.reads, p.version) != wanted


def test_every_product_reads_files_that_there_are(study):
    from fnmatch import fnmatchcase

    for p in TABLES:
        for pattern in p.reads:
            absent = (
                "evidence/",
                "traits/",
                "talks",
                "checkpoints/*/talks.",
                "checkpoints/*/odds.",
            )
            if not pattern.startswith(absent):
                assert any(fnmatchcase(f, pattern) for f in study.files), (p.name, pattern)


def test_a_product_that_becomes_empty_is_taken_out(study):
    before = study.manifest.notes
    notes = {k: v for k, v in before.items() if k != "trained_topic"}
    other = changed(study, manifest=replace(study.manifest, notes=notes))
    rates = [p for p in TABLES if p.name == "rates"]
    with pytest.MonkeyPatch.context() as m:
        m.setattr(derive, "TABLES", rates)
        m.setattr(derive, "map_of", lambda *_: study.map(study.maps[0]))
        m.setattr(StudyWriter, "write_map", lambda *_: None)
        made, after = again(other)
        assert "tables/rates" in made and "tables/rates.parquet" not in after.files
        assert again(after)[0] == []
    with pytest.raises(UnknownName, match="no table 'rates'"):
        after.table("rates")
    assert after.verify()


def test_making_again_gives_the_same_bytes(study):
    before = files_of(study.folder)
    with pytest.MonkeyPatch.context() as m:
        kept = [p for p in TABLES if p.name not in ("map_trials", "gaussian_map")]
        m.setattr(derive, "TABLES", kept)
        made, after = again(study, again=True)
    assert set(made) == {f"tables/{p.name}" for p in kept} | MAPS
    assert files_of(after.folder) == before


def test_a_kill_leaves_the_old_study(study, monkeypatch):
    other = changed(study, folds_of="moved-0016")
    before = files_of(other.folder)
    write = StudyWriter.write_table

    def killed(self, name, frame):
        if name == "traits":
            raise KeyboardInterrupt
        write(self, name, frame)

    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(StudyWriter, "write_table", killed)
        again(other)
    assert files_of(other.folder) == before and open_study(other.folder).sha256 == other.sha256
    assert "tables/drift" in again(open_study(other.folder))[0]


def test_unfinished_work_of_another_kind_is_not_deleted(study):
    writer = StudyWriter(study.folder)
    for settings in ({"seed": 1}, {"from": study.sha256, "add": ["more-0001"]}):
        shutil.rmtree(writer.partial)
        writer.partial.mkdir()
        (writer.partial / "settings.json").write_text(json.dumps(settings))
        (writer.partial / "hours-of-work").write_text("x")
        with pytest.raises(BadInput, match="unfinished extraction lies here") as e:
            writer.begin_from(study)
        assert "delete that folder" in e.value.next_step
        assert (writer.partial / "hours-of-work").exists()
    # a mere copy that a kill left is in nobody's way
    (writer.partial / "settings.json").write_text(json.dumps({"from": "another"}))
    writer.begin_from(study)
    assert not (writer.partial / "hours-of-work").exists()


def test_equal_settings_go_on_where_a_kill_stopped(study):
    writer = StudyWriter(study.folder)
    more = {"add": ["more-0004", "more-0016"]}
    writer.begin_from(study, more)
    asked = [q for q in study.questions if q.set == MAIN]
    write_checkpoint(writer, "more-0004", study.cast, asked, keep=False)
    resumed = StudyWriter(study.folder)
    resumed.begin_from(study, more)
    assert resumed.has("more-0004") and not resumed.has("more-0016") and resumed.has(REFERENCE)
    with pytest.raises(BadInput, match="unfinished extraction"):
        resumed.begin_from(study, {"add": ["other-0001"]})
    with pytest.raises(BadInput, match="unfinished extraction"):
        resumed.begin_from(study)
    assert resumed.has("more-0004") and open_study(study.folder).sha256 == study.sha256


def test_without_settings_a_copy_is_begun_afresh(study):
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    writer.remove_table("drift")
    writer.remove_table("drift")  # what is not there is no error
    assert not (writer.partial / "tables" / "drift.parquet").exists()
    writer.begin_from(study)
    assert (writer.partial / "tables" / "drift.parquet").exists()


def test_the_verb_derives_what_is_missing(study, capsys):
    other = changed(study, folds_of="moved-0016")
    assert main(["derive", "--study", str(other.folder)]) == 0
    assert "tables and maps derived" in capsys.readouterr().out
    assert stale(open_study(other.folder)) == []


def test_a_study_without_a_record_is_derived_whole_and_read_as_it_is(study, monkeypatch):
    old = forget(study.folder, "tables/derived.json")
    assert old.derived == {} and len(old.table("drift")) and stale(old) == []
    monkeypatch.setattr(derive, "TABLES", [p for p in TABLES if p.name == "rates"])
    made, after = again(old)
    assert set(made) == {"tables/rates"} | MAPS == set(after.derived)
    assert after.manifest.noise_floor == FLOOR
