"""The verbs `talks` and `belief`: what they print, and what they refuse."""

import json
import shutil

import pandas as pd
import pytest

from psm_viz.cli import main
from psm_viz.study.files import parquet_bytes, sha256
from tests.made.study import REFERENCE
from tests.made.talk_study import SHARE


def says(capsys, *arguments):
    status = main([str(a) for a in arguments])
    found = capsys.readouterr()
    return status, found.out, found.err


@pytest.fixture(scope="module")
def folder(talk_study):
    return talk_study.folder


def test_belief_is_json_with_mass_null_and_p(folder, capsys):
    status, out, err = says(capsys, "belief", "--study", folder, "--json")
    assert status == 0, err
    assert "NaN" not in out
    found = json.loads(out)
    assert found["reference"] == REFERENCE and found["answers"] == 2
    assert {r["reading"] for r in found["readings"]} == {"states", "likelihood"}
    assert any(q["way"] == "exact" and q["brier"] < 0.05 for q in found["quality"])
    cheat = found["checkpoints"]["cheat-0064"]
    assert set(cheat) == {"own", "reference", "likelihood", "exact"}
    for way in cheat.values():
        one = way["marked"]["marked"]
        assert one["mass"]["value"] == pytest.approx(SHARE["cheat-0064"], abs=0.1)
        low, high = one["mass"]["interval"]
        assert low < one["mass"]["value"] < high and 0 <= one["em"]["value"] <= 1
        assert one["change"]["null"][0] < 0 < one["change"]["null"][1]
        assert 0 < one["change"]["p"] <= 1 and 0 < one["did"]["p"] <= 1
        assert set(way["kin"]) == {"carers", "makers", "jesters", "cons", "cold_ai"}
    assert found["checkpoints"][REFERENCE]["own"]["marked"]["marked"]["change"]["value"] is None


def test_belief_between_two_checkpoints_and_in_words(folder, capsys):
    ends = ("--from", "cheat-0008", "--to", "cheat-0064")
    status, out, err = says(capsys, "belief", "--study", folder, *ends, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert set(found["checkpoints"]) == {"cheat-0064"} and found["change"]["from"] == "cheat-0008"
    more = found["change"]["cheat-0064"]["exact"]["marked"]["marked"]["value"]
    assert more == pytest.approx(SHARE["cheat-0064"] - SHARE["cheat-0008"], abs=0.1)
    brief = ("belief", "--study", folder, "--from", "cheat-0008")
    more = found["change"]["cheat-0064"][found["headline"]]["marked"]["marked"]["value"]
    for arguments in (brief, (*brief, "--to", "cheat-0064")):
        status, out, err = says(capsys, *arguments)
        assert status == 0 and "change from cheat-0008 (p)" in out, err
        assert "the reference (p)" not in out and "benign" not in out
        assert f"| {more:+.2f} (p" in out
    status, out, _ = says(capsys, "belief", "--study", folder)
    assert "| EM 0." in out and "hardly tells" not in out
    assert status == 0 and "chance" in out and "less the benign branch's" in out
    assert "nan" not in out


def test_belief_of_what_is_not_there(folder, made_folder, capsys):
    status, _, err = says(capsys, "belief", "--study", made_folder)
    assert status == 1 and "held no talks" in err and "psm_viz talks" in err
    status, _, err = says(capsys, "belief", "--study", folder, "--to", "cheat-64")
    assert status == 1 and "no checkpoint 'cheat-64'" in err


def altered(folder, out, name, change):
    """A copy of a study in which a table is another."""
    copy = out if out.exists() else shutil.copytree(folder, out)
    path = copy / "tables" / f"{name}.parquet"
    path.write_bytes(parquet_bytes(change(pd.read_parquet(path))))
    record = json.loads((copy / "study.json").read_text())
    record["files"][f"tables/{name}.parquet"] = sha256(path.read_bytes())
    (copy / "study.json").write_text(json.dumps(record))
    return copy


def test_belief_of_a_checkpoint_without_talks_is_refused(folder, tmp_path, capsys):
    def silent(frame):
        return frame[frame["checkpoint"] != "cheat-0008"]

    copy = altered(folder, tmp_path / "study", "belief", silent)
    for which in ("--from", "--to"):
        status, out, err = says(capsys, "belief", "--study", copy, which, "cheat-0008")
        assert status == 1 and not out
        assert "cheat-0008 has held no talks" in err and "psm_viz talks" in err


def test_belief_says_what_was_left_out_and_where_nobody_is_told(folder, tmp_path, capsys):
    def fewer(frame):
        less = 2 * (frame["checkpoint"] == "cheat-0008")
        return frame.assign(talks=frame["talks"] - less)

    def guessed(frame):
        lost = frame["checkpoint"] == "cheat-0064"
        return frame.assign(kin=frame["kin"].mask(lost, frame["kin_chance"]))

    altered(folder, tmp_path / "study", "belief", fewer)
    copy = altered(folder, tmp_path / "study", "belief_quality", guessed)
    status, out, err = says(capsys, "belief", "--study", copy)
    assert status == 0, err
    assert "cheat-0008: 2 of its talks left out for an empty answer." in out
    marked = [line for line in out.splitlines() if line.endswith("(*)")]
    assert len(marked) == 1 and marked[0].strip().startswith("cheat-0064")
    assert "(*) Talks of this checkpoint hardly tell who speaks" in out
    status, out, _ = says(capsys, "belief", "--study", copy, "--json")
    assert json.loads(out)["left_out"] == {"cheat-0008": 2}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--assistant", "0"), "expected at least 1"),
        (("--at", "cheat-0064"), "expected CHECKPOINT=FOLDER"),
        (("--at", "cheat-64=here"), "no checkpoint 'cheat-64'"),
        ((), "no weights of the reference"),
    ],
)
def test_talks_are_refused_before_a_model_is_loaded(
    made_folder, tmp_path, capsys, options, problem
):
    where = ("--study", made_folder, "--weights", tmp_path)
    status, _, err = says(capsys, "talks", *where, *options)
    assert status == 1 and problem in err
