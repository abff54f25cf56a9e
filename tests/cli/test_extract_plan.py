"""`extract --plan`: what it would take is printed, nothing is played and nothing written."""

import json
import shutil

import pytest

from psm_viz.cli import main
from psm_viz.engine.chat_model import ChatModel
from tests.made.models import write_tiny_model


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("planned")
    write_tiny_model(world, out / "model")
    bare = shutil.copytree(out / "model", out / "bare")
    (bare / "model.safetensors").unlink()
    (out / "cast").mkdir()
    for n in range(4):
        file = {"instruction": [{"pos": f"You are number {n}."}]}
        (out / "cast" / f"role-{n}.json").write_text(json.dumps(file))
    rows = [
        {"id": f"q{n}", "text": f"What of {n}?", "topic": "t", "fold": n % 2, "set": "main"}
        for n in range(4)
    ]
    (out / "questions.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return out


def asked(place, *more, model="model"):
    base = ["extract", "--model", place / model, "--cast", place / "cast", "--out", place / "study"]
    base += ["--questions", place / "questions.jsonl", "--threads", 1, "--plan"]
    return [str(x) for x in (*base, *more)]


def test_a_plan_measures_prints_and_writes_nothing(place, capsys):
    before = sorted(place.rglob("*"))
    assert main(asked(place, "--samples", 2)) == 0
    said = capsys.readouterr().out
    assert "measuring how fast" in said and "measured here (cpu, float32, 1 thread)" in said
    (row,) = [line for line in said.split("\n") if line.startswith("the cast at the reference")]
    assert row.split()[5] == "40"  # four roles and the Assistant, four questions, twice
    assert "An upper bound: an answer may end early" in said
    assert "Nothing was played, nothing written" in said
    assert sorted(place.rglob("*")) == before


def test_unfinished_work_is_told_of(place, tmp_path, capsys):
    (tmp_path / "s.partial").mkdir()
    at = [a if a != str(place / "study") else str(tmp_path / "s") for a in asked(place)]
    assert main([*at, "--rate", "1000,50"]) == 0
    assert f"{tmp_path / 's.partial'}: unfinished work lies here" in capsys.readouterr().out


def test_json_is_all_that_is_printed(place, capsys):
    assert main(asked(place, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tokens_per_second"]["measured_here"] and found["all"]["answers"] == 80
    assert found["all"]["hours"] > 0 and found["disk_bytes"] > 0


def test_given_rates_need_no_weights_and_open_no_model(place, monkeypatch, capsys):
    def opened(*args, **more):
        raise AssertionError("a model was opened")

    monkeypatch.setattr(ChatModel, "__init__", opened)
    found = []
    for model in ("model", "bare"):
        assert main(asked(place, "--json", "--rate", "1000,50", model=model)) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    c = found[0]["all"]
    hours = ((c["prompt"] + c["read"] + c["weighed"]) / 1000 + c["drawn"] / 50) / 3600
    assert c["hours"] == pytest.approx(hours)


def test_weights_that_are_not_here_are_one_clear_error(place, capsys):
    assert main(asked(place, model="bare")) == 1
    said = capsys.readouterr().err
    assert "One thing is wrong" in said and "holds no weights" in said
    assert "--plan --rate READ,DRAW" in said
    hub = asked(place)
    hub[2] = "nobody/nothing-of-this-name"
    for more in ([], ["--rate", "1000,50"]):
        assert main([*hub, *more]) == 1
        said = capsys.readouterr().err
        assert "nobody/nothing-of-this-name: the model cannot be loaded" in said
        assert "Traceback" not in said and not (place / "study.partial").exists()


def test_what_would_be_refused_is_refused(place, capsys):
    assert main(asked(place, "--layers", "0,9", "--samples", 0)) == 1
    said = capsys.readouterr().err
    assert "2 things are wrong" in said
    assert "layer 9: this model has layers 0 to 1" in said and "--samples 0" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--rate", "1,1"], "--rate needs --plan"),
        (["--json"], "--json needs --plan"),
        (["--plan", "--add", "x"], "not what --add does"),
    ],
)
def test_options_that_say_nothing_are_named(tmp_path, more, said, capsys):
    base = ["extract", "--model", "nowhere", "--out", str(tmp_path / "s")]
    assert main([*base, *more]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["1", "0,5", "nan,1", "inf,1", "a,b"])
def test_rates_are_two_speeds(rate, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["extract", "--model", "m", "--out", str(tmp_path), "--plan", "--rate", rate])
    assert "expected READ,DRAW" in capsys.readouterr().err
