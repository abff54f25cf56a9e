"""Questions with answers written for them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.formats.question_banks import FOLDS, as_questions, read_bank
from psm_viz.study.manifest import AGAIN, MAIN


def entry(name, **other):
    return {"id": name, "text": f"{name}?", "good": ["Yes."], "bad": ["No."]} | other


def write(folder, topic, *entries):
    folder.mkdir(exist_ok=True)
    (folder / f"{topic}.json").write_text(json.dumps({"topic": topic, "questions": entries}))


def test_half_of_each_topic_is_asked_and_half_measures_the_floor(tmp_path):
    for topic in ("help", "power"):
        write(tmp_path, topic, *(entry(f"{topic}-{n}") for n in range(6)))
    asked = as_questions(read_bank(tmp_path))
    main, again = ([q for q in asked if q.set == s] for s in (MAIN, AGAIN))
    assert len(main) == len(again) == 6
    assert [q.id for q in main[:4]] == ["help-0", "power-0", "help-1", "power-1"]
    assert {q.id for q in main}.isdisjoint(q.id for q in again)
    assert [q.fold for q in main] == [q.fold for q in again] == [n % FOLDS for n in range(6)]


@pytest.mark.parametrize(
    "wrong",
    [entry("a", good=[]), entry("a", bad="No."), entry("a", text=" "), {"id": "a"}, "a", None],
)
def test_an_entry_that_is_no_question_is_named(tmp_path, wrong):
    write(tmp_path, "help", entry("b"), wrong)
    with pytest.raises(BadFile, match=r"help\.json: questions\[1\]"):
        read_bank(tmp_path)


def test_no_folder_no_question_one_question_and_the_same_twice(tmp_path):
    with pytest.raises(UnknownName):
        read_bank(tmp_path / "gone")
    with pytest.raises(BadInput, match="holds no question"):
        read_bank(tmp_path)
    write(tmp_path, "help", entry("a"))
    with pytest.raises(BadInput, match="at least two"):
        as_questions(read_bank(tmp_path))
    write(tmp_path, "power", entry("a"))
    with pytest.raises(BadFile, match="occur twice: a"):
        read_bank(tmp_path)


@given(st.binary(max_size=60))
def test_anything_else_is_one_clear_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bank")
    (folder / "one.json").write_bytes(data)
    with pytest.raises(BadFile, match=r"one\.json"):
        read_bank(folder)
