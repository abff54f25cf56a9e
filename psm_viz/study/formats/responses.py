"""Answers made elsewhere, by an API or another engine: read, to be looked into.

Two forms, told apart line by line, each a JSON object a line:

- as published with the Assistant axis (Lu et al. 2026), one file a role, its stem the role
  (`default`: the Assistant, who is not the role called assistant): `system_prompt`,
  `prompt_index`, `question_index`, `question`, `label`, `conversation`: [{"role", "content"}].
  Scores may lie beside, in `scores/<role>.json`:
  `{"{label}_p{prompt_index}_q{question_index}": 0..3}`, 3 being fully in role.
- ours: {"persona": id, "question": id, "text": answer} with `instruction`, the number of the
  persona's instruction (0 unless said).

A line of either form may name its `checkpoint`; without one it is the reference's. Answers under a
trait's opposite (label `neg`), empty ones and those scored too low are left out and counted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.formats.role_vectors import DEFAULT, ROLE_CALLED_ASSISTANT

FOLDER, SCORES = "responses", "scores"
"""Folders beside each other, as they are published."""
OPPOSITE, IN_ROLE = "neg", 3
"""The label of answers under a trait's opposite; the highest score."""
LARGEST = 4 * 2**30
"""Bytes of one file at most."""
EXPECTED = (
    'Expected {"persona", "question", "text"} or {"system_prompt", "prompt_index", '
    '"question_index", "question", "label", "conversation"} on every line.'
)


@dataclass(frozen=True)
class Response:
    """An answer, and to what it was given."""

    persona: str
    """Id of the persona or stem of its file; `assistant` for the Assistant."""
    question: str
    """The question's id; its text where `told` is not None."""
    text: str
    instruction: int = 0
    """Which instruction the persona had, by its number."""
    place: int = 0
    """The question's number in a published list."""
    told: str | None = None
    """The instruction itself, where the file says it."""
    checkpoint: str | None = None
    """Who answered; None: the reference."""


@dataclass(frozen=True)
class Responses:
    """All answers of a file or folder that are not left out."""

    answers: tuple[Response, ...]
    name: str
    sha256: str
    """Of all files that were read, scores included."""
    left_out: Mapping[str, int]
    """Why answers were left out, in words -> how many."""

    @property
    def says_all(self) -> bool:
        """Whether every answer says its instruction and its question itself."""
        return all(a.told is not None for a in self.answers)


def read_responses(path: Path, min_score: int | None = None) -> Responses:
    """Read a file of answers, or a folder of them (or one that holds them in `responses/`).

    With `min_score`, answers scored below it are left out, as are those of roles that have no
    score; the Assistant's are not scored, and stay. Raises UnknownName where there is nothing,
    BadFile naming file and line, BadInput for a place without answers, for a score that there is
    not, and where scores are wanted and there are none.
    """
    if min_score is not None and not 0 <= min_score <= IN_ROLE:
        raise BadInput(f"--min-score {min_score}: scores go from 0 to {IN_ROLE}.")
    files = _files(path)
    counts: Counter[str] = Counter()
    hashes: list[str] = []
    found: list[Response] = []
    scored = False
    for file in files:
        data = _bytes(file, hashes)
        scores = _scores(file, hashes) if min_score is not None else {}
        scored = scored or bool(scores)
        for line, row in _rows(data, file):
            one = _published(row, file, line) if "conversation" in row else _ours(row, file, line)
            why = _why_not(one, row, scores, min_score)
            counts.update([why] if why else [])
            if not why:
                found.append(one)
    if min_score is not None and not scored:
        raise BadInput(
            f"--min-score {min_score}: {path} has no scores beside it.",
            f"Put them into {SCORES}/ROLE.json beside the answers, or leave --min-score out.",
        )
    if not found:
        raise BadInput(f"{path}: holds no answer that could be used{_why(counts)}.", EXPECTED)
    return Responses(tuple(found), path.name, _sha256("\n".join(hashes).encode()), dict(counts))


