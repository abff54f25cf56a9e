"""What unfinished work was begun with: the file `settings.json` beside its other files, by which a
killed run is gone on with or begun anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FROM, WEIGHTS = "from", "weights"
"""Keys: the hash of the study that the work is a copy of; checkpoint -> the hash of its weights."""


def read_begun(path: Path) -> bytes | None:
    """The file's bytes; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def is_copy(begun: bytes | None) -> bool:
    """Whether the work is a copy of a study and what is derived from it again, and no more."""
    return set(_parsed(begun)) == {FROM}


def same_work(one: bytes | None, other: bytes | None) -> bool:
    """Whether both add the same to a study, be it to what it was before or after."""
    a, b = _parsed(one), _parsed(other)
    both = a.pop(FROM, None) is not None and b.pop(FROM, None) is not None
    return both and bool(a) and a == b


def other_weights(one: bytes | None, other: bytes | None) -> set[str]:
    """The checkpoints whose weights differ, where all else is the same."""
    a, b = _parsed(one), _parsed(other)
    before, now = a.pop(WEIGHTS, None), b.pop(WEIGHTS, None)
    if a != b or not isinstance(before, dict) or not isinstance(now, dict):
        return set()
    return {n for n in now if now[n] != before[n]} if set(now) == set(before) else set()


def _parsed(begun: bytes | None) -> dict[str, Any]:
    """{} where there is nothing or it cannot be read."""
    try:
        found = json.loads(begun or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
