"""Stories for a room: what is said and shown of a study, step by step, as YAML (`data/stories/`).

This module knows the form of a file (keys: docs/formats.md), each part with its line. Whether the
study has what a story shows, and what its numbers are, is seen to in `charts/story.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from psm_viz.errors import BadFile
from psm_viz.study.stories import (
    BEFORE,
    NEEDED,
    SECONDS,
    TALK_MAP,
    VIEWS,
    WORDS,
    Expect,
    Option,
    Place,
    Step,
    Story,
    View,
    place_of,
)

STORY_KEYS = ("title", "about", "study", "seconds", "steps")
STEP_KEYS = ("title", "text", "notes", "seconds", "expect", "view")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""A study is named, never a path."""
MOST_BYTES = 1_000_000
MOST = 1e6
"""Numbers are smaller than this."""
OPTIONS = (2, 4)
"""Fewest and most answers to choose among."""
KEYS_AT = "The keys of a story are listed in docs/formats.md, under 'Stories'."


def read_story(path: Path) -> Story:
    """Read a story. Raises BadFile naming the line."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadFile(f"{path}: is no story: it has more than {MOST_BYTES:,} bytes.")
        text = path.read_bytes().decode("utf-8")
    except OSError as e:
        raise BadFile(
            f"{path}: cannot be read ({e.strerror}).", "Name a story of data/stories/: --file FILE"
        ) from e
    except UnicodeDecodeError as e:
        raise BadFile(f"{path}: is not UTF-8 text (byte {e.start}).", "Save it as UTF-8.") from e
    return parse_story(text, str(path))


def parse_story(text: str, where: str) -> Story:
    """A story from its text. Raises BadFile naming `where` and the line."""
    top = _Map(_composed(text, where), where)
    top.known(STORY_KEYS)
    top.needs(("title", "steps"))
    if not NAME.fullmatch(top.text("study") or "study"):
        raise top.bad(top.at("study"), "'study' is to be the name of a folder inside data/")
    seconds = top.number("seconds", SECONDS)
    return Story(
        top.text("title"),
        tuple(_step(_Map(n, where, "a step"), seconds) for n in top.each("steps")),
        where,
        top.text("about"),
        top.text("study") or "study",
    )


def _composed(text: str, where: str) -> Any:
    """The tree of a YAML text, in which every part knows its line."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        words = " ".join(w for w in (e.context, e.problem) if w)
        raise BadFile(f"{where}{line}: is no YAML ({words}).", "Mend that line.") from e
    except yaml.reader.ReaderError as e:
        line = text.count("\n", 0, e.position) + 1
        raise BadFile(f"{where}, line {line}: holds a character that YAML forbids.") from e
    except (RecursionError, yaml.YAMLError) as e:
        raise BadFile(f"{where}: is no YAML that can be read ({type(e).__name__}).") from e


