"""A list of questions in one file: as a study keeps them, or as published with the Assistant axis.

A study's own (`questions.jsonl`) says everything of a question. The list published with the
Assistant axis (Lu et al. 2026) says `{"question": str, "id": int}` a line, and is dealt by rule:
neighbours in the file are a pair, a topic of its own; the first of each pair is asked of everybody
and the second measures the noise floor; folds are dealt round the pairs. The last of an odd number
is left out.
"""

from __future__ import annotations

from pathlib import Path
from reprlib import repr as short
from typing import Any

from psm_viz.errors import BadFile, BadInput
from psm_viz.study.cast import Question, parse_questions
from psm_viz.study.files import json_of
from psm_viz.study.formats.question_banks import as_questions

EXPECTED = 'Expected {"question": ..., "id": ...} on every line.'


def load_questions(path: Path) -> tuple[Question, ...]:
    """Read a list of questions; which of the two forms it has, its first line says.

    Raises BadFile naming the line, BadInput for a published list of fewer than two questions.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadFile(f"{path}: cannot be read ({e}).", "Name an existing questions.jsonl.") from e
    lines = [(n, line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if not lines or not _is_published(lines[0][1]):
        return parse_questions(data, str(path))
    if len(lines) < 2:
        raise BadInput(f"{path}: holds one question; at least two are needed.", EXPECTED)
    paired = lines[: len(lines) // 2 * 2]
    listed = [_question(line, k, f"{path}, line {n}") for k, (n, line) in enumerate(paired)]
    return as_questions(listed)


def _is_published(line: bytes) -> bool:
    try:
        found = json_of(line)
    except ValueError:
        return False
    return isinstance(found, dict) and "question" in found and "text" not in found


def _question(line: bytes, place: int, where: str) -> Question:
    """One line of a published list; its topic is its pair, its fold and set are not dealt yet."""
    try:
        found: Any = json_of(line)
        name, text = found["id"], found["question"]
        if not isinstance(name, str | int) or not isinstance(text, str):
            raise TypeError(f"id is {short(name)}, question {short(text)}")
    except (ValueError, KeyError, TypeError) as e:
        raise BadFile(f"{where}: cannot be read ({e}).", EXPECTED) from e
    return Question(str(name), text, f"pair {place // 2 + 1}", 0)
