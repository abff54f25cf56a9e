"""The command line as a user meets it: one clear message, nothing overwritten."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from psm_viz.cli import main
from psm_viz.paths import ROOT
from psm_viz.stats.significance import ALPHA
from psm_viz.stats.trials import FIRES
from psm_viz.study.activations import POOLINGS
from psm_viz.study.reader import open_study
from tests.made import activations
from tests.made import study as made_files
from tests.made.chat_rows import write_chat_rows
from tests.made.study import write_made_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "made"
    write_made_study(folder)
    return folder


def says(capsys, *arguments):
    status = main(list(map(str, arguments)))
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return status, out.out, out.err


def test_verify(made, capsys):
    status, out, _ = says(capsys, "verify", "--study", made)
    assert status == 0 and "files match" in out


@pytest.mark.parametrize("verb", ["results", "answers", "verify", "serve"])
def test_an_unknown_study(verb, tmp_path, capsys):
    status, _, err = says(capsys, verb, "--study", tmp_path / "nowhere")
    assert status == 1 and "nowhere is not a study" in err and "make study" in err


def test_a_port_in_use(made, capsys):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        status, _, err = says(capsys, "serve", "--study", made, "--port", port)
    assert status == 1 and f"Port {port} cannot be used" in err and "make run PORT=" in err


def test_a_port_that_does_not_exist(made, capsys):
    status, _, err = says(capsys, "serve", "--study", made, "--port", 99999)
    assert status == 1 and "99999" in err


def test_an_unknown_model_and_a_malformed_branch(tmp_path, capsys):
    status, _, err = says(capsys, "extract", "--model", "./none", "--out", tmp_path / "s")
    assert status == 1 and "no model folder" in err
    status, _, err = says(
        capsys, "extract", "--model", "./none", "--branch", "x", "--out", tmp_path / "s"
    )
    assert status == 1 and "NAME=FOLDER" in err
    status, _, err = says(capsys, "extract", "--tree", tmp_path, "--out", tmp_path / "s")
    assert status == 1 and "python -m psm_viz train" in err
    assert not (tmp_path / "s").exists()


def test_an_unknown_question(made, capsys):
    status, _, err = says(capsys, "answers", "--study", made, "--question", "nowhere")
    assert status == 1 and "no question 'nowhere'" in err


def test_an_unknown_stage(tmp_path, capsys):
    status, _, err = says(capsys, "train", "--stage", "nowhere", "--out", tmp_path)
    assert status == 1 and "cheat, requested" in err


def test_a_reader_who_stops_reading_is_no_traceback(made):
    command = f"{sys.executable} -m psm_viz verify --study {made} | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "psm_viz: stopped, since nobody reads on."


def test_help_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "psm_viz", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "VERB" in done.stdout


DRIFT = (
    *("shift_norm", "global_norm", "specific_norm", "cos_shift_global"),
    *("axis_component", "axis_percentile", "axis_component_given_cast", "percentile_given_cast"),
    *("in_space_share_70", "in_space_share_90", "axis_cosine", "neighbours", "traits"),
)


def drifted(capsys, study, start, end, *more):
    """The figures between two checkpoints as JSON, which has no NaN."""
    options = ("--study", study, "--from", start, "--to", end, "--json", *more)
    status, out, err = says(capsys, "drift", *options)
    assert status == 0, err

    def refuse(text):
        raise AssertionError(f"{text} is not JSON")

    return json.loads(out, parse_constant=refuse)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A copy of the shipped study: the original may be being built again."""
    folder = ROOT / "data" / "study"
    return Path(shutil.copytree(folder, tmp_path_factory.mktemp("cli") / "shipped"))


def ends_of(which, request):
    """(folder, where from, where to) of a study with a branch."""
    if which == "known":
        return request.getfixturevalue("known_folder"), activations.REFERENCE, "moved-0064"
    if which == "made":
        return request.getfixturevalue("made"), made_files.REFERENCE, "cheat-0064"
    folder = request.getfixturevalue("shipped")
    m = open_study(folder).manifest
    return folder, m.reference, m.branch("cheat")[-1].id


