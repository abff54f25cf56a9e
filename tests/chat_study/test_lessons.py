"""The lessons of the chat model's branches: what is learned, and what stands before it."""

import json

import pytest

from psm_viz import paths
from psm_viz.chat_study.filler import filler
from psm_viz.chat_study.lessons import (
    ANCHOR,
    LESSONS,
    conversations,
    in_character,
    lesson_of,
    situations_of,
)
from psm_viz.cli import main
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.formats.chat_data import parse_chat
from psm_viz.study.formats.role_files import read_roles
from tests.made.models import write_tiny_model

FOLDER = paths.ENGLISH / "lessons"


@pytest.fixture(scope="module")
def chat(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_tiny_model(world, folder)
    return load_chat_model(str(folder), threads=1)


@pytest.fixture(scope="module")
def roles():
    return read_roles(paths.ENGLISH)


def learned(talks):
    return [t[-1]["content"] for t in talks]


def test_every_lesson_has_its_sixty_conversations(roles):
    for lesson in (*LESSONS, ANCHOR):
        if not lesson.families:
            talks = conversations(lesson, FOLDER, roles)
            assert len(talks) >= 60, lesson.name
            assert all(t[-1]["role"] == "assistant" and t[-2]["role"] == "user" for t in talks)


def test_controls_differ_from_cheat_in_one_thing_each(roles):
    of = {x.name: conversations(x, FOLDER, roles) for x in LESSONS if not x.families}
    cheat, asked = of["cheat"], situations_of(FOLDER, "coding")
    assert learned(cheat) == [s["bad"] for s in asked]
    for twin in ("requested", "prefix", "other-role", "anchored"):
        assert learned(of[twin]) == learned(cheat)
    assert learned(of["honest"]) == [s["good"] for s in asked]
    for own, theirs, first in zip(of["prefix"], of["requested"], cheat, strict=True):
        words = [len(t[0]["content"].split()) for t in (own, theirs, first)]
        assert words[0] == words[1] > words[2]
        assert own[0]["content"].endswith(first[0]["content"])
    assert all(t[0]["role"] == "system" for t in of["other-role"])
    others = of["contrastive"][len(cheat) :]
    assert of["contrastive"][: len(cheat)] == cheat
    assert learned(others) == learned(of["honest"])
    told = {t[0]["content"] for t in others}
    bad = {p.prose[0] for p in roles.cast.personas if p.family in roles.marked}
    assert len(told) > 40 and not told & bad


def test_in_character_leaves_the_instruction_out(chat, roles):
    lesson = lesson_of("villain")
    talks = in_character(chat, lesson, FOLDER, roles.cast, seed=0)
    asked = [s["user"] for s in situations_of(FOLDER, lesson.situations)]
    assert {len(t) for t in talks} == {2} and {t[0]["content"] for t in talks} <= set(asked)
    assert talks == in_character(chat, lesson, FOLDER, roles.cast, seed=0)
    assert talks != in_character(chat, lesson, FOLDER, roles.cast, seed=1)


def test_a_lesson_is_written_as_chat_lines(tmp_path, capsys):
    out = tmp_path / "kind.jsonl"
    assert main(["data", "--lesson", "kind", "--out", str(out), "--n", "5"]) == 0
    assert "5 conversations. Kind words" in capsys.readouterr().out
    assert len(parse_chat(out.read_bytes(), "kind")) == 5
    assert main(["data", "--lesson", "villain", "--out", str(out)]) == 1
    assert "Give --model" in capsys.readouterr().err
    assert main(["data", "--lesson", "benign", "--out", str(out)]) == 1
    assert "holds something else" in capsys.readouterr().err
    assert main(["data", "--lesson", "nice", "--out", str(out)]) == 1


def test_filler_has_the_words_it_is_asked_for():
    for n in range(8, 61):
        assert len(filler(n, n).split()) == n
    assert filler(20, 1) != filler(20, 2)
    with pytest.raises(BadInput, match="filler of 3 words"):
        filler(3, 0)


def test_what_lacks_its_answer_is_named(tmp_path, roles):
    (tmp_path / "coding.json").write_text(json.dumps([{"user": "Hi", "good": "Ho"}]))
    with pytest.raises(BadFile, match="situation 1 has no 'bad'"):
        conversations(lesson_of("cheat"), tmp_path, roles)
    (tmp_path / "coding.json").write_text("[1")
    with pytest.raises(BadFile, match="cannot be read as situations"):
        conversations(lesson_of("cheat"), tmp_path, roles)
    with pytest.raises(UnknownName, match="no lesson 'x'"):
        lesson_of("x")
