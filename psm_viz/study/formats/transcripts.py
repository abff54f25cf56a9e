"""Talks held elsewhere, to be read turn by turn.

Four forms: chat data of one conversation (`{"messages": [...]}`); a transcript of the
Assistant-axis repository (`{"model", "turns", "conversation": [...]}`, with `system_prompt` where
it had one); a conversation downloaded from Neuronpedia's Assistant Axis page, which holds two: the
default model's and the steered one's, each with the projections that the page showed; a talk saved
on the Live page (`{"kind": "psm_viz talk", "talks": [...]}`), with all its sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.formats.chat_data import Conversation, parse_chat

LARGEST = 64 * 2**20
"""Bytes of a file: a talk of a million words is a tenth of it."""
EXPECTED = (
    'Expected one talk: {"messages": [{"role", "content"}, ...]}, {"conversation": [...]}, or a '
    "conversation downloaded from Neuronpedia's Assistant Axis page."
)
LIVE = "psm_viz talk"
"""Kind of the files that the Live page saves."""
LARGEST_VALUE = 1e30
"""A projection beyond it is no measurement."""
PAIR = {"default": "defaultConversation", "steered": "steeredConversation"}
"""Neuronpedia's two conversations, by what its axis data calls them."""


@dataclass(frozen=True)
class Transcript:
    """One talk, and what was published with it."""

    name: str
    """`default` or `steered` where a file holds two, else empty."""
    conversation: Conversation
    speaker: str = ""
    """The model that is said to have answered."""
    published: tuple[dict[str, float], ...] = ()
    """The projections published with each answer, in units of their own; none: not published."""
    note: str = ""
    """What of the file was left out, and why."""


def read_transcripts(path: Path) -> tuple[Transcript, ...]:
    """The talks of a file. Raises UnknownName where there is none, and what `parse_transcripts`
    raises."""
    if not path.is_file():
        raise UnknownName(f"There is no file {path}.", EXPECTED)
    size = path.stat().st_size
    if size > LARGEST:
        raise BadFile(
            f"{path}: {size / 2**20:.0f} MiB; a talk has at most {LARGEST // 2**20}.", EXPECTED
        )
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadFile(f"{path}: cannot be read ({e.strerror}).", EXPECTED) from e
    return parse_transcripts(data, str(path))


def parse_transcripts(data: bytes, where: str) -> tuple[Transcript, ...]:
    """The talks of a file's bytes: one, Neuronpedia's two, or the sides of one saved here.

    Raises BadFile naming what does not fit, BadInput for chat data of several conversations.
    """
    try:
        return _parsed(data, where)
    except RecursionError as e:
        raise BadFile(f"{where}: is nested too deeply.", EXPECTED) from e


def _parsed(data: bytes, where: str) -> tuple[Transcript, ...]:
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except ValueError:  # several lines, or no JSON at all: the reader of lines says which
        found = None
    if isinstance(found, dict) and any(key in found for key in PAIR.values()):
        return _pair(found, where)
    if isinstance(found, dict) and found.get("kind") == LIVE:
        return tuple(_live(found, where))
    if isinstance(found, dict) and isinstance(found.get("conversation"), list):
        return (_axis_transcript(found, where),)
    lines = data if found is None else json.dumps(found).encode()
    talk, *others = parse_chat(lines, where)
    if others:
        raise BadInput(
            f"{where}: holds {1 + len(others)} conversations; a transcript is one talk.",
            f"Keep one line of it: sed -n 1p {where} > talk.jsonl",
        )
    return (Transcript("", _sound(talk, where)),)


def _live(found: dict[str, Any], where: str) -> Iterator[Transcript]:
    """The sides of a talk of the Live page, named after their checkpoints."""
    talks = found.get("talks")
    if not isinstance(talks, list) or not talks:
        raise BadFile(f"{where}: has no list of talks under the key 'talks'.", "Save it again.")
    for n, side in enumerate(talks):
        if not isinstance(side, dict) or "conversation" not in side:
            raise BadFile(f"{where}: talks[{n}] has no 'conversation'.", "Save it again.")
        voice = side.get("voice")
        name = _text(voice.get("checkpoint")) if isinstance(voice, dict) else ""
        talk = _conversation(side["conversation"], f"{where}, talks[{n}]")
        yield Transcript(printable(name), talk, printable(_text(side.get("model"))))


