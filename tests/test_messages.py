"""What a live process is sent is checked before it is believed."""

import pytest

from psm_viz.errors import BadInput
from psm_viz.messages import MOST_TEXT, Hall, Own, Push, Talk, Taught, Voice, asked, hall_of

VOICE = {"checkpoint": "assistant-0600"}
ASK = {"role": "user", "content": "Who are you?"}
SAID = {"role": "assistant", "content": "A healer."}


def talk(**more):
    return {"voice": VOICE, "messages": [ASK], **more}


def test_a_talk_is_read_with_what_it_leaves_out():
    found = asked("talk", talk())
    assert found == Talk(Voice("assistant-0600"), (ASK,))
    push = {"direction": "axis", "strength": 2, "cap": False}
    found = asked("talk", talk(voice={**VOICE, "push": push}))
    assert found.voice.push == Push("axis", 2.0)
    assert asked("teach", {"lines": "x", "steps": 8, "every": 2}) == Taught("x", 8, 2)


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("shell", {}, "kind"),
        (None, {}, "kind"),
        ("talk", [], "expected an object"),
        ("talk", {"voice": VOICE}, "'messages' is missing"),
        ("talk", talk(path="/etc/passwd"), "no key 'path'"),
        ("talk", talk(voice="cheat"), "talk.voice: expected an object"),
        ("talk", talk(seed="1"), "talk.seed: expected int"),
        ("talk", talk(seed=True), "talk.seed: expected int"),
        ("talk", talk(seed=2**40), "too large"),
        ("talk", talk(messages=[]), "0 messages"),
        ("talk", talk(messages="hello"), "expected a list"),
        ("talk", talk(messages=[SAID]), "expected role 'user'"),
        ("talk", talk(messages=[ASK, ASK]), "messages[1]: expected role 'assistant'"),
        ("talk", talk(messages=[{**ASK, "content": "  "}]), "says nothing"),
        ("talk", talk(messages=[{**ASK, "content": 3}]), "expected str"),
        ("talk", talk(messages=[{**ASK, "content": "x" * (MOST_TEXT + 1)}]), "200,001 characters"),
        ("talk", talk(messages=[ASK, SAID] * 1001), "2002 messages"),
        (
            "talk",
            talk(voice={**VOICE, "push": {"direction": "axis", "strength": 1e9}}),
            "-1,000,000",
        ),
        (
            "talk",
            talk(voice={**VOICE, "push": {"direction": "axis", "strength": float("nan")}}),
            "expected a number",
        ),
        ("teach", {"lines": "x", "steps": 8}, "'every' is missing"),
        ("direction", {"name": "x", "values": "1, 2"}, "expected a list of numbers"),
        ("direction", {"name": "x", "values": []}, "0 numbers"),
        ("direction", {"name": "x", "values": [1.0] * 65_537}, "65537 numbers"),
        ("direction", {"name": "x", "values": [1.0, "2"]}, "direction.values[1]: expected float"),
        ("direction", {"name": "x", "values": [float("nan")]}, "expected a number"),
    ],
)
def test_what_is_wrong_is_named(kind, data, told):
    with pytest.raises(BadInput) as e:
        asked(kind, data)
    assert told in str(e.value)


def test_a_direction_is_numbers_whole_ones_too():
    found = asked("direction", {"name": "mine", "values": [1, -2.5, 0]})
    assert found == Own("mine", (1.0, -2.5, 0.0))


def test_a_hall_is_found_in_the_line_that_a_process_prints():
    hall = Hall(4321, "secret", "/somewhere/study")
    assert hall_of(hall.as_json()) == hall
    assert "secret" not in repr(hall)
    for other in ("", "loading ...", "[1]", '{"port": "x"}'):
        assert hall_of(other) is None
