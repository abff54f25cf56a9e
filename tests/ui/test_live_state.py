"""What a session holds of a talk: turns, edits, voices, files."""

import json

import pytest

from psm_viz.errors import BadFile
from psm_viz.messages import Voice
from psm_viz.ui.live_state import (
    Side,
    Stage,
    as_file,
    of_file,
    request,
    said_note,
    saved_here,
    transcripts,
)
from tests.made.study import write_made_study

ASSISTANT, OTHER = Voice("assistant-0008"), Voice("cheat-0064")


def talked(voice=ASSISTANT) -> Side:
    side = Side(voice)
    for n in range(2):
        side.say(f"question {n}")
        side.hear(f"answer {n}")
        side.heard[-1] = {"answers": n + 1, "headline": "own", "belief": {"own": {"a": 1.0}}}
        side.heard[-1] |= {"far": {"own": 0.5}}
    return side


def words(side):
    return [m["content"] for m in side.messages]


def test_a_question_without_an_answer_gives_way_to_the_next():
    side = Side(ASSISTANT)
    side.say("one")
    side.say("two")
    assert words(side) == ["two"] and side.answers == 0
    assert request(side, 3).messages == ({"role": "user", "content": "two"},)


def test_other_words_in_the_place_of_a_turn_forget_what_came_after():
    side = talked()
    assert side.rewrite(2, "another question")
    assert words(side) == ["question 0", "answer 0", "another question"]
    assert (side.answers, len(side.heard), len(side.notes)) == (1, 1, 1)
    side = talked()
    assert not side.rewrite(1, "words in its mouth")
    assert words(side) == ["question 0", "words in its mouth"]
    assert side.heard == [None] and side.notes == ["written by hand"]


def test_a_further_voice_takes_up_the_talk_and_goes_its_own_way():
    stage = Stage([talked()])
    stage.voices([ASSISTANT, OTHER])
    first, second = stage.sides
    assert words(second) == words(first) and second.voice == OTHER
    second.hear("only here")
    assert len(first.messages) == 4
    stage.voices([OTHER])
    assert len(stage.sides) == 1 and stage.sides[0].voice == OTHER
    stage.anew()
    assert stage.sides[0].messages == [] and stage.sides[0].voice == OTHER


def test_a_saved_talk_opens_again_and_says_where_it_comes_from(tmp_path):
    study = write_made_study(tmp_path / "study")
    stage = Stage([talked(), talked(OTHER)])
    data = as_file(stage, study)
    said = json.loads(data)
    assert said["study"]["sha256"] == study.sha256 and len(said["talks"]) == 2
    assert said["talks"][1]["voice"]["checkpoint"] == "cheat-0064"
    assert of_file(data, "talk.json") == [s.messages for s in stage.sides]
    one, two = (transcripts(stage.sides[:n], study) for n in (1, 2))
    assert of_file(one, "t.json") == [stage.sides[0].messages]
    assert [json.loads(line)["turns"] for line in two.splitlines()] == [4, 4]
    assert said["provenance"]["reference"] == study.manifest.reference and "sampling" in said
    again = saved_here(data, "talk.json", study)
    assert [s.voice for s in again] == [s.voice for s in stage.sides]
    assert [(s.messages, s.heard, s.notes, s.last) for s in again] == [
        (s.messages, s.heard, s.notes, s.last) for s in stage.sides
    ]
    other = data.replace(study.sha256.encode(), b"0" * 64)
    assert saved_here(other, "talk.json", study) == saved_here(one, "t.json", study) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff\xfe", "talk.json"),
        (b"{", "talk.json"),
        (b"[" * 100_000, "talk.json"),
        (b'{"kind": "psm_viz talk"}', "talks"),
        (b'{"kind": "psm_viz talk", "talks": [3]}', "Save it again"),
        (b'{"conversation": [{"role": "wizard", "content": "x"}]}', "talk.json"),
        (
            b'{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"},'
            b' {"role": "assistant", "content": "z"}]}',
            "alternate",
        ),
    ],
)
def test_a_file_that_is_no_talk_is_one_message(data, told):
    with pytest.raises(BadFile) as e:
        of_file(data, "talk.json")
    assert told in str(e.value)


def test_what_is_to_be_said_of_an_answer():
    assert said_note({"text": "x", "left_out": 0, "unknown": []}) == ""
    assert "first 4 messages" in said_note({"left_out": 4})
    assert "xyzzy" in said_note({"unknown": ["xyzzy"]})
    assert "nothing" in said_note({"empty": True})
