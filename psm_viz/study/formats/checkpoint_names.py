"""What somebody calls a checkpoint made elsewhere, and the place in a study's tree that it gets.

Every checkpoint of a study is `<branch>-<step>`: its id, and its folder on disk. A name that ends
in a number of its own says both (`tuned-1` is step 1 of `tuned`). Any other name is a branch
(`llama-3.1-8b`), and the checkpoint becomes its next step: 0 in a new study, else one beyond the
branch's last, from 1. A branch and a step that are named apart are taken as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from psm_viz.errors import BadInput
from psm_viz.study.manifest import Manifest

OWN = {"reference": "the model they all start from", "again": "the noise floor"}
"""Branches that a study has by itself."""
LONGEST = 60
"""Characters of a branch's name: in UTF-8 and with a step still what a folder's name may have."""
DIGITS = 9
"""Of a step; what is longer is part of a name."""


def tree_place(
    checkpoint: str | None, branch: str | None, step: int | None, study: Manifest | None
) -> tuple[str, int] | None:
    """(branch, step) of a checkpoint as it was named, in a study or, with None, in a new one; None
    where nothing names it.

    Raises BadInput for a name of which no letter or digit is left, for one too long, for a step
    below 0, for words that contradict each other, and for a branch that differs from one of the
    study in upper and lower case alone: some systems would keep both in one folder.
    """
    if checkpoint is not None:
        name, number = _read(checkpoint)
        other = branch is not None and branch_name(branch) != name
        if other or (number is not None and step not in (None, number)):
            place = f"branch {name}" if number is None else f"step {number} of branch {name}"
            raise BadInput(
                f"--checkpoint {checkpoint!r} is {place}; --branch or --step says otherwise.",
                "Say --checkpoint alone, or --branch and --step.",
            )
        number = step if number is None else number
    elif branch is not None:
        name, number = branch_name(branch), step
    else:
        return None
    if number is not None and not 0 <= number < 10**DIGITS:
        raise BadInput(
            f"--step {number}: expected a number of optimizer steps, from 0.",
            "For instance: --step 100",
        )
    if study is None:
        return name, number or 0
    _check_case(name, study)
    taken = [c.step for c in study.checkpoints if c.branch == name]
    return name, max(taken, default=0) + 1 if number is None else number


def _read(checkpoint: str) -> tuple[str, int | None]:
    """The branch of a name, and its step where it ends in one."""
    branch, _, step = checkpoint.rpartition("-")
    if step.isascii() and step.isdecimal() and len(step) <= DIGITS and _plain(branch):
        return branch_name(branch), int(step)
    return branch_name(checkpoint), None


def branch_name(text: str) -> str:
    """A name that can be a folder's: letters, digits, `.`, `_` and `-`, others written as `_`.

    Raises BadInput for one of which nothing is left, or that is too long.
    """
    name = _plain(text)
    if not name or len(name) > LONGEST:
        said = f"has {len(name)} characters" if name else "has no letter or digit"
        raise BadInput(
            f"{text[:LONGEST]!r}: {said}; a checkpoint's name has 1 to {LONGEST}.",
            "For instance: tuned-0001",
        )
    return name


def check_branch(name: str, taken: Iterable[str] = ()) -> str:
    """Return what somebody calls a branch, if it can be a folder's as it stands: it is said again
    in other options, so nothing is written in another way in silence.

    Raises BadInput, also for the names that a study gives itself and for one that differs from one
    of those `taken` in upper and lower case alone.
    """
    if name in OWN:
        raise BadInput(f"A branch is called {name!r}, as {OWN[name]} is.", "Give it another name.")
    if (plain := branch_name(name)) != name:
        raise BadInput(
            f"A branch is called {name!r}, which cannot name a folder.", f"Call it {plain!r}."
        )
    if other := _other_case(name, taken):
        raise BadInput(
            f"Branches {name!r} and {other!r} differ in upper and lower case alone: some "
            "systems keep both in one folder.",
            "Give one of them another name.",
        )
    return name


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return re.sub(r"[^\w.-]+", "_", composed).strip("._-")


def _check_case(name: str, study: Manifest) -> None:
    if known := _other_case(name, (c.branch for c in study.checkpoints)):
        raise BadInput(
            f"{name}: differs from the study's branch {known} in upper and lower case alone.",
            f"Say {known} for that branch, or choose another name.",
        )


def _other_case(name: str, taken: Iterable[str]) -> str | None:
    """The first of the names taken that differs from this one in upper and lower case alone."""
    others = sorted(set(taken) - {name})
    return next((o for o in others if o.casefold() == name.casefold()), None)