class _Map:
    """A mapping of the file: its keys, and where each stands."""

    def __init__(self, node: Any, where: str, what: str = "a story") -> None:
        self.where = where
        self.what = what
        self.line = node.start_mark.line + 1 if node is not None else 1
        if not isinstance(node, yaml.MappingNode):
            raise self.bad(self.line, f"expected {what} as `key: value` lines")
        self.parts: dict[str, Any] = {}
        for key, value in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self.bad(at, "expected a word as key")
            if key.value in self.parts:
                raise self.bad(at, f"{key.value!r} is said twice")
            self.parts[key.value] = value

    def bad(self, line: int, problem: str, next_step: str = KEYS_AT) -> BadFile:
        """An error at a line of the file."""
        return BadFile(f"{self.where}, line {line}: {problem}.", next_step)

    def at(self, key: str) -> int:
        """The line of a key's value."""
        return self.parts[key].start_mark.line + 1

    def known(self, keys: Sequence[str], of: str = "") -> None:
        """Raise BadFile for a key that is not among `keys`."""
        for key in self.parts:
            if key not in keys:
                raise self.bad(
                    self.at(key),
                    f"{of or self.what} has no key {key!r}",
                    f"It may have: {', '.join(keys)}.",
                )

    def needs(self, keys: Sequence[str], of: str = "") -> None:
        """Raise BadFile for a key that is missing or empty."""
        for key in keys:
            node = self.parts.get(key)
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value.strip()):
                raise self.bad(self.line, f"{of or self.what} needs {key!r}")

    def text(self, key: str) -> str:
        """The text of a key, '' without it."""
        node = self.parts.get(key)
        return self._scalar(node, key).strip() if node is not None else ""

    def _scalar(self, node: Any, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            line = node.start_mark.line + 1
            raise self.bad(line, f"{key!r} is to be a text, in quotes where it holds a colon")
        return str(node.value)

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of them, () without the key."""
        node = self.parts.get(key)
        if node is None:
            return ()
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return tuple(self._scalar(n, key).strip() for n in items)

    def number(self, key: str, default: float, least: float = 0.0) -> float:
        """A number above `least`."""
        text = self.text(key)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least < value < MOST:
            above = " above zero" if least == 0 else ""
            raise self.bad(self.at(key), f"{key!r} is {text!r}, not a number{above}")
        return value

    def whole(self, key: str) -> int | None:
        """A whole number from 0, None without the key."""
        text = self.text(key)
        if not text:
            return None
        if not text.isdecimal():
            raise self.bad(self.at(key), f"{key!r} is {text!r}, not a whole number")
        return int(text)

    def each(self, key: str) -> list[Any]:
        """The entries of a list that has at least one."""
        node = self.parts[key]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.bad(self.at(key), f"{key!r} is to be a list, each entry after a `-`")
        return node.value


def _step(m: _Map, seconds: float) -> Step:
    m.needs(("title",))
    kind = m.text("view") or WORDS
    if kind not in VIEWS:
        raise m.bad(
            m.at("view"), f"there is no view {kind!r}", f"Choose one of: {', '.join(VIEWS)}."
        )
    own = f"a step with the view {kind!r}"
    m.known((*STEP_KEYS, *VIEWS[kind]), own)
    m.needs(NEEDED.get(kind, ()), own)
    view = View(
        kind,
        tuple(_place(m, text) for text in m.texts("at")),
        m.texts("branches"),
        m.whole("step"),
        m.text("question"),
        m.whole("talk"),
    )
    if kind == TALK_MAP and len(view.at) != 1:
        raise m.bad(m.at("at"), "a map shows one place", "Give each place a step of its own.")
    expect = _expect(_Map(m.parts["expect"], m.where, "`expect`")) if "expect" in m.parts else None
    return Step(
        m.text("title"),
        m.line,
        m.text("text"),
        m.text("notes"),
        view,
        expect,
        m.number("seconds", seconds),
    )


def _place(m: _Map, text: str) -> Place:
    found = place_of(text)
    if found is None:
        raise m.bad(
            m.at("at"),
            f"{text!r} is no place",
            f"Write `{BEFORE}`, or a branch and its step: `cheat 64`.",
        )
    return found


def _expect(m: _Map) -> Expect:
    m.known(("ask", "of", "options"))
    m.needs(("ask", "options"))
    options = [_option(n, m) for n in m.each("options")]
    if not OPTIONS[0] <= len(options) <= OPTIONS[1]:
        raise m.bad(
            m.at("options"), f"has {len(options)} options, expected {OPTIONS[0]} to {OPTIONS[1]}"
        )
    if m.text("of"):
        ends = [o.upto for o in options[:-1]]
        rising = all(e is not None for e in ends) and ends == sorted(set(ends))  # type: ignore[type-var]
        if not rising or options[-1].upto is not None:
            raise m.bad(
                m.at("options"),
                "each option but the last is to say `upto` where it is right, rising",
                "Write: - {say: Under a tenth, upto: 0.1}",
            )
    return Expect(m.text("ask"), tuple(options), m.text("of"))


def _option(node: Any, outer: _Map) -> Option:
    if isinstance(node, yaml.ScalarNode):
        return Option(node.value.strip())
    m = _Map(node, outer.where, "an option")
    m.known(("say", "upto"))
    m.needs(("say",))
    return Option(m.text("say"), m.number("upto", 0.0, -MOST) if "upto" in m.parts else None)


def story_files(folder: Path) -> Mapping[str, Path]:
    """The stories of a folder by the stem of their file, in order."""
    return {p.stem: p for p in sorted(folder.glob("*.yaml"))}
