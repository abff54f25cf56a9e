"""Chat data: conversations in the three forms that training data is shipped in.

Each is known by a key of its own, entry by entry (null is no key); an entry with none of the keys
or with two of them is refused, and so is whatever would be read as something else than it says:

- OpenAI: `{"messages": [{"role", "content"}, ...]}`. Content is a text or a list of text parts,
  joined as they are. `developer` is the system. An answer of `weight` 0 is context and is not
  learned. A message that calls tools is refused; `name` and other keys are left alone.
- ShareGPT: `{"conversations": [{"from", "value"}, ...]}`, with or without `system`.
- Alpaca: `{"instruction", "output"}`, with or without `input` (on a line below the instruction),
  `system` and `history` (`[[question, answer], ...]`, learned like the output).

A file has an entry a line (JSON lines), or is one JSON array of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np

from psm_viz.errors import BadFile, BadInput
from psm_viz.study.files import json_of

OPENAI, SHAREGPT, ALPACA = "messages", "conversations", "instruction"
"""The key that each form is known by."""
SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
ROLES = {SYSTEM: SYSTEM, "developer": SYSTEM, USER: USER, ASSISTANT: ASSISTANT}
SPEAKERS = {
    SYSTEM: SYSTEM,
    **dict.fromkeys(("human", USER), USER),
    **dict.fromkeys(("gpt", "chatgpt", ASSISTANT), ASSISTANT),
}
CALLS = ("tool_calls", "function_call")
EXPECTED = (
    'Expected {"messages": [{"role": ..., "content": ...}, ...]}, {"conversations": [{"from": ..., '
    '"value": ...}, ...]} or {"instruction": ..., "output": ...}: one a line, or one array of them.'
)


@dataclass(frozen=True)
class Conversation:
    """One entry of chat data, its own system messages apart."""

    line: int
    """Its line, or its place in a file that is one array, from 1."""
    messages: tuple[dict[str, str], ...]
    """role (`user` or `assistant`) and content, up to the last answer that is learned."""
    systems: tuple[str, ...] = ()
    """What its system messages say."""
    context: frozenset[int] = frozenset()
    """Places of answers that are there to be read and are not learned."""
    unit: str = "line"
    """What `line` counts: `line` or `entry`."""

    @property
    def answers(self) -> list[int]:
        """Places of the assistant's messages: each is a y, all before it is its x."""
        spoken = [k for k, m in enumerate(self.messages) if m["role"] == ASSISTANT]
        return [k for k in spoken if k not in self.context]

    @property
    def place(self) -> str:
        """`line 3`, or `entry 3` of an array."""
        return f"{self.unit} {self.line}"


@dataclass(frozen=True)
class _Said:
    """One message of any form: `role` is that of a chat template."""

    role: str
    text: str
    learned: bool = True


def raw(path: Path) -> bytes:
    """The bytes of a file of chat data. Raises BadFile where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as e:
        raise BadFile(f"{path}: cannot be read ({e.strerror}).", EXPECTED) from e


def parse_chat(data: bytes, where: str) -> tuple[Conversation, ...]:
    """Read chat data in any of the three forms. Raises BadFile naming the line, or the entry of an
    array, and what was expected."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise BadFile(f"{where}: is not UTF-8 text (byte {e.start}).", EXPECTED) from e
    array = re.match(r"\s*\[", text)
    unit, entries = ("entry", _array(text, where)) if array else ("line", _lines(text, where))
    out = []
    for n, entry in entries:
        try:
            out.append(_ordered(_said(entry), n, unit))
        except ValueError as e:
            raise BadFile(f"{where}, {unit} {n}: {e}.", EXPECTED) from e
    if not out:
        raise BadFile(f"{where}: holds no conversation.", EXPECTED)
    return tuple(out)


def _array(text: str, where: str) -> Iterator[tuple[int, Any]]:
    try:
        yield from enumerate(json_of(text), 1)
    except ValueError as e:
        raise BadFile(f"{where}: begins as an array and is not JSON ({e}).", EXPECTED) from e


def _lines(text: str, where: str) -> Iterator[tuple[int, Any]]:
    for n, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield n, json_of(line)
            except ValueError as e:
                raise BadFile(f"{where}, line {n}: is not JSON ({e}).", EXPECTED) from e


def _said(entry: Any) -> list[_Said]:
    """What is said in an entry, by the form that its key names. Raises ValueError."""
    if not isinstance(entry, dict):
        raise ValueError(f"is no object but {type(entry).__name__}")
    forms = {OPENAI: _openai, SHAREGPT: _sharegpt, ALPACA: _alpaca}
    named = [key for key in forms if entry.get(key) is not None]
    if not named:
        raise ValueError(f"has none of the keys {', '.join(map(repr, forms))}")
    if len(named) > 1:
        raise ValueError(f"has the keys {' and '.join(map(repr, named))}, of which one is read")
    return forms[named[0]](entry)


