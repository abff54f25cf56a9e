"""What a claim is, and the rule that decides it (docs/decisions.md, committed before the runs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

import numpy as np

from psm_viz.stats.resampling import draw_counts, topic_draws

CONSISTENT, AGAINST, UNDECIDED = "consistent with", "not consistent with", "undecided"
ENOUGH = 3
"""Matched seeds that a verdict needs."""
DRAWS, SEED = 2000, 0
NEW_SEEDS, NEW_TOPICS, NEW_BOTH = "new seeds", "new topics", "new seeds and topics"
"""What an interval may be over: what would be drawn anew if everything were done again."""


class Interval(NamedTuple):
    """The 95 % interval of a mean over seeds."""

    low: float
    high: float
    over: str
    """What was drawn anew for it."""
    decides: bool
    """Whether the verdict asks for it; else it is told beside, and every seed is asked for."""


@dataclass(frozen=True)
class Measure:
    """A figure over seeds with the bar it has to clear. `low` and `high` are the 95 % interval that
    its rule asks for; None where the rule asks for every seed alone."""

    name: str
    seeds: dict[int, float]
    bar: float | dict[int, float]
    """One bar, or one a seed."""
    above: bool = True
    """Whether the claim needs to be above its bar, or below it; the bar itself will do unless
    `strict`."""
    low: float | None = None
    high: float | None = None
    strict: bool = False
    worst: bool = False
    """Whether the seed that fares worst stands for all, as of a p, whose mean says nothing."""
    unit: str = "rate"
    """What its values count; a rate is of bad answers, or of what its name says."""
    control: bool = False
    """Whether it tells that the claim could be tested at all, as a planted branch does: where a
    control is not passed nothing is decided, for or against."""
    over: str = NEW_BOTH
    """What `low` and `high` are over."""

    @property
    def mean(self) -> float:
        """Mean over seeds; NaN without any."""
        return float(np.mean(list(self.seeds.values()))) if self.seeds else float("nan")

    @property
    def value(self) -> float:
        """What stands for all seeds: their mean, or the worst of them; NaN without any."""
        if not self.worst or not self.seeds:
            return self.mean
        return min(self.seeds.values()) if self.above else max(self.seeds.values())

    @property
    def interval(self) -> Interval | None:
        """What is told beside the mean over seeds: the rule's own interval, or else the one over
        new seeds alone. None below `ENOUGH` seeds, and where the worst seed stands for all."""
        low, high, over = self.low, self.high, self.over
        decides = low is not None and high is not None
        if not decides:
            low, high = (None, None) if self.worst else over_seeds(self.seeds)
            over = NEW_SEEDS
        elif over == NEW_BOTH and len(self.seeds) < ENOUGH:
            over = NEW_TOPICS  # too few seeds for their own share of the variance
        if low is None or high is None or not (isfinite(low) and isfinite(high)):
            return None
        return Interval(low, high, over, decides)

    @property
    def needs(self) -> str:
        """Which side of its bar the claim needs, in words."""
        if self.strict:
            return "more than" if self.above else "less than"
        return "at least" if self.above else "at most"

    @property
    def mean_bar(self) -> float:
        """The bar, or its mean over seeds."""
        if isinstance(self.bar, dict):
            return float(np.mean(list(self.bar.values()))) if self.bar else float("nan")
        return self.bar

    def clears(self, seed: int) -> bool:
        """Whether one seed is on the claim's side of its bar."""
        bar = self.bar[seed] if isinstance(self.bar, dict) else self.bar
        return self._beyond(self.seeds[seed], bar)

    def _beyond(self, value: float, bar: float) -> bool:
        if value == bar:
            return not self.strict
        return value > bar if self.above else value < bar

    @property
    def interval_clears(self) -> bool:
        """Whether the whole interval is on the claim's side; without one, whether every seed is."""
        if self.low is None or self.high is None:
            return all(map(self.clears, self.seeds))
        return self._beyond(self.low if self.above else self.high, self.mean_bar)

    @property
    def interval_misses(self) -> bool:
        """Whether no part of the interval is on the claim's side; without one, no seed."""
        if self.low is None or self.high is None:
            return not any(map(self.clears, self.seeds))
        return not self._beyond(self.high if self.above else self.low, self.mean_bar)


