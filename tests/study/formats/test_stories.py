"""Story files: what they may say, and the line that is named where they say something else."""

import pytest

from psm_viz.errors import BadFile, UnknownName
from psm_viz.study.formats.stories import parse_story, read_story, story_files
from psm_viz.study.stories import Place, place_of, study_folder
from tests.made.stories import STORY, written


def test_a_story_is_read_as_it_is_written():
    story = parse_story(STORY, "made.yaml")
    assert (story.title, story.study, len(story.steps)) == ("A made story", "study", 6)
    first, mapped, asked, bad, course, belief = story.steps
    assert first.view.kind == "words" and first.seconds == 3 and first.line == 5
    assert mapped.view.at == (Place("cheat", 64),) and mapped.view.talk == 7
    assert asked.view.at == (Place(), Place("cheat", 64)) and asked.view.question == "money-1"
    assert bad.expect.of == "rate cheat 64 other"
    assert [(o.say, o.upto) for o in bad.expect.options] == [("Hardly any", 0.1), ("Many", None)]
    assert course.view.step == 0 and course.view.branches == ("cheat", "requested")
    assert belief.expect is None


BROKEN = {
    "title: [a\nsteps:\n": ("line 2", "no YAML"),
    "title: a\nsteps:\n  - title: b\n   view: c\n": ("line 4", "no YAML"),
    "title: a: b\n": ("line 1", "no YAML"),
    "- a\n": ("line 1", "key: value"),
    "": ("line 1", "key: value"),
    "title: a\n": ("line 1", "needs 'steps'"),
    "title: a\nsteps: []\n": ("line 2", "'steps' is to be a list"),
    "title: a\nsteps: b\n": ("line 2", "'steps' is to be a list"),
    "title: a\ncolour: red\nsteps:\n  - title: b\n": ("line 2", "no key 'colour'"),
    "title: a\ntitle: b\nsteps:\n  - title: b\n": ("line 2", "said twice"),
    "title: a\nstudy: ../etc\nsteps:\n  - title: b\n": ("line 2", "name of a folder"),
    "title: a\nsteps:\n  - text: b\n": ("line 3", "needs 'title'"),
    "title: a\nsteps:\n  - b\n": ("line 3", "a step"),
    "title: a\nsteps:\n  - title: b\n    view: globe\n": ("line 4", "no view 'globe'"),
    "title: a\nsteps:\n  - title: b\n    talk: 3\n": ("line 4", "no key 'talk'"),
    "title: a\nsteps:\n  - title: b\n    view: belief\n": ("line 3", "needs 'branches'"),
    "title: a\nsteps:\n  - title: b\n    view: talk map\n    at: cheat\n": ("line 5", "no place"),
    "title: a\nsteps:\n  - title: b\n    view: talk map\n    at: [before, cheat 4]\n": (
        "line 5",
        "one place",
    ),
    "title: a\nsteps:\n  - title: b\n    view: talk map\n    at: before\n    talk: x\n": (
        "line 6",
        "whole number",
    ),
    "title: a\nseconds: soon\nsteps:\n  - title: b\n": ("line 2", "above zero"),
    "title: a\nsteps:\n  - title: b\n    expect: {ask: c, options: [d]}\n": ("line 4", "1 options"),
    "title: a\nsteps:\n  - title: b\n    expect: {ask: c, of: talks, options: [d, e]}\n": (
        "line 4",
        "`upto`",
    ),
    "title: a\x07\n": ("line 1", "forbids"),
    "a: " + "[" * 2000: ("made.yaml", "no YAML"),
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_is_wrong_is_one_message_with_its_line(text):
    line, words = BROKEN[text]
    with pytest.raises(BadFile) as e:
        parse_story(text, "made.yaml")
    assert "made.yaml" in e.value.problem
    assert line in e.value.problem and words in e.value.problem, e.value.problem


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"title: \xff\xfe")
    with pytest.raises(BadFile, match="UTF-8"):
        read_story(tmp_path / "a.yaml")
    with pytest.raises(BadFile, match="cannot be read"):
        read_story(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(BadFile, match="no story"):
        read_story(tmp_path / "b.yaml")


def test_the_stories_of_a_folder_come_in_order(tmp_path):
    for name in ("b.yaml", "a.yaml"):
        written(tmp_path, name=name)
    (tmp_path / "notes.txt").write_text("x")
    assert list(story_files(tmp_path)) == ["a", "b"]


def test_a_place_is_before_or_a_branch_and_its_step():
    assert place_of("before") == Place() and str(Place()) == "before"
    assert place_of(" cheat  64 ") == Place("cheat", 64) and str(Place("cheat", 64)) == "cheat 64"
    assert all(place_of(t) is None for t in ("", "cheat", "cheat -1", "cheat 6 4", "after"))


def test_a_study_that_is_not_there_names_what_makes_it():
    for name, words in (("chat-study-x", "Put its folder"), ("no", "data/no")):
        story = parse_story(f"title: a\nstudy: {name}\nsteps:\n  - title: b\n", "made.yaml")
        with pytest.raises(UnknownName) as e:
            study_folder(story)
        assert words in str(e.value) and "Traceback" not in str(e.value)
