"""Options of more than one word: a name and the folder it lies in, numbers with commas."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from psm_viz.errors import BadInput


def pair(option: str, text: str, left: str = "NAME", right: str = "FOLDER") -> tuple[str, str]:
    """The two sides of NAME=FOLDER. Raises BadInput, naming the option."""
    name, sep, other = text.partition("=")
    if not sep or not name or not other:
        raise BadInput(f"{option} {text!r}: expected {left}={right}.")
    return name, other


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """What NAME=FOLDER said, given several times. Raises BadInput for a name given twice."""
    found = [pair(option, text) for text in texts]
    names = [name for name, _ in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadInput(
            f"{option} {twice[0]}: is named {names.count(twice[0])} times.",
            "Give every branch a name of its own; a folder of checkpoint-* is one branch.",
        )
    return dict(found)


def count(text: str) -> int:
    """A whole number from 1, as argparse wants its types."""
    try:
        n = int(text)
    except ValueError:
        n = 0
    if n < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return n


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them, as argparse wants its types."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers and commas") from None


def rate(text: str) -> tuple[float, float]:
    """READ,DRAW, two speeds, as argparse wants its types."""
    try:
        read, draw = (float(part) for part in text.split(","))
    except ValueError:
        read = draw = 0.0
    if not (0 < read < float("inf") and 0 < draw < float("inf")):
        raise argparse.ArgumentTypeError(f"{text!r}: expected READ,DRAW, such as 20000,4000")
    return read, draw


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def share(text: str) -> tuple[int, int]:
    """I/N, as argparse wants its types."""
    try:
        i, n = text.split("/")
        return int(i), int(n)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected I/N, such as 0/8") from None
