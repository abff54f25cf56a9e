"""What a link may name as a study."""

import json
import shutil

from psm_viz.ui import studies
from tests.made.page import MAP, opened, words


def test_study_names_are_names():
    for bad in ("..", "a/b", "/etc", "", ".hidden", "a" * 65, "a b"):
        assert not studies.STUDY_NAME.fullmatch(bad)
    assert studies.STUDY_NAME.fullmatch("study-2")


def test_studies_are_called_what_they_call_themselves(monkeypatch, made_folder, tmp_path):
    for name in ("one", "two", "broken", "other"):
        shutil.copytree(made_folder, tmp_path / name)
    for name, title in (
        ("one", "A small model"),
        ("two", "A chat model"),
        ("other", "A chat model"),
    ):
        path = tmp_path / name / "study.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"name": title}))
    (tmp_path / "broken" / "study.json").write_text("{")
    monkeypatch.setattr(studies, "DATA", tmp_path)
    monkeypatch.setenv("PSM_VIZ_STUDY", str(tmp_path / "one"))
    assert studies.study_titles() == {
        "one": "A small model",
        "broken": "broken",
        "other": "other",  # two are called alike
        "two": "two",
    }
    page = opened(monkeypatch, tmp_path / "one", MAP, study="two")
    assert page.selectbox(key="study").value == "two" and "psm-notice" not in words(page)
