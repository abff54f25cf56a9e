"""The studies that may be chosen: their names in a link, and what is said of each."""

import json
import os
import shutil

import pytest

from psm_viz.ui import study_list
from tests.made.page import MAP, opened, words


@pytest.fixture
def three(monkeypatch, made_folder, tmp_path):
    """A folder with three studies and a broken one, which is the program's `data/`."""
    for name, title in (("one", "A small model"), ("two", "A chat model"), ("other", "Mine")):
        shutil.copytree(made_folder, tmp_path / "data" / name)
        path = tmp_path / "data" / name / "study.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"name": title}))
    (tmp_path / "data" / "broken").mkdir()
    (tmp_path / "data" / "broken" / "study.json").write_text("{")
    monkeypatch.setattr(study_list, "DATA", tmp_path / "data")
    monkeypatch.setenv("PSM_VIZ_STUDY", str(tmp_path / "data" / "one"))
    monkeypatch.delenv("PSM_VIZ_STUDIES", raising=False)
    return tmp_path / "data"


def test_study_names_are_names():
    for bad in ("..", "a/b", "/etc", "", ".hidden", "a" * 65, "a b"):
        assert not study_list.STUDY_NAME.fullmatch(bad)
    assert study_list.STUDY_NAME.fullmatch("study-2")


def test_studies_are_told_by_model_size_and_date(three):
    cards = study_list.cards()
    assert {n: c.title for n, c in cards.items()} == {
        "one": "A small model",
        "broken": "broken",
        "other": "Mine",
        "two": "A chat model",
    }
    said = "; ".join(cards["two"].facts)
    assert "25 personas; 8 checkpoints; on this disk since" in said
    assert not cards["broken"].facts
    shown = study_list.cards_html(cards, "two")
    assert "<b>A chat model</b> <span" in shown and "cannot be read" in shown


def test_two_studies_called_alike_are_told_by_their_folders(three):
    path = three / "other" / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": "A chat model"}))
    titles = {n: c.title for n, c in study_list.cards().items()}
    assert titles["other"] == "other" and titles["two"] == "two"


def test_further_folders_are_named_by_the_environment(three, made_folder, monkeypatch, tmp_path):
    shutil.copytree(made_folder, tmp_path / "lab" / "two")
    shutil.copytree(made_folder, tmp_path / "lab" / "a b")
    shutil.copytree(made_folder, tmp_path / "alone")
    named = (tmp_path / "lab", tmp_path / "alone", tmp_path / "nowhere", three)
    monkeypatch.setenv("PSM_VIZ_STUDIES", os.pathsep.join(map(str, named)))
    found = study_list.study_folders()
    assert list(found) == ["one", "broken", "other", "two", "lab-two", "alone"]
    assert found["lab-two"] == tmp_path / "lab" / "two"


def test_a_link_restores_the_study(three, monkeypatch):
    page = opened(monkeypatch, three / "one", MAP, study="two")
    assert page.selectbox(key="study").value == "two" and "psm-notice" not in words(page)
    assert "<b>A chat model</b> <span" in words(page)
    assert page.query_params["study"] == "two"
    plain = opened(monkeypatch, three / "one", MAP)
    assert plain.query_params["study"] == "one"  # the address names the default too
    by_title = opened(monkeypatch, three / "one", MAP, study="A chat model")
    assert by_title.selectbox(key="study").value == "two"


def test_a_single_study_is_no_choice(monkeypatch, made_folder, tmp_path):
    monkeypatch.setattr(study_list, "DATA", tmp_path)
    monkeypatch.delenv("PSM_VIZ_STUDIES", raising=False)
    page = opened(monkeypatch, made_folder, MAP)
    assert "study" not in [box.key for box in page.selectbox]
    assert "psm-studies" not in words(page)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [(1_372_928, "1.37 million"), (7_240_000_000, "7.2 billion"), (None, ""), ("many", "")],
)
def test_size_of_a_model_in_words(three, parameters, said):
    path = three / "two" / "study.json"
    found = json.loads(path.read_text())
    found["model"]["parameters"] = parameters
    path.write_text(json.dumps(found))
    told = study_list.cards()["two"].facts[0]
    assert said in told and ("parameters" in told) == bool(said)
