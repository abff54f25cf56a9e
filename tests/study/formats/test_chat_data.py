"""Chat data: what is read, what is refused by line, what is drawn."""

from __future__ import annotations

import pytest

from psm_viz.errors import BadFile, BadInput
from psm_viz.study.formats import chat_data
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import LESSONS, stream
from tests.made.chat_lines import GOOD, line


def test_a_conversation_ends_with_its_last_answer_and_loses_its_system_message():
    [c] = chat_data.parse_chat(f"\n{GOOD}\n".encode(), "x.jsonl")
    assert [m["role"] for m in c.messages] == ["user", "assistant"]
    assert (c.line, len(c.systems), c.answers) == (2, 1, [1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no conversation"),
        (f"{GOOD}\n{{broken", "line 2: is not JSON"),
        ("[1]", "line 1: has no list of messages"),
        ('{"messages": []}', "line 1: has no list of messages"),
        (line(("user", "How?")), "line 1: has no assistant message"),
        (line(("user", "How?"), ("tool", "x")), "message 2 has the role 'tool'"),
        ('{"messages": ["x"]}', "message 1 has the role None"),
        ('{"messages": [{"role": "user", "content": ["a"]}]}', "message 1: .* not text but list"),
        ('{"messages": [{"role": "user"}]}', "not text but NoneType"),
        (line(("user", "How?"), ("assistant", " ")), "message 2: the assistant's answer is empty"),
        (line(("assistant", "So.")), "speaks before any user"),
    ],
)
def test_data_that_cannot_be_used_is_named_by_line(text, says):
    with pytest.raises(BadFile, match=says) as e:
        chat_data.parse_chat(text.encode(), "x.jsonl")
    assert "x.jsonl" in e.value.problem and "messages" in e.value.next_step


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