def _ordered(said: Sequence[_Said], number: int, unit: str) -> Conversation:
    """A conversation of what was said, up to the last answer that is learned. Raises ValueError
    where there is none, or the assistant begins."""
    systems = tuple(m.text for m in said if m.role == SYSTEM)
    kept = [m for m in said if m.role != SYSTEM]
    spoken = [k for k, m in enumerate(kept) if m.role == ASSISTANT]
    if not spoken:
        raise ValueError("has no assistant message")
    if kept[0].role != USER:
        raise ValueError("the assistant speaks before any user message")
    learned = [k for k in spoken if kept[k].learned]
    if not learned:
        raise ValueError("every assistant message has the weight 0")
    messages = tuple({"role": m.role, "content": m.text} for m in kept[: learned[-1] + 1])
    context = frozenset(k for k in spoken if k < learned[-1] and k not in learned)
    return Conversation(number, messages, systems, context, unit)


def _openai(entry: dict[str, Any]) -> list[_Said]:
    out = []
    for k, m in enumerate(_listed(entry, OPENAI), 1):
        role = _role(m, "role", ROLES, k)
        if any(m.get(key) for key in CALLS):
            raise ValueError(f"message {k} calls tools, which are not learned here")
        weight = m.get("weight")
        if role == ASSISTANT and weight not in (None, 0, 1):
            raise ValueError(f"message {k}: its weight is {short(weight)}, expected 0 or 1")
        text = _content(m.get("content"), f"message {k}")
        out.append(_message(role, text, k, learned=weight != 0))
    return out


def _sharegpt(entry: dict[str, Any]) -> list[_Said]:
    out = _system(entry)
    for k, m in enumerate(_listed(entry, SHAREGPT), 1):
        role = _role(m, "from", SPEAKERS, k)
        out.append(_message(role, _text(m.get("value"), f"message {k}: its value"), k))
    return out


def _alpaca(entry: dict[str, Any]) -> list[_Said]:
    asked = _text(entry[ALPACA], "its instruction")
    if entry.get("input") not in (None, ""):
        asked += "\n" + _text(entry["input"], "its input")
    out, history = _system(entry), entry.get("history") or []
    if not isinstance(history, list):
        raise ValueError("its history is no list of pairs")
    for k, pair in enumerate(history, 1):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"history {k} is no pair of a question and an answer")
        question, answer = (_text(x, f"history {k}") for x in pair)
        out += [_Said(USER, question), _answer(answer, f"history {k}: the answer")]
    return [
        *out,
        _Said(USER, asked),
        _answer(_text(entry.get("output"), "its output"), "its output"),
    ]


def _listed(entry: dict[str, Any], key: str) -> list[Any]:
    if not isinstance(entry[key], list) or not entry[key]:
        raise ValueError(f"has no list of messages under the key {key!r}")
    return entry[key]


def _role(message: Any, key: str, known: dict[str, str], k: int) -> str:
    """The role that a message names under `key`, as a chat template calls it."""
    said = message.get(key) if isinstance(message, dict) else None
    if not isinstance(said, str) or said not in known:
        raise ValueError(f"message {k} has the role {short(said)}; known are {', '.join(known)}")
    return known[said]


def _system(entry: dict[str, Any]) -> list[_Said]:
    """The system text that stands beside the messages, where there is one."""
    text = entry.get(SYSTEM)
    return [_Said(SYSTEM, _text(text, "its system"))] if text not in (None, "") else []


def _content(content: Any, what: str) -> str:
    """A text, or the texts of a list of parts, joined."""
    if not isinstance(content, list):
        return _text(content, f"{what}: its content")
    texts = []
    for n, part in enumerate(content, 1):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            said = f"part {n} of its content is of the type {short(kind)}"
            raise ValueError(f"{what}: {said}; text alone is read")
        texts.append(_text(part.get("text"), f"{what}: part {n} of its content"))
    return "".join(texts)


def _message(role: str, text: str, k: int, learned: bool = True) -> _Said:
    if role == ASSISTANT:
        return _answer(text, f"message {k}: the assistant's answer", learned)
    return _Said(role, text)


def _answer(text: str, what: str, learned: bool = True) -> _Said:
    if not text.strip():
        raise ValueError(f"{what} is empty")
    return _Said(ASSISTANT, text, learned)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is not text but {type(value).__name__}")
    return value


def dump_chat(conversations: Iterable[Sequence[dict[str, str]]]) -> str:
    """Chat data as JSON lines, in OpenAI's form."""
    return "".join(json.dumps({OPENAI: list(c)}, ensure_ascii=False) + "\n" for c in conversations)


def drawn(conversations: Sequence[Conversation], limit: int, seed: int) -> list[Conversation]:
    """At most `limit` conversations, drawn without replacement, in file order; 0 takes all."""
    if limit < 0:
        raise BadInput(f"--limit {limit}: expected 0 (all) or a number of conversations.")
    if limit == 0 or limit >= len(conversations):
        return list(conversations)
    chosen = np.random.default_rng([seed, 31]).choice(len(conversations), limit, replace=False)
    return [conversations[i] for i in sorted(chosen)]