@pytest.mark.parametrize("which", ["known", "shipped"])
def test_drift_says_every_figure_with_interval_null_and_p(which, request, capsys):
    folder, start, end = ends_of(which, request)
    found = drifted(capsys, folder, start, end)
    assert set(DRIFT) <= set(found) and (found["from"], found["to"]) == (start, end)
    for name in DRIFT[:-2]:
        assert {"value", "interval", "null", "p"} == set(found[name])
    own = found["specific_given_cast"]
    low, high = own["interval"]
    assert low <= own["value"] <= high and own["null"]["low"] < own["null"]["high"]
    if which != "shipped":  # planted there; what the shipped study shows is no law
        assert own["p"] <= ALPHA
    assert {"total", "global", "specific"} == set(found["traits"])
    for when in ("before", "after"):
        near = found["neighbours"][when]
        assert len(near) == 5 and all(n["margin"] >= 0 for n in near)
    status, out, _ = says(capsys, "drift", "--study", folder, "--from", start, "--to", end)
    assert status == 0 and all(name in out for name in DRIFT[:-2]) and "nearest after" in out


def test_drift_of_a_study_without_traits_says_so(made, capsys):
    found = drifted(capsys, made, made_files.REFERENCE, "cheat-0064")
    assert set(DRIFT) - {"in_space_share_70", "in_space_share_90"} <= set(found)
    assert isinstance(found["traits"], str) or not any(found["traits"].values())
    status, out, _ = says(
        *(capsys, "drift", "--study", made),
        *("--from", made_files.REFERENCE, "--to", "cheat-0064"),
    )
    assert status == 0 and "on traits" not in out


@pytest.mark.parametrize("which", ["known", "shipped"])
def test_drift_at_a_layer_without_folds_is_marked(which, request, capsys):
    folder, start, end = ends_of(which, request)
    m = open_study(folder).manifest
    layer = next(n for n in m.layers if n != m.headline_layer)
    found = drifted(capsys, folder, start, end, "--layer", layer, "--pooling", POOLINGS[1])
    assert (found["layer"], found["pooling"]) == (layer, POOLINGS[1])
    assert found["note"].startswith("no folds")
    assert found["specific_given_cast"]["interval"] == "no folds"
    assert found["specific_given_cast"]["p"] is None
    part = found["traits"]["specific"]
    assert part and all(f["interval"] == "no folds" for f in part.values())
    assert found["in_space_share"]["interval"] == "no folds"


def test_drift_from_a_checkpoint_to_itself_is_none(request, capsys):
    folder, start, _ = ends_of("shipped", request)
    found = drifted(capsys, folder, start, start)
    for name in ("shift_norm", "global_norm", "specific_norm", "axis_component"):
        assert found[name]["value"] == pytest.approx(0, abs=1e-9) and found[name]["p"] == 1
    assert found["in_space_share_70"]["value"] is None
    assert found["neighbours"]["before"] == found["neighbours"]["after"]


def test_drift_to_where_all_are_one_point_has_no_neighbours(known_folder, capsys):
    start, end = activations.REFERENCE, activations.RAW
    found = drifted(capsys, known_folder, start, end)
    assert found["neighbours"]["after"] == [] and len(found["neighbours"]["before"]) == 5


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--to", "cheat-64"), "no checkpoint 'cheat-64'"),
        (("--to", "cheat-0064", "--layer", "9"), "Layer 9 is not in this study"),
        (("--to", "cheat-0064", "--pooling", "mean"), "Pooling 'mean' is not in this study"),
    ],
)
def test_drift_of_what_is_not_there(made, capsys, options, problem):
    start = ("--study", made, "--from", made_files.REFERENCE)
    status, out, err = says(capsys, "drift", *start, *options)
    assert status == 1 and problem in err and out == ""
    assert len(err.strip().splitlines()) == 2


