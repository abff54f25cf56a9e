"""Lists of questions: a study's own, and those published with the Assistant axis, dealt by rule."""

import json

import pytest

from psm_viz.errors import BadFile, BadInput
from psm_viz.study.cast import dump_questions
from psm_viz.study.formats.question_banks import FOLDS
from psm_viz.study.formats.question_lists import load_questions
from psm_viz.study.manifest import AGAIN, MAIN
from tests.made.study import questions as made_questions


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def published(n):
    return [{"question": f"Question {i}?", "id": i} for i in range(n)]


def test_a_studys_own_list_is_what_it_says(tmp_path):
    questions = tuple(made_questions())
    path = tmp_path / "questions.jsonl"
    path.write_text(dump_questions(questions))
    assert load_questions(path) == questions


def test_a_published_list_is_dealt_in_pairs_of_neighbours(tmp_path):
    found = load_questions(lines(tmp_path / "list.jsonl", *published(13)))
    main, again = ([q for q in found if q.set == s] for s in (MAIN, AGAIN))
    assert [q.id for q in main] == ["0", "2", "4", "6", "8", "10"]
    assert [q.id for q in again] == ["1", "3", "5", "7", "9", "11"]  # the 13th has no neighbour
    assert [q.topic for q in main] == [q.topic for q in again]
    assert len({q.topic for q in main}) == 6
    assert [q.fold for q in main] == [q.fold for q in again] == [n % FOLDS for n in range(6)]
    assert main[1].text == "Question 2?"


def test_what_is_no_list_is_named(tmp_path):
    path = tmp_path / "list.jsonl"
    first = {"question": "Why?", "id": 0}
    for wrong in ({"question": "How?"}, {"id": 1}, {"question": 1, "id": 1}, [], "a"):
        with pytest.raises(BadFile, match=r"list\.jsonl, line 2: .*question"):
            load_questions(lines(path, first, wrong))
    for name in (None, 1.5, [1]):
        with pytest.raises(BadFile, match=r"line 2: .*id is "):
            load_questions(lines(path, first, {"question": "How?", "id": name}))
    with pytest.raises(BadInput, match="holds one question"):
        load_questions(lines(path, first))
    with pytest.raises(BadFile, match="expected id, text, topic, fold, set"):
        load_questions(lines(path, {"text": "How?", "question": "How?", "id": 1}))
    with pytest.raises(BadFile, match="holds no question"):
        load_questions(lines(path))
    with pytest.raises(BadFile, match="cannot be read"):
        load_questions(tmp_path / "gone.jsonl")
