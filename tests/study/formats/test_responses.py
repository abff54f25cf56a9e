"""Answers made elsewhere: both forms are read, what is left out is counted, what is wrong named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psm_viz.errors import BadFile, BadInput, PsmVizError, UnknownName
from psm_viz.study.formats.responses import read_responses


def published(role, prompt, question, text, **more):
    told = f"You are a {role} ({prompt})."
    said = [("system", told), ("user", f"Question {question}?"), ("assistant", text)]
    return {
        "system_prompt": told,
        "prompt_index": prompt,
        "question_index": question,
        "question": f"Question {question}?",
        "label": "pos",
        "conversation": [{"role": r, "content": c} for r, c in said],
    } | more


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def folder(tmp_path):
    """Two roles and the Assistant as they are published, with scores."""
    for role in ("pirate", "ghost", "default"):
        rows = [published(role, p, q, f"{role} {p} {q}") for p in range(2) for q in range(3)]
        lines(tmp_path / "responses" / f"{role}.jsonl", rows)
    scores = {f"pos_p{p}_q{q}": (p + q) % 4 for p in range(2) for q in range(3)}
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "pirate.json").write_text(json.dumps(scores))
    return tmp_path


def test_a_folder_as_published(folder):
    found = read_responses(folder)
    assert len(found.answers) == 18 and not found.left_out and found.says_all
    assert {a.persona for a in found.answers} == {"assistant", "pirate", "ghost"}
    one = next(a for a in found.answers if a.text == "ghost 1 2")
    assert (one.instruction, one.place, one.question) == (1, 2, "Question 2?")
    assert one.told == "You are a ghost (1)." and one.checkpoint is None
    assert read_responses(folder / "responses").answers == found.answers


def test_answers_below_a_score_or_without_one_are_left_out_and_counted(folder):
    found = read_responses(folder, 3)
    kept = {(a.persona, a.instruction, a.place) for a in found.answers if a.persona != "assistant"}
    assert kept == {("pirate", 1, 2)}
    assert found.left_out == {"scored below 3": 5, "without a score": 6}
    assert sum(a.persona == "assistant" for a in found.answers) == 6  # nobody scores its own voice
    assert len(read_responses(folder, 0).answers) == 12
    every = read_responses(folder)
    assert every.sha256 != found.sha256 and every.sha256 == read_responses(folder).sha256


def test_scores_that_are_wanted_and_not_there(folder, tmp_path):
    (folder / "scores" / "pirate.json").unlink()
    with pytest.raises(BadInput, match="has no scores beside it"):
        read_responses(folder, 2)
    with pytest.raises(BadInput, match="from 0 to 3"):
        read_responses(folder, 4)


def test_our_own_form(tmp_path):
    rows = [
        {"persona": "assistant", "question": "q-1", "text": "Yes."},
        {"persona": "pirate", "question": 7, "text": "Aye.", "instruction": 1},
        {"persona": "pirate", "question": "q-1", "text": "Arr.\u2028Aye.", "checkpoint": "t-0001"},
    ]
    path = lines(tmp_path / "said.jsonl", rows)
    a, b, c = read_responses(path).answers
    assert (a.persona, a.instruction, a.told) == ("assistant", 0, None)
    assert (b.question, b.instruction, b.checkpoint) == ("7", 1, None)
    assert c.checkpoint == "t-0001" and c.text == "Arr.\u2028Aye."
    assert not read_responses(path).says_all and read_responses(path).name == "said.jsonl"


def test_what_is_no_answer_of_a_role_is_counted(tmp_path):
    rows = [
        published("sly", 0, 0, "Yes."),
        published("sly", 0, 1, "No.", label="neg"),
        published("sly", 0, 2, "  "),
    ]
    found = read_responses(lines(tmp_path / "sly.jsonl", rows))
    assert [a.text for a in found.answers] == ["Yes."]
    assert found.left_out == {"under a trait's opposite (label neg)": 1, "empty": 1}
    with pytest.raises(BadInput, match="1 empty"):
        read_responses(lines(tmp_path / "mute.jsonl", [rows[2]]))


def test_the_role_called_assistant_is_not_the_assistant(tmp_path):
    found = read_responses(lines(tmp_path / "assistant.jsonl", [published("x", 0, 0, "Hm.")]))
    assert found.answers[0].persona == "assistant_role"


GOOD = json.dumps({"persona": "a", "question": "b", "text": "c"}).encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[1]", "expected an object, found list"),
        (b"[" * 100_000, "is not JSON"),
        (b"1" * 5000, "is not JSON"),
        (b"{}", "persona is no text"),
        (b'{"persona": "a", "question": true, "text": "x"}', "question is no text"),
        (b'{"persona": "a", "question": "b", "text": NaN}', "text is no text"),
        (b'{"persona": "a", "question": "b", "text": "\\ud800"}', "text holds half a character"),
        (b'{"persona": "a", "question": "b", "text": "x", "instruction": -1}', "instruction is no"),
        (b'{"persona": "a", "question": "b", "text": "x", "instruction": 1e9}', "instruction is"),
        (b'{"persona": "a", "question": "b", "text": "x", "checkpoint": 3}', "checkpoint is no"),
        (b'{"conversation": 1}', "conversation is no list"),
        (b'{"conversation": []}', "holds no answer"),
        (b'{"question": "b", "conversation": [{"role": "assistant"}]}', "content is no text"),
    ],
)
def test_a_line_that_is_no_answer_is_named(tmp_path, line, said):
    (tmp_path / "x.jsonl").write_bytes(GOOD + b"\n\n" + line + b"\n")
    with pytest.raises(BadFile, match=said) as e:
        read_responses(tmp_path / "x.jsonl")
    assert "x.jsonl, line 3" in str(e.value) and "Expected" in e.value.next_step


@pytest.mark.parametrize("text", ["[]", "{", '{"pos_p0_q0": 4}', '{"a": NaN}', '{"a": true}'])
def test_scores_that_are_none_are_named(folder, text):
    (folder / "scores" / "pirate.json").write_text(text)
    with pytest.raises(BadFile, match="pirate"):
        read_responses(folder, 1)


def test_places_without_answers(tmp_path):
    with pytest.raises(UnknownName, match="no file or folder"):
        read_responses(tmp_path / "nothing")
    with pytest.raises(BadInput, match="holds no answers"):
        read_responses(tmp_path)


KEYS = st.sampled_from(
    [
        *("persona", "question", "text", "instruction", "checkpoint", "label", "role", "content"),
        *("system_prompt", "prompt_index", "question_index", "conversation", "assistant"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=7),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(JSON.map(lambda x: json.dumps(x).encode()) | st.binary(max_size=40), max_size=6))
def test_whatever_is_in_a_file_is_read_or_named(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "x.jsonl"
    path.write_bytes(b"\n".join(rows))
    try:
        found = read_responses(path)
    except PsmVizError as e:
        assert str(path.parent) in str(e)
    else:
        assert all(a.text.strip() and a.persona is not None for a in found.answers)