@dataclass(frozen=True)
class Beside:
    """A figure over seeds that stands beside a claim: it has no bar, and no verdict rests on it."""

    name: str
    seeds: dict[int, float]
    unit: str = "rate"
    by: str = ""
    """How it was read, where the same figure stands there read in other ways too."""

    @property
    def said(self) -> str:
        """Its name, with how it was read."""
        return f"{self.name}, by {self.by}" if self.by else self.name

    @property
    def mean(self) -> float:
        """Mean over seeds; NaN without any."""
        return float(np.mean(list(self.seeds.values()))) if self.seeds else float("nan")

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the mean over new seeds; None below `ENOUGH`."""
        return Measure(self.name, self.seeds, 0.0).interval


@dataclass(frozen=True)
class Dot:
    """One mark of a claim's chart: `group` on the category axis (or `x` on a numeric one), a seed's
    `value`; `series` tells marks of one group apart. `seed` None is the exact observer."""

    group: str
    value: float
    seed: int | None
    series: str = ""
    x: float | None = None


@dataclass(frozen=True)
class Picture:
    """A claim's chart: `kind` is dots (groups of seeds), lines (a value along x) or pairs (value
    against x, one dot a topic). `rule` is the bar drawn across it."""

    kind: str
    title: str
    unit: str
    dots: tuple[Dot, ...]
    rule: float | None = None
    x_title: str = ""
    says: str = ""
    """What the chart shows, in a sentence, for those who do not see it."""


@dataclass(frozen=True)
class Claim:
    """One claim: what the theory says, what was found, what else might explain it."""

    id: str
    title: str
    sentence: str
    """The claim in one sentence for someone who never heard of the theory."""
    figure: Measure
    rival: str
    """The other explanation, in one sentence."""
    rivals: tuple[Measure, ...]
    rule: str
    """What would make the verdict, in words."""
    picture: Picture
    also: tuple[Measure, ...] = ()
    """Further bars of the claim itself."""
    notes: tuple[str, ...] = field(default=())
    beside: tuple[Beside, ...] = ()
    """What was measured besides, without a bar."""
    caveat: str = ""
    """What a reader has to know who reads the verdict alone, made from the figures."""
    answer: str = ""
    """The answer that the verdict is about, where the title asks a question."""

    @property
    def stated(self) -> str:
        """The title, with the answer that is judged where it is a question."""
        return f"{self.title} (the claim: {self.answer})" if self.answer else self.title

    @property
    def verdict(self) -> str:
        """Consistent with, not consistent with or undecided, by the committed rule."""
        return verdict(self.figure, (*self.also, *self.rivals))


def measures_of(claim: Claim) -> tuple[tuple[str, Measure], ...]:
    """Every measure of a claim with its part: figure, further bar, rival or control."""
    also = (("further bar", m) for m in claim.also)
    rivals = (("control" if m.control else "rival", m) for m in claim.rivals)
    return (("figure", claim.figure), *also, *rivals)


def passed(control: Measure) -> bool:
    """Whether enough seeds are on the right side of a control's bar, and none on the other."""
    return len(control.seeds) >= ENOUGH and all(map(control.clears, control.seeds))


def verdict(figure: Measure, others: Sequence[Measure]) -> str:
    """Consistent with: at least three seeds, each beyond every bar, and the figure's interval
    beyond its own. Not consistent with: at least three, none beyond the figure's bar, nor any part
    of its interval. Everything else is undecided, and so is what a control does not allow."""
    if len(figure.seeds) < ENOUGH or not all(passed(m) for m in others if m.control):
        return UNDECIDED
    if not any(map(figure.clears, figure.seeds)) and figure.interval_misses:
        return AGAINST
    enough = all(len(m.seeds) >= ENOUGH for m in others)
    every = all(m.clears(s) for m in (figure, *others) for s in m.seeds)
    return CONSISTENT if enough and every and figure.interval_clears else UNDECIDED


def over_seeds(values: dict[int, float]) -> tuple[float | None, float | None]:
    """The 95 % interval of the mean over seeds, t with one less than there are; None below
    `ENOUGH`."""
    if len(values) < ENOUGH:
        return None, None
    found = np.array([*values.values()])
    half = _t(len(found)) * float(found.std(ddof=1)) / len(found) ** 0.5
    return float(found.mean()) - half, float(found.mean()) + half


def _t(n: int) -> float:
    # scipy.special, not scipy.stats: a page of claims opens half a second sooner
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 0.975))


def guessed(n: int, of: int) -> float:
    """The share of n questions of `of` choices that guessing gets right or falls short of, 97.5
    times in 100."""
    from scipy.special import bdtr

    return int(np.argmax(bdtr(np.arange(n + 1), n, 1 / of) >= 0.975)) / n


def over_topics(
    topics: Sequence[str],
    by_seed: dict[int, np.ndarray],
    reduce: Callable[[np.ndarray], float] | None = None,
) -> tuple[dict[int, float], float | None, float | None]:
    """A figure of each seed from its values [topic, ...] (None: the mean of values [topic]), and
    the 95 % interval of their mean over new topics and new seeds: (seed -> value, low, high);
    without seeds no interval.

    Topics are resampled whole, the same ones in every seed; with `ENOUGH` seeds their variance is
    added, and t has one degree of freedom less than there are seeds.
    """
    if not by_seed:
        return {}, None, None
    if reduce is None:
        values = {s: float(v.mean()) for s, v in by_seed.items()}
        counts = draw_counts(list(topics), DRAWS, SEED)
        drawn = (counts @ np.mean([*by_seed.values()], axis=0)) / counts.sum(1)
    else:
        values = {s: reduce(v) for s, v in by_seed.items()}
        drawn = np.array(
            [
                np.mean([reduce(v[rows]) for v in by_seed.values()])
                for rows, _ in topic_draws(list(topics), DRAWS, SEED)
            ]
        )
    if len(values) < ENOUGH:
        low, high = np.percentile(drawn, [2.5, 97.5])
        return values, float(low), float(high)
    found = np.array([*values.values()])
    error = np.sqrt(np.nanvar(drawn) + found.var(ddof=1) / len(found))
    half = _t(len(found)) * float(error)
    return values, float(found.mean()) - half, float(found.mean()) + half