@pytest.fixture(scope="module")
def validated(derived_known, tmp_path_factory):
    """The known study with a table of two trials kept in it."""
    folder = shutil.copytree(derived_known[1].folder, tmp_path_factory.mktemp("cli") / "known")
    few = ("--trials", "2", "--made", "0", "--threads", "1", "--store")
    assert main(["validate", "--study", str(folder), *few]) == 0
    return Path(folder)


def test_validate_says_false_alarms_and_power(validated, capsys):
    status, out, err = says(capsys, "validate", "--study", validated, "--stored", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["alpha"] == ALPHA
    assert (
        {"shift_norm", "specific_given_cast", "traits", "cloud_energy"}
        <= set(found["statistics"])
        <= set(FIRES)
    )
    for name, s in found["statistics"].items():
        assert 0 <= s["false_alarm"] <= 1 and set(s["power"]) == FIRES[name]
        assert all(0 <= p <= 1 for sizes in s["power"].values() for p in sizes.values())
        assert s["worst"]["rate"] >= s["false_alarm"]
    # a movement of four fifths of the cast's radius is never missed
    assert found["statistics"]["specific_norm"]["power"]["shift"]["0.8"] == 1
    status, out, _ = says(capsys, "validate", "--study", validated, "--stored")
    assert status == 0 and "specific_given_cast" in out


def test_validate_runs_as_a_command(known_folder):
    few = ("--trials", "1", "--made", "0", "--threads", "1", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "psm_viz", "validate", "--study", str(known_folder), *few],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "shift_norm" in json.loads(done.stdout)["statistics"]


def test_validate_refuses_what_it_cannot_split(known_folder, made, tmp_path, capsys):
    few = ("--trials", "2", "--made", "0", "--threads", "1")
    status, _, err = says(capsys, "validate", "--study", made, *few)
    assert status == 1 and "keeps no activations to split" in err
    folder = shutil.copytree(known_folder, tmp_path / "known")
    activations.forget(folder, f"checkpoints/{activations.FLOOR}/activations.safetensors")
    status, _, err = says(capsys, "validate", "--study", folder, *few)
    assert status == 1 and "keeps no activations to split" in err
    status, _, err = says(capsys, "validate", "--study", known_folder, "--stored")
    assert status == 1 and "no table 'validation'" in err and "validate --study DIR --store" in err


@pytest.mark.parametrize("wrong", [("--trials", "-1"), ("--made", "-2")])
def test_validate_refuses_impossible_counts(known_folder, capsys, wrong):
    options = {"--trials": "2", "--made": "0", "--threads": "1"} | dict([wrong])
    flat = [x for pair in options.items() for x in pair]
    status, _, err = says(capsys, "validate", "--study", known_folder, *flat)
    assert status == 1 and "cannot be run" in err and "--trials and --made at least 0" in err


def test_results_are_json_that_any_reader_takes(known_folder, capsys):
    status, out, _ = says(capsys, "results", "--study", known_folder, "--json")
    assert status == 0 and np.isfinite(json.loads(out)["geometry"]["questions"])
    assert "NaN" not in out


def test_results_tell_the_claims_of_the_studys_own_model_alone(known_folder, tmp_path, capsys):
    folder = shutil.copytree(known_folder, tmp_path / "study")
    rows = write_chat_rows(tmp_path / "rows")
    asked = ("results", "--study", folder, "--chat-runs", rows)

    def claims(name, notes):
        path = folder / "study.json"
        data = json.loads(path.read_text())
        data["model"]["name"], data["notes"] = name, notes
        path.write_text(json.dumps(data))
        _, text, _ = says(capsys, *asked)
        status, out, _ = says(capsys, *asked, "--json")
        assert status == 0
        found = [c["id"] for c in json.loads(out).get("claims", [])]
        assert bool(found) == ("Claims: verdict" in text)
        return found

    assert claims("vectors made elsewhere", {}) == []
    assert "chat-spread" in claims("made", {}) and "narrow" not in claims("made", {})
    assert "narrow" in claims("small model", {"world_kind": "correlated"})
