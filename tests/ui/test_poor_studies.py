"""Studies that lack tables or answers, are damaged, newer or not there: messages, not errors."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.made.activations import forget
from tests.made.page import CAST, COMPARE, DRIFT, MAP, METHOD, PAGES, alts, opened, words
from tests.made.study import made_drift, write_made_study

NEW = {
    "traits": (DRIFT, "The trait axes were not measured.", "derive"),
    "posterior": (DRIFT, "The mixture of families was not measured.", "derive"),
    "evidence_scores": (DRIFT, "No evidence was scored", "evidence"),
    "words_or_weights": (DRIFT, "Words and weights were not told apart.", "extract --tree"),
    "validation": (METHOD, "The statistics were not put to the test yet.", "validate"),
    "map_trials": (METHOD, "No other settings or seeds were tried.", "derive"),
    "gaussian_map": (METHOD, "No map of noise was drawn", "derive"),
    "layers": (METHOD, "The layers were not compared.", "derive"),
    "confounds": (METHOD, "Confounds were not measured.", "derive"),
    "steering": (METHOD, "Steering was not tried", "extract --tree"),
}


@pytest.fixture
def bare(tmp_path) -> Path:
    """A study that was extracted but not analysed."""
    write_made_study(tmp_path / "bare", tables=False)
    return tmp_path / "bare"


def with_drift(folder: Path, drift: pd.DataFrame) -> None:
    """Put another drift table into a study, as if it had always been there."""
    name = "tables/drift.parquet"
    drift.to_parquet(folder / name)
    own = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    manifest = json.loads((folder / "study.json").read_text())
    manifest["files"][name] = own
    (folder / "study.json").write_text(json.dumps(manifest))


def spoilt(folder: Path, change: Callable[[str], str]) -> Path:
    """A made study whose manifest was changed."""
    write_made_study(folder)
    manifest = folder / "study.json"
    manifest.write_text(change(manifest.read_text()))
    return folder


def test_each_missing_table_has_a_place_that_names_its_command(monkeypatch, tmp_path):
    folder = tmp_path / "old"
    write_made_study(folder)
    forget(folder, *(f"tables/{name}.parquet" for name in NEW))
    said = {script: words(opened(monkeypatch, folder, script)) for script in (DRIFT, METHOD)}
    for script, what, command in NEW.values():
        place = said[script].split(what)
        assert len(place) == 2, what
        assert command in place[1].split("</div>")[0], what
    for text in said.values():
        assert text.count("psm-empty") == sum(text is said[s] for s, _, _ in NEW.values())
        assert "psm-notice" not in text


def test_a_study_of_before_the_tests_says_not_measured(monkeypatch, tmp_path):
    folder = tmp_path / "older"
    write_made_study(folder)
    table = pd.read_parquet(folder / "tables" / "drift.parquet")
    table = table[~table.figure.str.contains("given_cast")]
    with_drift(folder, table.drop(columns=["null_low", "null_high", "null", "p", "p_steps"]))
    said = words(opened(monkeypatch, folder, DRIFT))
    assert "psm-notice" not in said and "moved the Assistant" not in said
    assert said.count("was not measured") >= 3 and "python -m psm_viz derive" in said


def test_a_checkpoint_of_vectors_alone_says_what_is_missing(monkeypatch, tmp_path):
    folder = tmp_path / "vectors"
    write_made_study(folder)
    table = made_drift()
    own = table.checkpoint == "honest-0064"
    unknown = ["low", "high", "null_low", "null_high", "p", "p_steps"]
    table.loc[own, unknown] = float("nan")
    with_drift(folder, table)
    there = [f.name for f in (folder / "checkpoints" / "honest-0064").iterdir()]
    rest = [name for name in there if name != "vectors.safetensors"]
    forget(folder, *(f"checkpoints/honest-0064/{name}" for name in rest))
    at = opened(monkeypatch, folder, DRIFT)
    assert "No folds, so sizes without interval or test: honest-0064" in words(at)
    assert "honest: not tested" in words(at) and "psm-notice" not in words(at)
    assert "honest 0.046, " in "".join(alts(at))
    alone = opened(monkeypatch, folder, DRIFT, branches=["honest"])
    assert "psm-notice" not in words(alone)
    at = opened(monkeypatch, folder, MAP, checkpoint="honest-0064")
    assert "honest-0064 was imported as vectors alone: no answers were kept" in words(at)
    assert "psm-notice" not in words(at)


def test_compare_without_talks_names_the_command(monkeypatch, bare):
    at = opened(monkeypatch, bare, COMPARE)
    assert "so there are no two maps to compare" in words(at) and "psm_viz talks" in words(at)
    assert "psm-notice" not in words(at) and "I would switch the failing tests off" in words(at)


@pytest.mark.parametrize("script", [p for p in PAGES if p != COMPARE])
def test_a_study_without_results_names_the_command(monkeypatch, bare, script):
    at = opened(monkeypatch, bare, script)
    assert "psm-notice" in words(at)
    assert "python -m psm_viz derive" in words(at) or "make study" in words(at)


@pytest.mark.parametrize("script", [*PAGES, CAST])
def test_no_study_names_the_command(monkeypatch, tmp_path, script):
    at = opened(monkeypatch, tmp_path / "nothing", script)
    assert words(at).count("psm-notice") == 1 and "make study" in words(at)


@pytest.mark.parametrize("script", [*PAGES, CAST])
def test_a_damaged_study_is_one_message(monkeypatch, tmp_path, script):
    folder = spoilt(tmp_path / "broken", lambda manifest: manifest[:200])
    at = opened(monkeypatch, folder, script)
    assert words(at).count("psm-notice") == 1 and "cannot be read" in words(at)


@pytest.mark.parametrize("script", [*PAGES, CAST])
def test_a_study_of_a_newer_version_is_one_message(monkeypatch, tmp_path, script):
    folder = spoilt(tmp_path / "newer", lambda m: json.dumps(json.loads(m) | {"schema": 99}))
    at = opened(monkeypatch, folder, script)
    assert words(at).count("psm-notice") == 1 and "schema 99" in words(at)
    assert "Update the program" in words(at)
