"""An export is one new folder: what a study lacks is told, nothing is overwritten or half done."""

import json
import shutil

import pytest
from safetensors import safe_open

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.paths import STUDY
from psm_viz.study.reader import open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.export import WORDS, Wanted, export, listed, total
from psm_viz.tables.export_frames import Part
from tests.made.roles import LAYERS, D

TABLES = set(WORDS) - {"axis", "traits", "vectors", "roles", "role-vectors", "h5ad", "beliefs"}


@pytest.fixture(scope="module")
def shipped():
    return open_study(STUDY)


def test_what_an_imported_study_lacks_is_told_and_left_out(bare, tmp_path):
    done = export(bare, tmp_path / "out", Wanted())
    assert [f.path for f in done.files] == [
        "axis/given-0000.safetensors",
        "persona_vectors/given-0000.safetensors",
    ]
    told = {word for words in done.left_out.values() for word in words}
    assert told == TABLES | {"traits", "roles"}
    assert "This study has no map." in done.left_out
    text = "\n".join(listed(done))
    assert "left out of roles: 6 personas have no instruction in prose" in text
    assert "persona_vectors/given-0000.safetensors" in text and f"1 of 7 x {LAYERS} x {D}" in text
    assert total(done).startswith("2 files, ")
    with safe_open(tmp_path / "out" / "axis" / "given-0000.safetensors", "np") as f:
        assert f.metadata()["hook"] == "not recorded" and list(f.keys()) == ["response_mean"]
    record = json.loads((tmp_path / "out" / "export.json").read_text())
    assert record["study_sha256"] == bare.sha256
    sizes = {f["path"]: f["bytes"] for f in record["files"]}
    assert sizes == {p: (tmp_path / "out" / p).stat().st_size for p in sizes}
    assert set(record["left_out"]) == set(done.left_out)


@pytest.mark.parametrize(
    ("word", "problem", "command"),
    [
        ("points", "no map", "psm_viz derive"),
        ("drift", "no table 'drift'", "psm_viz derive"),
        ("belief", "no table 'belief'", "psm_viz derive"),
        ("evidence", "no table 'evidence_scores'", "psm_viz evidence"),
        ("traits", "has no traits", "psm_viz extract --cast"),
        ("roles", "no instruction in prose", "psm_viz extract --cast"),
    ],
)
def test_what_is_named_and_absent_is_an_error_with_a_command(
    bare, tmp_path, word, problem, command
):
    with pytest.raises(UnknownName, match=problem) as e:
        export(bare, tmp_path / "out", Wanted((word,)))
    assert command in e.value.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_could_not_be_derived_names_what_it_would_come_from(bare, tmp_path):
    study = open_study(shutil.copytree(bare.folder, tmp_path / "study"))
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    tried = {"from": "x", "reads": [], "version": 1}
    writer.write_derived_record(
        {f"tables/{n}": tried for n in ("belief", "drift", "rates", "odds")}
    )
    study = writer.finish(study.manifest, study.cast, study.questions)
    for word, command in (
        ("belief", "psm_viz talks"),
        ("drift", "finetune"),
        ("conduct", "extract"),
    ):
        with pytest.raises(UnknownName) as e:
            export(study, tmp_path / "out", Wanted((word,)))
        assert command in e.value.next_step, word


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted(("drifts",)), "--what drifts"),
        (Wanted(form="xlsx"), "--format xlsx"),
        (Wanted(part=Part(("cheat-64",))), "no checkpoint 'cheat-64'"),
        (Wanted(part=Part(layer=9)), "Layer 9 is not"),
        (Wanted(part=Part(pooling="mean")), "Pooling 'mean'"),
        (Wanted(("vectors",), part=Part(("cheat-0004",))), "No chosen checkpoint has such vectors"),
    ],
)
def test_what_does_not_exist_is_named_before_anything_is_written(
    shipped, tmp_path, wanted, problem
):
    with pytest.raises((UnknownName, BadInput), match=problem):
        export(shipped, tmp_path / "out", wanted)
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_without_vectors_are_told(shipped, tmp_path):
    part = Part(("cheat-0004", "cheat-0064"))
    done = export(shipped, tmp_path / "out", Wanted(("axis",), part=part))
    assert done.left_out == {"no vectors of cheat-0004": ("axis",)}


def test_nothing_is_overwritten(bare, tmp_path):
    wanted, out = Wanted(("axis",)), tmp_path / "out"
    out.mkdir()
    export(bare, out, wanted)  # an empty folder is as good as none
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(BadInput, match="nothing is overwritten") as e:
        export(bare, out, wanted)
    assert "--out" in e.value.next_step
    assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(BadInput, match="nothing is overwritten"):
            export(bare, tmp_path / name, wanted)


@pytest.mark.parametrize("end", [".partial", ".old"])
def test_unfinished_work_beside_the_folder_is_not_touched(bare, tmp_path, end):
    beside = tmp_path / f"out{end}"
    beside.mkdir()
    (beside / "settings.json").write_text("hours of work")
    with pytest.raises(BadInput, match=rf"out\{end}: exists"):
        export(bare, tmp_path / "out", Wanted(("axis",)))
    assert (beside / "settings.json").read_text() == "hours of work"
    if end == ".partial":  # an export that was killed is begun anew
        (beside / "export.json").write_text("{}")
        export(bare, tmp_path / "out", Wanted(("axis",)))
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["axis", "export.json"]


def test_a_kill_leaves_no_half_of_it(bare, tmp_path, monkeypatch):
    from psm_viz.tables import export as module

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(module, "provenance", killed)
        with pytest.raises(KeyboardInterrupt):
            export(bare, tmp_path / "out", Wanted(("axis",)))
    assert not (tmp_path / "out").exists()
    export(bare, tmp_path / "out", Wanted(("axis",)))


def test_a_folder_that_cannot_be_written_and_one_inside_the_study(bare, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="cannot be written"):
        export(bare, tmp_path / "file" / "out", Wanted(("axis",)))
    with pytest.raises(BadInput, match="inside the study"):
        export(bare, bare.folder / "out", Wanted(("axis",)))
    assert bare.verify()


def test_a_table_older_than_its_sources_is_refused(made_folder, tmp_path):
    study = open_study(shutil.copytree(made_folder, tmp_path / "study"))
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    writer.write_derived_record({"tables/drift": {"from": "old", "reads": [], "version": 1}})
    study = writer.finish(study.manifest, study.cast, study.questions)
    with pytest.raises(BadFile, match="older than what it came from"):
        export(study, tmp_path / "out", Wanted())
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()
