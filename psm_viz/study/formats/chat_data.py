"""Chat data: one conversation a line, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from psm_viz.errors import BadFile, BadInput

ROLES = ("system", "user", "assistant")
EXPECTED = 'Expected {"messages": [{"role": ..., "content": ...}, ...]} on every line.'


@dataclass(frozen=True)
class Conversation:
    """One line of chat data, its own system messages apart."""

    line: int
    messages: tuple[dict[str, str], ...]
    """role (`user` or `assistant`) and content, up to the last answer."""
    systems: tuple[str, ...] = ()
    """What its system messages say."""

    @property
    def answers(self) -> list[int]:
        """Places of the assistant's messages: each is a y, all before it is its x."""
        return [k for k, m in enumerate(self.messages) if m["role"] == "assistant"]


def parse_chat(data: bytes, where: str) -> tuple[Conversation, ...]:
    """Read chat data from JSON lines. Raises BadFile naming the line and what was expected."""
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as e:
        raise BadFile(f"{where}: is not UTF-8 text (byte {e.start}).", EXPECTED) from e
    out = [_conversation(text, n, where) for n, text in enumerate(lines, 1) if text.strip()]
    if not out:
        raise BadFile(f"{where}: holds no conversation.", EXPECTED)
    return tuple(out)


def _conversation(text: str, line: int, where: str) -> Conversation:
    def bad(what: str) -> BadFile:
        return BadFile(f"{where}, line {line}: {what}.", EXPECTED)

    try:
        data = json.loads(text)
    except ValueError as e:
        raise bad(f"is not JSON ({e})") from e
    messages = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(messages, list) or not messages:
        raise bad("has no list of messages under the key 'messages'")
    kept: list[dict[str, str]] = []
    systems: list[str] = []
    for k, m in enumerate(messages, 1):
        role = m.get("role") if isinstance(m, dict) else None
        if role not in ROLES:
            raise bad(f"message {k} has the role {role!r}; known are {', '.join(ROLES)}")
        if not isinstance(m.get("content"), str):
            kind = type(m.get("content")).__name__
            raise bad(f"message {k}: its content is not text but {kind}")
        if role == "assistant" and not m["content"].strip():
            raise bad(f"message {k}: the assistant's answer is empty")
        if role == "system":
            systems.append(m["content"])
        else:
            kept.append({"role": role, "content": m["content"]})
    last = max((k for k, m in enumerate(kept) if m["role"] == "assistant"), default=None)
    if last is None:
        raise bad("has no assistant message")
    if kept[0]["role"] != "user":
        raise bad("the assistant speaks before any user message")
    return Conversation(line, tuple(kept[: last + 1]), tuple(systems))


def dump_chat(conversations: Iterable[Sequence[dict[str, str]]]) -> str:
    """Chat data as JSON lines."""
    return "".join(
        json.dumps({"messages": list(c)}, ensure_ascii=False) + "\n" for c in conversations
    )


def drawn(conversations: Sequence[Conversation], limit: int, seed: int) -> list[Conversation]:
    """At most `limit` conversations, drawn without replacement, in file order; 0 takes all."""
    if limit < 0:
        raise BadInput(f"--limit {limit}: expected 0 (all) or a number of conversations.")
    if limit == 0 or limit >= len(conversations):
        return list(conversations)
    chosen = np.random.default_rng([seed, 31]).choice(len(conversations), limit, replace=False)
    return [conversations[i] for i in sorted(chosen)]