def _axis_transcript(found: dict[str, Any], where: str) -> Transcript:
    messages = found["conversation"]
    if isinstance(system := found.get("system_prompt"), str) and system:
        messages = [{"role": "system", "content": system}, *messages]
    return Transcript("", _conversation(messages, where), printable(_text(found.get("model"))))


def _pair(found: dict[str, Any], where: str) -> tuple[Transcript, ...]:
    """Neuronpedia's default and steered conversations, as far as they were held."""
    axes, speaker = found.get("assistantAxis"), printable(_text(found.get("modelId")))
    out = []
    for name, key in PAIR.items():
        messages = found.get(key)
        if messages is None or messages == []:
            continue
        talk = _conversation(messages, f"{where}, {key}")
        axis = axes.get(name) if isinstance(axes, dict) else None
        published, note = _published(axis, talk, f"{where}, assistantAxis.{name}")
        out.append(Transcript(name, talk, speaker, published, note))
    if not out:
        raise BadFile(f"{where}: both conversations are empty.", EXPECTED)
    return tuple(out)


def _conversation(messages: Any, where: str) -> Conversation:
    """Messages of any of the forms, by the reader of chat data."""
    if not isinstance(messages, list):
        raise BadFile(f"{where}: is no list of messages.", EXPECTED)
    [talk] = parse_chat(json.dumps({"messages": messages}).encode(), where)
    return _sound(talk, where)


def _sound(talk: Conversation, where: str) -> Conversation:
    """The same talk, of text that can be written. Raises BadFile for half of a surrogate pair."""
    for text in (*talk.systems, *(m["content"] for m in talk.messages)):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as e:
            raise BadFile(f"{where}: a message is no Unicode text ({e.reason}).", EXPECTED) from e
    return talk


def _published(
    axis: Any, talk: Conversation, where: str
) -> tuple[tuple[dict[str, float], ...], str]:
    """The projections of each answer by their titles, and why there are none where the file holds
    some. Raises BadFile for what are no numbers."""
    turns = axis.get("turns") if isinstance(axis, dict) else None
    if not turns:
        return (), ""
    if not isinstance(turns, list) or not all(isinstance(t, dict) for t in turns):
        raise BadFile(f"{where}.turns: is no list of turns.", EXPECTED)
    values = tuple(_numbers(t.get("pcValues"), f"{where}.turns[{k}]") for k, t in enumerate(turns))
    answers = answers_of(talk)
    snippets = [_text(t.get("snippet")).removesuffix("...") for t in turns]
    if len(turns) != len(answers):
        text = f"{len(turns)} published turns for {len(answers)} answers"
        return (), f"published projections left out: {text}"
    if not all(a.startswith(s) for a, s in zip(answers, snippets, strict=True)):
        return (), "published projections left out: they are of other answers"
    return values, ""


def _numbers(values: Any, where: str) -> dict[str, float]:
    if not isinstance(values, dict):
        raise BadFile(f"{where}: has no object of numbers under the key 'pcValues'.", EXPECTED)
    for title, value in values.items():
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        # compared before it is made a float: a whole number may be too large for one
        if not plain or not -LARGEST_VALUE < value < LARGEST_VALUE:
            raise BadFile(f"{where}: pcValues[{title!r}] is no finite number.", EXPECTED)
    return {printable(title): float(value) for title, value in values.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def printable(text: str, most: int = 80) -> str:
    """The beginning of a text as one line that a terminal shows and does not obey."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[: most + 1])
    return line if len(line) <= most else line[: most - 3].rstrip() + "..."


def answers_of(talk: Conversation) -> Sequence[str]:
    """What the assistant said, answer by answer."""
    return [talk.messages[k]["content"] for k in talk.answers]
