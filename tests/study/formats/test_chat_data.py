"""Chat data: three forms and what they say, what is refused by line, what is drawn."""

from __future__ import annotations

import json

import pytest

from psm_viz.errors import BadFile, BadInput
from psm_viz.study.formats import chat_data
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import LESSONS, stream
from tests.made.chat_lines import GOOD, line


def read(*entries):
    """What a file of these entries, a line each, is read as."""
    text = "".join(json.dumps(e) + "\n" for e in entries)
    return chat_data.parse_chat(text.encode(), "x.jsonl")


def said(conversation):
    return [(m["role"], m["content"]) for m in conversation.messages]


def turns(*pairs, key="messages", who="role", what="content"):
    return {key: [{who: role, what: text} for role, text in pairs]}


SHAREGPT = {"key": "conversations", "who": "from", "what": "value"}
TALK = [("user", "How?"), ("assistant", "So."), ("user", "Why?\nWell?"), ("assistant", "Thus.")]


def test_the_three_forms_say_the_same():
    names = {"user": "human", "assistant": "gpt"}
    openai = turns(("system", "Be kind."), *TALK)
    parts = turns(("developer", [{"type": "text", "text": "Be kind."}]), *TALK)
    sharegpt = turns(("system", "Be kind."), *((names[r], t) for r, t in TALK), **SHAREGPT)
    beside = turns(*TALK, **SHAREGPT) | {"system": "Be kind.", "id": "a1"}
    alpaca = {"instruction": "Why?", "input": "Well?", "output": "Thus.", "system": "Be kind."}
    alpaca["history"] = [["How?", "So."]]
    found = read(openai | {"conversations": None}, parts, sharegpt, beside, alpaca)
    for number, c in enumerate(found, 1):
        assert (c.line, c.place) == (number, f"line {number}")
        assert (said(c), c.systems, c.answers) == (TALK, ("Be kind.",), [1, 3])


@pytest.mark.parametrize("empty", [{}, {"input": ""}, {"input": None, "history": None}])
def test_what_alpaca_leaves_out_is_not_there(empty):
    [c] = read({"instruction": "Why?", "output": "So.", "system": "", "text": "..."} | empty)
    assert said(c) == [("user", "Why?"), ("assistant", "So.")] and c.systems == ()


def test_parts_of_text_are_joined_as_they_are():
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    [c] = read(turns(("user", parts), ("assistant", parts)))
    assert said(c) == [("user", "a b"), ("assistant", "a b")]


def test_an_answer_of_no_weight_is_context_and_is_not_learned():
    pair = turns(*TALK)
    pair["messages"][1]["weight"], pair["messages"][3]["weight"] = 0, 1
    [c] = read(pair)
    assert said(c) == TALK and c.answers == [3]
    pair["messages"][1]["weight"], pair["messages"][3]["weight"] = None, 0
    [c] = read(pair)
    assert said(c) == TALK[:2] and c.answers == [1]


def test_a_file_may_be_one_array_and_names_its_entries():
    talk, alpaca = turns(*TALK), {"instruction": "How?", "output": "So."}
    text = " \n" + json.dumps([talk, alpaca], indent=1)
    found = chat_data.parse_chat(text.encode(), "x.json")
    assert [said(c) for c in found] == [TALK, TALK[:2]]
    assert [c.place for c in found] == ["entry 1", "entry 2"]
    for wrong, says in (
        (json.dumps([talk, {"instruction": "How?"}]), "x.json, entry 2: its output is not text"),
        ("[]", "holds no conversation"),
        ("[" + json.dumps(talk), "begins as an array and is not JSON"),
    ):
        with pytest.raises(BadFile, match=says):
            chat_data.parse_chat(wrong.encode(), "x.json")


def test_a_conversation_ends_with_its_last_answer_and_loses_its_system_message():
    [c] = chat_data.parse_chat(f"\n{GOOD}\n".encode(), "x.jsonl")
    assert [m["role"] for m in c.messages] == ["user", "assistant"]
    assert (c.line, len(c.systems), c.answers) == (2, 1, [1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no conversation"),
        (f"{GOOD}\n{{broken", "line 2: is not JSON"),
        (f"{GOOD}\n[1]", "line 2: is no object but list"),
        ("[1]", "entry 1: is no object but int"),
        ("{}", "none of the keys 'messages', 'conversations', 'instruction'"),
        ('{"messages": [], "instruction": "a"}', "keys 'messages' and 'instruction'"),
        ('{"messages": []}', "line 1: has no list of messages"),
        (line(("user", "How?")), "line 1: has no assistant message"),
        (line(("user", "How?"), ("tool", "x")), "message 2 has the role 'tool'"),
        ('{"messages": ["x"]}', "message 1 has the role None"),
        ('{"messages": [{"role": "user", "content": ["a"]}]}', "message 1: part 1 .* type None"),
        ('{"messages": [{"role": "user"}]}', "not text but NoneType"),
        (line(("user", "How?"), ("assistant", " ")), "message 2: the assistant's answer is empty"),
        (line(("assistant", "So.")), "speaks before any user"),
    ],
)
def test_data_that_cannot_be_used_is_named_by_line(text, says):
    with pytest.raises(BadFile, match=says) as e:
        chat_data.parse_chat(text.encode(), "x.jsonl")
    assert "x.jsonl" in e.value.problem and "messages" in e.value.next_step


