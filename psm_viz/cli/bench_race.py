"""Ways of doing one thing timed against each other: in turn, in several rounds, so that what else a
machine does meets all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """One way. `work` does a round's share, by the round's number, and returns how much that was in
    tokens; `cost`: about how long it takes, in any unit that all sides share."""

    name: str
    work: Callable[[int], int]
    cost: float


@dataclass(frozen=True)
class Timed:
    """Seconds a token that a round took: by the clock, and of all processors together."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Ratio:
    """How many times the one takes of what the other takes: the median of the rounds, the lowest
    and the highest, and the median in processor time, which other work on the machine hardly
    changes. `goal`: what it should be, at least (`more`) or at most."""

    name: str
    median: float
    low: float
    high: float
    processor: float
    goal: float
    more: bool

    @property
    def met(self) -> bool:
        """Whether the goal is met, by the clock."""
        return self.median >= self.goal if self.more else self.median <= self.goal

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"met": self.met}


def race(
    sides: Sequence[Side], rounds: int, tick: Callable[[float, int], None]
) -> dict[str, list[Timed]]:
    """Every side's rounds. The side that begins changes from round to round; `tick` gets costs."""
    out: dict[str, list[Timed]] = {side.name: [] for side in sides}
    for n in range(rounds):
        first = n % len(sides)
        for side in [*sides[first:], *sides[:first]]:
            clock, processor = time.perf_counter(), time.process_time()
            done = max(1, side.work(n))
            clock, processor = time.perf_counter() - clock, time.process_time() - processor
            out[side.name].append(Timed(clock / done, processor / done))
            tick(side.cost, 0)
    return out


def ratio(
    name: str,
    timed: Mapping[str, Sequence[Timed]],
    sides: tuple[str, str],
    goal: float,
    *,
    more: bool = True,
) -> Ratio:
    """What the first of two sides takes over what the second takes."""
    pairs = list(zip(timed[sides[0]], timed[sides[1]], strict=True))
    clock = [a.clock / b.clock for a, b in pairs]
    processor = statistics.median(a.processor / max(b.processor, 1e-9) for a, b in pairs)
    return Ratio(name, statistics.median(clock), min(clock), max(clock), processor, goal, more)
