"""The few kinds of error a user can meet. Each says what is wrong and what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class PsmVizError(Exception):
    """Base of every error that is shown to a user as one message, never as a traceback.

    `problem` names the file or value and what was expected; `next_step` is a command or an
    action to try.
    """

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(f"{problem} {next_step}".strip())
        self.problem = problem
        self.next_step = next_step

    def __reduce__(self) -> tuple:
        """Both parts arrive apart where a process sends an error to another."""
        return type(self), (self.problem, self.next_step)


class UnknownName(PsmVizError):
    """A study, persona, layer, branch or checkpoint that does not exist."""


class BadFile(PsmVizError):
    """A file that is missing, truncated, altered or not of the expected shape."""


class NewerSchema(PsmVizError):
    """A study written by a newer version of the program."""


class BadInput(PsmVizError):
    """A value that cannot be used: too few questions, not a number, out of range."""


class NotWritten(PsmVizError):
    """A file that cannot be written: no room, no right to, a limit on its size."""


class NotFinite(PsmVizError):
    """What a model computes is no number (NaN), or too large for its precision.

    `row`: for which of the prompts it was asked.
    """

    def __init__(self, problem: str, next_step: str = "", row: int = 0) -> None:
        super().__init__(problem, next_step)
        self.row = row

    def __reduce__(self) -> tuple:
        """The row goes along."""
        return type(self), (self.problem, self.next_step, self.row)


def first_few(names: Iterable[str], most: int = 8) -> str:
    """Names in a row, the first few of many."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