def _why(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{n:,} {why}' for why, n in counts.items())})" if counts else ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _files(path: Path) -> list[Path]:
    """The files of answers of a place, in the order of their names."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UnknownName(f"There is no file or folder {path}.", "Name one that holds answers.")
    inner = path / FOLDER if (path / FOLDER).is_dir() else path
    found = sorted(p for p in inner.glob("*.jsonl") if p.is_file() and p.name[:1] != ".")
    if not found:
        raise BadInput(f"{inner}: holds no answers (*.jsonl).", EXPECTED)
    return found


def _bytes(file: Path, hashes: list[str]) -> bytes:
    """A file's bytes; its hash is added to `hashes`."""
    try:
        if file.stat().st_size > LARGEST:
            raise BadFile(f"{file}: is larger than {LARGEST // 2**30} GiB.", "Split it.")
        data = file.read_bytes()
    except OSError as e:
        raise BadFile(f"{file}: cannot be read ({e}).", EXPECTED) from e
    hashes.append(f"{file.name} {_sha256(data)}")
    return data


def _rows(data: bytes, file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with the numbers of their lines."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as e:
            raise BadFile(f"{file}, line {number}: is not JSON ({e}).", EXPECTED) from e
        if not isinstance(row, dict):
            kind = type(row).__name__
            raise BadFile(f"{file}, line {number}: expected an object, found {kind}.", EXPECTED)
        yield number, row


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    """A text of a row, which UTF-8 can hold. Raises BadFile."""
    value = row.get(key)
    if not isinstance(value, str):
        raise BadFile(f"{where}: {key} is no text.", EXPECTED)
    try:
        value.encode()
    except UnicodeEncodeError as e:
        raise BadFile(f"{where}: {key} holds half a character.", EXPECTED) from e
    return value


def _number(row: Mapping[str, Any], key: str, where: str) -> int:
    """A number from 0 of a row, 0 where it has none. Raises BadFile."""
    value = row.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadFile(f"{where}: {key} is no whole number from 0.", EXPECTED)
    return value


def _checkpoint(row: Mapping[str, Any], where: str) -> str | None:
    return None if row.get("checkpoint") is None else _text(row, "checkpoint", where)


def _ours(row: Mapping[str, Any], file: Path, line: int) -> Response:
    where = f"{file}, line {line}"
    asked = row.get("question")
    if isinstance(asked, int) and not isinstance(asked, bool):
        row = {**row, "question": str(asked)}
    return Response(
        persona=_text(row, "persona", where),
        question=_text(row, "question", where),
        text=_text(row, "text", where),
        instruction=_number(row, "instruction", where),
        checkpoint=_checkpoint(row, where),
    )


def _published(row: Mapping[str, Any], file: Path, line: int) -> Response:
    where = f"{file}, line {line}"
    said = row["conversation"]
    if not isinstance(said, list) or not all(isinstance(m, dict) for m in said):
        raise BadFile(f"{where}: conversation is no list of messages.", EXPECTED)
    answers = [m for m in said if m.get("role") == "assistant"]
    if not answers:
        raise BadFile(f"{where}: the conversation holds no answer of the assistant.", EXPECTED)
    told = row.get("system_prompt")
    return Response(
        persona={DEFAULT: ASSISTANT, ASSISTANT: ROLE_CALLED_ASSISTANT}.get(file.stem, file.stem),
        question=_text(row, "question", where),
        text=_text(answers[0], "content", where),
        instruction=_number(row, "prompt_index", where),
        place=_number(row, "question_index", where),
        told="" if told is None else _text(row, "system_prompt", where),
        checkpoint=_checkpoint(row, where),
    )


def _scores(file: Path, hashes: list[str]) -> dict[str, int]:
    """The scores of a role's answers, {} where there are none. Raises BadFile."""
    places = [file.parent.parent / SCORES, file.parent / SCORES]
    found = [p / f"{file.stem}.json" for p in places if (p / f"{file.stem}.json").is_file()]
    if not found:
        return {}
    data = _bytes(found[0], hashes)
    expected = f'Expected {{"pos_p0_q0": 0 to {IN_ROLE}, ...}}.'
    try:
        scores = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise BadFile(f"{found[0]}: cannot be read as JSON ({e}).", expected) from e
    if not isinstance(scores, dict):
        raise BadFile(f"{found[0]}: is no object.", expected)
    for key, value in scores.items():
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= IN_ROLE
        if not fits:
            raise BadFile(f"{found[0]}: the score of {key!r} is no number of these.", expected)
    return scores


def _why_not(
    one: Response, row: Mapping[str, Any], scores: Mapping[str, int], min_score: int | None
) -> str | None:
    """Why an answer is left out; None where it is not."""
    label = row.get("label")
    if one.told is not None and label == OPPOSITE:
        return "under a trait's opposite (label neg)"
    if not one.text.strip():
        return "empty"
    if min_score is None or one.persona == ASSISTANT:
        return None
    score = scores.get(f"{label}_p{one.instruction}_q{one.place}")
    if score is None:
        return "without a score"
    return f"scored below {min_score}" if score < min_score else None