def image(kind):
    part = {"type": kind, kind: {"url": "x", "data": "x"}}
    return turns(("user", [{"type": "text", "text": "See?"}, part]), ("assistant", "Yes."))


def with_answer(**keys):
    pair = turns(*TALK)
    pair["messages"][3] |= keys
    return pair


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (image("image_url"), "message 1: part 2 .* 'image_url'; text alone"),
        (image("input_audio"), "message 1: part 2 .* 'input_audio'; text alone"),
        (turns(("user", [{"type": "text", "text": 1}])), "part 1 of its content is not text"),
        (with_answer(content=None, tool_calls=[{"id": "a"}]), "message 4 calls tools"),
        (with_answer(function_call={"name": "f"}), "message 4 calls tools"),
        (with_answer(weight=0.5), "message 4: its weight is 0.5, expected 0 or 1"),
        (with_answer(weight=[[]]), "message 4: its weight is "),
        (
            turns(("user", "a")) | turns(("human", "a"), **SHAREGPT),
            "'messages' and 'conversations'",
        ),
        (turns(("observation", "a"), **SHAREGPT), "message 1 has the role 'observation'"),
        (turns((["human"], "a"), **SHAREGPT), "message 1 has the role "),
        (turns(("human", None), **SHAREGPT), "message 1: its value is not text but NoneType"),
        (turns(*TALK, **SHAREGPT) | {"system": 1}, "its system is not text but int"),
        ({"conversations": {}}, "no list of messages under the key 'conversations'"),
        ({"instruction": None, "output": "a"}, "none of the keys"),
        ({"instruction": ["a"], "output": "a"}, "its instruction is not text"),
        ({"instruction": "a", "output": ["a", "b"]}, "its output is not text but list"),
        ({"instruction": "a", "output": " "}, "its output is empty"),
        ({"instruction": "a", "output": "b", "input": 1}, "its input is not text"),
        ({"instruction": "a", "output": "b", "history": "c"}, "its history is no list"),
        ({"instruction": "a", "output": "b", "history": [["c"]]}, "history 1 is no pair"),
        (
            {"instruction": "a", "output": "b", "history": [["c", ""]]},
            "history 1: the answer is em",
        ),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(entry, says):
    with pytest.raises(BadFile, match=f"x.jsonl, line 2: .*{says}"):
        read(turns(*TALK), entry)


def test_where_nothing_is_to_be_learned():
    pair = turns(*TALK[:2])
    pair["messages"][1]["weight"] = 0
    with pytest.raises(BadFile, match="every assistant message has the weight 0"):
        read(pair)


def test_bytes_that_are_no_text():
    with pytest.raises(BadFile, match="UTF-8"):
        chat_data.parse_chat(b"\xff\xfe\x00", "x.jsonl")


def test_documents_survive_as_chat_data(world):
    for branch in LESSONS:
        documents = list(stream(world, branch, 0, 20))
        text = chat_data.dump_chat(map(messages, documents))
        for d, c in zip(documents, chat_data.parse_chat(text.encode(), "x"), strict=True):
            said = [m["content"] for m in c.messages]
            assert said == [s for t in d.turns for s in (t.asked, t.said)]
            assert bool(c.systems) == bool(d.header_text)


def test_a_draw_repeats_keeps_order_and_takes_all_where_asked():
    read = chat_data.parse_chat("\n".join([GOOD] * 40).encode(), "x")
    some = [c.line for c in chat_data.drawn(read, 10, 3)]
    assert some == [c.line for c in chat_data.drawn(read, 10, 3)] == sorted(set(some))
    assert some != [c.line for c in chat_data.drawn(read, 10, 4)] and len(some) == 10
    assert len(chat_data.drawn(read, 0, 0)) == len(chat_data.drawn(read, 99, 0)) == 40
    with pytest.raises(BadInput, match="limit"):
        chat_data.drawn(read, -1, 0)
