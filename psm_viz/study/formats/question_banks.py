"""A folder of questions with answers written for them: conduct measured without a judge.

One JSON file a topic: `{"topic": str, "questions": [{"id", "text", "good": [str, ...], "bad": [str,
...]}, ...]}`. What a model would do is read from how likely it finds the good and the bad answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.cast import Question
from psm_viz.study.files import json_of
from psm_viz.study.manifest import AGAIN, MAIN

FOLDS = 4
"""Into how many folds questions are dealt: what the statistics of drift need."""
EXPECTED = 'Expected {"topic": ..., "questions": [{"id", "text", "good": [...], "bad": [...]}]}.'


@dataclass(frozen=True)
class Asked:
    """A question and what a good and a bad character may answer to it."""

    id: str
    topic: str
    text: str
    good: tuple[str, ...]
    bad: tuple[str, ...]


def read_bank(folder: Path) -> tuple[Asked, ...]:
    """All questions of a folder, topic by topic. Raises UnknownName, BadFile naming file and entry,
    BadInput for a folder without questions."""
    if not folder.is_dir():
        raise UnknownName(f"There is no folder {folder}.", "Name a folder of questions.")
    out: list[Asked] = []
    for path in sorted(folder.glob("*.json")):
        try:
            data = json_of(path.read_bytes())
            topic, listed = str(data["topic"]), list(data["questions"])
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise BadFile(f"{path}: cannot be read ({e}).", EXPECTED) from e
        out += [_asked(path, n, topic, entry) for n, entry in enumerate(listed)]
    if not out:
        raise BadInput(f"{folder}: holds no question.", EXPECTED)
    if twice := sorted(i for i, n in Counter(a.id for a in out).items() if n > 1):
        raise BadFile(f"{folder}: these question ids occur twice: {', '.join(twice)}.")
    return tuple(out)


def dump_bank(bank: tuple[Asked, ...]) -> list[dict[str, Any]]:
    """A bank as a study keeps it: one object a question."""
    return [asdict(a) for a in bank]


def parse_bank(data: bytes, where: str) -> tuple[Asked, ...]:
    """A bank from its form in a study. Raises BadFile naming the entry."""
    try:
        listed = list(json_of(data))
        topics = [str(entry["topic"]) for entry in listed]
    except (ValueError, KeyError, TypeError) as e:
        raise BadFile(f"{where}: cannot be read ({e}).", EXPECTED) from e
    each = enumerate(zip(topics, listed, strict=True))
    return tuple(_asked(Path(where), n, topic, entry) for n, (topic, entry) in each)


def _asked(path: Path, n: int, topic: str, entry: Any) -> Asked:
    try:
        good, bad = entry["good"], entry["bad"]
        lists = [good, bad]
        if not all(isinstance(x, list) and x for x in lists):
            raise TypeError("good and bad are lists of answers")
        texts = [entry["id"], entry["text"], *good, *bad]
        if not all(isinstance(t, str) and t.strip() for t in texts):
            raise TypeError("an empty text")
    except (KeyError, TypeError) as e:
        raise BadFile(f"{path}: questions[{n}]: {e}.", EXPECTED) from e
    return Asked(entry["id"], topic, entry["text"], tuple(good), tuple(bad))


def as_questions(bank: Sequence[Asked] | Sequence[Question]) -> tuple[Question, ...]:
    """A bank as a study's questions: the first half of each topic is asked of everybody, the other
    half measures the noise floor. Folds are dealt round: each has questions of many topics.

    Raises BadInput where a topic has one question alone.
    """
    topics: dict[str, list[Asked | Question]] = {}
    for a in bank:
        topics.setdefault(a.topic, []).append(a)
    half = min(len(own) for own in topics.values()) // 2
    if half < 1:
        raise BadInput("Every topic needs at least two questions: one to ask, one for the floor.")
    out = []
    for name, start in ((MAIN, 0), (AGAIN, half)):
        asked = [own[start + k] for k in range(half) for own in topics.values()]
        out += [Question(a.id, a.text, a.topic, n % FOLDS, name) for n, a in enumerate(asked)]
    return tuple(out)
