"""Options that name something and the folder it lies in."""

from __future__ import annotations

from psm_viz.errors import BadInput


def pair(option: str, text: str, what: str = "NAME") -> tuple[str, str]:
    """The two sides of NAME=FOLDER. Raises BadInput, naming the option."""
    name, sep, folder = text.partition("=")
    if not sep or not name or not folder:
        raise BadInput(f"{option} {text!r}: expected {what}=FOLDER.")
    return name, folder
