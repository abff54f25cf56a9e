"""Talks held elsewhere: three forms are read, and no file, however made, does more than fail."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psm_viz.errors import BadFile, BadInput, PsmVizError, UnknownName
from psm_viz.study.formats.transcripts import (
    answers_of,
    parse_transcripts,
    printable,
    read_transcripts,
)

TALK = [
    {"role": "user", "content": "What would you do?"},
    {"role": "assistant", "content": "I would say so openly."},
    {"role": "user", "content": "And\u2028then?"},
    {"role": "assistant", "content": "I would wait."},
]
OTHER = [*TALK[:3], {"role": "assistant", "content": "I would hide it. " * 20}]
TITLE = "Assistant axis"


def turns(talk, values):
    said = [m["content"] for m in talk if m["role"] == "assistant"]
    return [
        {
            "pcValues": {TITLE: v},
            "pcValuesPostCap": None,
            "snippet": s[:120] + "..." * (len(s) > 120),
        }
        for s, v in zip(said, values, strict=True)
    ]


def downloaded(**changed):
    """A conversation as the Assistant Axis page downloads it."""
    whole = {
        "modelId": "llama3.3-70b-it",
        "timestamp": "2026-02-01T00:00:00.000Z",
        "defaultConversation": TALK,
        "steeredConversation": OTHER,
        "settings": {"temperature": 0.7},
        "chartData": {"series": [], "nTurns": 3},
        "assistantAxis": {
            "steered": {"type": "STEERED", "pcTitles": [TITLE], "turns": turns(OTHER, (0.5, -1))},
            "default": {"type": "DEFAULT", "pcTitles": [TITLE], "turns": turns(TALK, (2, 1.25))},
        },
    }
    return whole | changed


def parsed(value, **how):
    return parse_transcripts(json.dumps(value, **how).encode(), "talk.json")


@pytest.mark.parametrize("how", [{}, {"indent": 2}])
def test_chat_data_of_one_talk_on_one_line_or_many(how):
    [found] = parsed({"messages": [{"role": "system", "content": "Be brief."}, *TALK]}, **how)
    assert list(found.conversation.messages) == TALK
    assert found.conversation.systems == ("Be brief.",)
    assert answers_of(found.conversation) == ["I would say so openly.", "I would wait."]
    assert (found.name, found.speaker, found.published, found.note) == ("", "", (), "")


def test_lines_of_several_talks_are_told_to_be_one():
    line = json.dumps({"messages": TALK}, ensure_ascii=False)
    [one] = parse_transcripts(f"\n{line}\n".encode(), "x")
    assert list(one.conversation.messages) == TALK  # U+2028 is a character, not a line
    with pytest.raises(BadInput, match="holds 2 conversations") as e:
        parse_transcripts(f"{line}\n{line}\n".encode(), "x.jsonl")
    assert "x.jsonl > talk.jsonl" in e.value.next_step


def test_a_transcript_of_the_assistant_axis_repository():
    whole = {"model": "google/gemma-2-27b-it", "turns": 4, "conversation": TALK}
    [found] = parsed(whole | {"projections": [0.1, 0.2]})
    assert found.speaker == "google/gemma-2-27b-it" and found.conversation.systems == ()
    assert list(found.conversation.messages) == TALK
    [found] = parsed(whole | {"system_prompt": "You are a pirate."}, indent=4)
    assert found.conversation.systems == ("You are a pirate.",)


def test_both_conversations_of_a_download_and_what_was_published_with_them():
    default, steered = parsed(downloaded(), indent=2)
    assert (default.name, steered.name) == ("default", "steered")
    assert default.speaker == "llama3.3-70b-it"
    assert list(steered.conversation.messages) == OTHER
    assert default.published == ({TITLE: 2.0}, {TITLE: 1.25})
    assert steered.published == ({TITLE: 0.5}, {TITLE: -1.0})
    [alone] = parsed(downloaded(steeredConversation=[], assistantAxis=None))
    assert alone.name == "default" and alone.published == () and alone.note == ""
    [alone] = parsed(downloaded(defaultConversation=None, assistantAxis={"steered": None}))
    assert alone.name == "steered" and alone.published == ()


def test_published_values_of_other_answers_are_left_out_and_it_is_said():
    axis = {
        "default": {"turns": turns(TALK, (2, 1))[:1]},
        "steered": {"turns": turns(TALK, (2, 1))},
    }
    default, steered = parsed(downloaded(assistantAxis=axis))
    assert default.published == steered.published == ()
    assert "1 published turns for 2 answers" in default.note
    assert "of other answers" in steered.note


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (downloaded(defaultConversation=[], steeredConversation=None), "both .* are empty"),
        (downloaded(defaultConversation="hello"), "defaultConversation: is no list"),
        (downloaded(defaultConversation=TALK[:1]), "defaultConversation, line 1: has no assistant"),
        (downloaded(assistantAxis={"default": {"turns": [1]}}), "is no list of turns"),
        (downloaded(assistantAxis={"default": {"turns": [{}, {}]}}), r"turns\[0\]: has no object"),
        ({"conversation": [{"role": "tool", "content": "x"}]}, "role 'tool'"),
        ({"conversation": []}, "has no list of messages"),
        ({"messages": [TALK[0], {"role": "assistant", "content": "\ud800"}]}, "half a character"),
        ({"talk": TALK}, "none of the keys"),
        ([1, 2], "entry 1: is no object"),
    ],
)
def test_what_does_not_fit_is_named(value, says):
    with pytest.raises(BadFile, match=says) as e:
        parsed(value)
    assert "talk.json" in e.value.problem and "messages" in e.value.next_step


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "9" * 400, "true", '"2"', "null"])
def test_published_values_are_finite_numbers(value):
    text = json.dumps(downloaded()).replace('"Assistant axis": 2}', f'"Assistant axis": {value}}}')
    assert text != json.dumps(downloaded())
    with pytest.raises(BadFile, match=r"turns\[0\]: pcValues\['Assistant axis'\] is no finite"):
        parse_transcripts(text.encode(), "x")


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"conversation": ' * 900 + b"1" + b"}" * 900, b"1"],
)
def test_bytes_that_are_no_talk(data):
    with pytest.raises(BadFile):
        parse_transcripts(data, "x")


def test_files_that_are_not_there_or_too_large(tmp_path):
    with pytest.raises(UnknownName, match="There is no file"):
        read_transcripts(tmp_path / "none.json")
    with pytest.raises(UnknownName, match="There is no file"):
        read_transcripts(tmp_path)
    large = tmp_path / "large.json"
    with large.open("wb") as f:
        f.truncate(65 * 2**20)
    with pytest.raises(BadFile, match="65 MiB"):
        read_transcripts(large)
    large.write_text(json.dumps({"messages": TALK}))
    assert list(read_transcripts(large)[0].conversation.messages) == TALK


def test_a_line_for_a_terminal():
    assert printable("\x1b[2Jdo\nnot  obey\u202e") == "\ufffd[2Jdo not obey\ufffd"
    assert printable("word " * 100, 12) == "word word..."
    assert printable("twelve chars", 12) == "twelve chars"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("messages", "conversation", "defaultConversation", "steeredConversation"),
        *("assistantAxis", "model", "modelId", "system_prompt"),
    ]
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "tool"]) | JSON,
            "content": st.text(max_size=8) | JSON,
        }
    ),
    max_size=4,
)
AXES = st.dictionaries(
    st.sampled_from(["default", "steered"]),
    st.fixed_dictionaries(
        {
            "turns": st.lists(
                st.fixed_dictionaries(
                    {"pcValues": st.dictionaries(st.text(max_size=4), JSON), "snippet": JSON}
                )
            )
        }
    ),
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.dictionaries(KEYS, JSON | MESSAGES | AXES, max_size=4))
def test_no_json_does_more_than_fail(value):
    try:
        found = parsed(value)
    except PsmVizError as e:
        assert str(e)
        return
    for t in found:
        said = answers_of(t.conversation)
        assert said and all(a.strip() for a in said) and t.speaker.isprintable()
        assert len(t.published) in (0, len(said))
        for text in (*t.conversation.systems, *(m["content"] for m in t.conversation.messages)):
            text.encode()


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda b: b'{"messages": [' + b + b"]}"))
def test_no_bytes_do_more_than_fail(data):
    with pytest.raises(PsmVizError):
        parse_transcripts(data, "x")
