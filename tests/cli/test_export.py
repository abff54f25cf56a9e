"""The verb `export`: a list of files with sizes and rows, and one message for what cannot be."""

import json

import pandas as pd
import pytest

from psm_viz.cli import main
from psm_viz.study.formats.import_vectors import Joining, join
from psm_viz.study.reader import open_study
from tests.made.roles import made_vectors, write_bare_study
from tests.made.study import REFERENCE


def says(capsys, *arguments):
    status = main(["export", *map(str, arguments)])
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return status, found.out, found.err


def test_all_that_a_study_has_is_listed_with_sizes_and_rows(made_folder, tmp_path, capsys):
    out = tmp_path / "out"
    status, text, err = says(capsys, "--study", made_folder, "--out", out)
    assert status == 0, err
    lines = [line.split() for line in text.splitlines()]
    at = {line[0]: line for line in lines}
    drift = open_study(made_folder).table("drift")
    assert at["drift.csv"][-2:] == [f"{len(drift):,}", "rows"]
    size = (out / "drift.csv").stat().st_size
    assert at["drift.csv"][1:3] == [f"{size / 1000:,.1f}", "kB"]
    assert f"axis/{REFERENCE}.safetensors" in at and "roles/" in at
    assert "role_vectors" not in text and "h5ad" not in text
    assert "left out of belief: There is no table 'belief'" in text
    written = [p for p in out.rglob("*") if p.is_file() and p.name != "export.json"]
    assert lines[-1][0] == f"{out}:" and lines[-1][1:3] == [f"{len(written)}", "files,"]
    record = json.loads((out / "export.json").read_text())
    assert {f["path"] for f in record["files"]} <= set(at)


def test_words_part_and_form(made_folder, tmp_path, capsys):
    asked = ("--study", made_folder, "--out", tmp_path / "out", "--what", "drift, axis")
    more = ("--checkpoint", REFERENCE, "cheat-0064", "--format", "parquet")
    status, _, err = says(capsys, *asked, *more, "--pooling", "prompt_last")
    assert status == 0, err
    frame = pd.read_parquet(tmp_path / "out" / "drift.parquet")
    assert set(frame.checkpoint) == {REFERENCE, "cheat-0064"}
    assert set(frame.pooling) == {"prompt_last"} and not (tmp_path / "out" / "points.csv").exists()


@pytest.mark.parametrize(
    ("more", "problem", "step"),
    [
        (("--what", "drifts"), "--what drifts", "Choose among: points, drift"),
        (("--what", "belief"), "no table 'belief'", "Make it with"),
        (("--checkpoint", "cheat-64"), "no checkpoint 'cheat-64'", "cheat-0064"),
        (("--layer", "7"), "Layer 7 is not in this study", "0, 1"),
    ],
)
def test_errors_are_one_message_and_nothing_is_written(
    made_folder, tmp_path, capsys, more, problem, step
):
    asked = ("--study", made_folder, "--out", tmp_path / "out")
    status, _, err = says(capsys, *asked, *more)
    assert status == 1 and problem in err and step in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something(made_folder, tmp_path, capsys, monkeypatch):
    (tmp_path / "kept").write_text("x")
    for out in (tmp_path, "."):
        monkeypatch.chdir(tmp_path)
        status, _, err = says(capsys, "--study", made_folder, "--out", out)
        assert status == 1 and "nothing is overwritten" in err
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_vectors_made_elsewhere_go_out_as_they_came_in(tmp_path, capsys):
    study = write_bare_study(tmp_path / "study", made_vectors(8))
    asked = ("--study", study.folder, "--out", tmp_path / "out")
    status, text, err = says(capsys, *asked, "--what", "role-vectors,vectors")
    assert status == 0, err
    assert "role_vectors/response_mean/given-0000/" in text and "9 vectors, layers 0,1,2" in text
    back = tmp_path / "out" / "role_vectors" / "response_mean" / "given-0000"
    again = join(back, None, "again", Joining("given-0000")).vectors
    own = study.vectors("given-0000")
    assert own.ids == again.ids and (own.values == again.values).all()
    asked = ("--study", study.folder, "--out", tmp_path / "more")
    status, _, err = says(capsys, *asked, "--what", "drift")
    assert status == 1 and "no table 'drift'" in err and "psm_viz derive" in err
