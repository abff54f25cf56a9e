"""What a verb says while it works."""

from __future__ import annotations

import time


def say(text: str) -> None:
    """One line of progress, seen at once."""
    print(text, flush=True)


def quiet(text: str) -> None:
    """Nothing: what is printed is for a machine."""


def minutes_since(began: float) -> str:
    """The time since a monotonic moment, in words."""
    return f"{(time.monotonic() - began) / 60:.1f} minutes"
