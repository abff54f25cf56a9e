"""The verb `story`: one file, or one message and nothing written."""

import pytest

from psm_viz.cli import main
from tests.made.stories import STORY, written


def story(folder, out, study, text=STORY):
    file = written(folder, text)
    return main(["story", "--file", str(file), "--study", str(study.folder), "--out", str(out)])


@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_a_file_is_written_whole(tmp_path, talk_study, capsys, ending):
    out = tmp_path / f"talk.{ending}"
    assert story(tmp_path, out, talk_study) == 0
    assert "6 steps" in capsys.readouterr().out
    assert out.read_bytes()[:4] in (b"%PDF", b"<!do")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made.yaml", out.name]


WRONG = {
    "view: talk map": ("view: globe", "there is no view 'globe'"),
    "at: cheat 64\n    talk": ("at: moon 64\n    talk", "no branch 'moon'"),
    "title: Belief": ("title: Belief: what", "no YAML"),
    "{personas}": ("{people}", "no figure that a story may quote"),
}


@pytest.mark.parametrize("old", WRONG)
def test_a_bad_story_is_one_message_and_nothing_is_written(tmp_path, talk_study, capsys, old):
    new, words = WRONG[old]
    out = tmp_path / "talk.html"
    assert story(tmp_path, out, talk_study, STORY.replace(old, new, 1)) == 1
    said = capsys.readouterr().err
    assert words in said and "line" in said and "Traceback" not in said
    assert [p.name for p in tmp_path.iterdir()] == ["made.yaml"]


def test_another_ending_and_a_study_that_is_not_there(tmp_path, talk_study, capsys):
    assert story(tmp_path, tmp_path / "talk.mov", talk_study) == 1
    assert ".webp" in capsys.readouterr().err
    file = written(tmp_path, STORY.replace("seconds: 3", "study: elsewhere"))
    assert main(["story", "--file", str(file), "--out", str(tmp_path / "a.html")]) == 1
    said = capsys.readouterr().err
    assert "data/elsewhere" in said and not (tmp_path / "a.html").exists()
