"""How far a long step is, how fast it goes and how long it still takes, told while it goes."""

from __future__ import annotations

import time
from collections.abc import Callable

from psm_viz.processes import time_left

EVERY = 20.0
"""Seconds between two lines at least."""
Say = Callable[[str], None]
"""Takes a line of progress."""
Tick = Callable[[float, int], None]
"""Called with what was done since the last call, in parts of the whole, and with the tokens that
were read or drawn for it."""


def quiet(text: str) -> None:
    """A `Say` that says nothing."""


def named(say: Say, name: str) -> Say:
    """A `Say` whose lines begin with a name."""
    return lambda text: say(f"{name}: {text}")


def silent(done: float | int, tokens: int) -> None:
    """A tick that says nothing."""


def part(tick: Tick, items: int, whole: float) -> Tick:
    """A tick that counts so many items as so much of what `tick` counts."""
    return lambda done, tokens: tick(done / max(1, items) * whole, tokens)


class Pace:
    """A tick that says now and then how far `what` is, such as "drawing: 12 of 40 prompts, 310
    tokens/s, 3.5 minutes left".

    `every`: seconds between two lines at least; `last`: say so too when all is done.
    """

    def __init__(
        self,
        say: Say,
        what: str,
        total: int,
        unit: str,
        *,
        every: float = EVERY,
        last: bool = False,
    ) -> None:
        self._say, self._what, self._total, self._unit = say, what, total, unit
        self._every, self._last = every, last
        self._began = self._said = time.monotonic()
        self._done, self._tokens = 0.0, 0

    def __call__(self, done: float | int, tokens: int) -> None:
        """Count what was done, and say so where it is time to."""
        self._done += done
        self._tokens += tokens
        now = time.monotonic()
        ended = self._done >= self._total - 1e-6
        if self._done <= 0 or (now - self._said < self._every and not (ended and self._last)):
            return
        self._said, took = now, max(now - self._began, 1e-9)
        rate = f", {self._tokens / took:,.0f} tokens/s" if self._tokens else ""
        left = time_left(took / self._done * max(0.0, self._total - self._done))
        n = f"{self._done:,.0f} of {self._total:,.0f} {self._unit}"
        self._say(f"{self._what}: {n}{rate}, {left}")
