"""Is a direction causal, dose by dose? The rate of bad answers while the residual stream is pushed
along it, or held within a band on it, beside random directions of the same length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.engine.chat_model import ChatModel
from psm_viz.live.pushing import Pushing
from psm_viz.messages import Push
from psm_viz.stats.resampling import draw_counts, interval_of_draws

STRENGTHS = (-1.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""In standard deviations of the cast along the direction."""
DRAWS = 20
"""Random directions beside every dose."""
COLUMNS = ["what", "strength", "value", "low", "high", "random", "random_low", "random_high"]
Say = Callable[[str], None]
Rates = Callable[[ChatModel], np.ndarray]
"""What is measured of a model: a rate for each question that it is asked."""


@dataclass(frozen=True)
class Asked:
    """How conduct is measured, and what about."""

    rates: Rates
    topics: Sequence[str]
    """The topic of each question, which are resampled together."""


@dataclass(frozen=True)
class Models:
    """The reference, and the checkpoint that is held where the reference is."""

    reference: ChatModel
    held: ChatModel


def doses(
    pushing: Pushing,
    models: Models,
    asked: Asked,
    name: str,
    say: Say,
    strengths: Sequence[float] = STRENGTHS,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """What pushing the reference along a direction does dose by dose, and what holding another
    checkpoint within the band of the reference's own answers does.

    what (`pushed`, `held`, and `free`: each model as it is), strength (standard deviations of the
    cast, NaN where it is held), value: mean rate with its 95 % interval over topics; random: median
    of the same along random directions, and the band of 95 % of them.
    """
    rows = [_row("free", 0.0, asked, asked.rates(models.reference))]
    for strength in strengths:
        say(f"pushed by {strength:g}")
        rows.append(
            _beside(
                ("pushed", strength),
                asked,
                models.reference,
                lambda n, s=strength: pushing.pushed(models.reference, Push(name, s, random=n)),
                draws,
            )
        )
    say("held in the reference's band")
    rows.append(_row("free, the other", float("nan"), asked, asked.rates(models.held)))
    rows.append(
        _beside(
            ("held", float("nan")),
            asked,
            models.held,
            lambda n: pushing.pushed(models.held, Push(name, cap=True, random=n)),
            draws,
        )
    )
    return pd.DataFrame(rows, columns=COLUMNS)


def _beside(
    key: tuple[str, float],
    asked: Asked,
    chat: ChatModel,
    pushed: Callable[[int], AbstractContextManager[Any]],
    draws: int,
) -> dict[str, Any]:
    """A row along the direction (-1), with that of random ones (0, 1, ...)."""

    def rates(number: int) -> np.ndarray:
        with pushed(number):
            return asked.rates(chat)

    row = _row(*key, asked, rates(-1))
    others = [float(rates(n).mean()) for n in range(draws)]
    low, middle, high = np.percentile(others, [2.5, 50, 97.5])
    return row | {"random": float(middle), "random_low": float(low), "random_high": float(high)}


def _row(what: str, strength: float, asked: Asked, rates: np.ndarray) -> dict[str, Any]:
    """A mean rate with its interval, topics and questions within them resampled."""
    e = interval_of_draws(lambda c: c @ rates / c.sum(1), draw_counts(asked.topics))
    nan = float("nan")
    row = {"what": what, "strength": strength, "value": e.value, "low": e.low, "high": e.high}
    return row | {"random": nan, "random_low": nan, "random_high": nan}
