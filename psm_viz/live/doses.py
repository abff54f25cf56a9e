"""Is a direction causal, dose by dose? The rate of bad answers while the residual stream is pushed
along it, or held within a band on it, beside random directions of the same length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.charts.dose_figures import COLUMNS, FREE, HELD, PUSHED
from psm_viz.engine.chat_model import ChatModel
from psm_viz.live.pushing import Pushing
from psm_viz.messages import Push
from psm_viz.stats.resampling import draw_counts, interval_of_draws

STRENGTHS = (-1.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""In standard deviations of the cast along the direction."""
DRAWS = 20
"""Random directions beside every dose."""
Say = Callable[[str], None]
Rates = Callable[[ChatModel], np.ndarray]
"""What is measured of a model: a rate for each question that it is asked."""


@dataclass(frozen=True)
class Asked:
    """How conduct is measured, and what about."""

    rates: Rates
    topics: Sequence[str]
    """The topic of each question, which are resampled together."""


def doses(
    pushing: Pushing,
    models: Mapping[str, ChatModel],
    asked: Asked,
    name: str,
    say: Say,
    strengths: Sequence[float] = STRENGTHS,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """What pushing the reference along a direction does dose by dose, and what holding other
    checkpoints within the bands of the reference's own answers does. `models`: by checkpoint, the
    reference first.

    what (`pushed`, `held`, and `free`: a model as it is), who (checkpoint), strength (standard
    deviations of the cast, NaN where it is held), value: mean rate with its 95 % interval over
    topics; random: median of the same along random directions, and the band of 95 % of them.
    """
    rows, (reference, *others) = [], models
    for who, chat in models.items():
        rows.append(_row((FREE, who, 0.0), asked, asked.rates(chat)))
    for strength in strengths:
        say(f"{reference} pushed by {strength:g}")
        push = Push(name, strength)
        rows.append(_beside((PUSHED, reference, strength), asked, models, pushing, push, draws))
    for who in others:
        say(f"{who} held in the reference's bands")
        push = Push(name, cap=True)
        rows.append(_beside((HELD, who, float("nan")), asked, models, pushing, push, draws))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _beside(
    key: tuple[str, str, float],
    asked: Asked,
    models: Mapping[str, ChatModel],
    pushing: Pushing,
    push: Push,
    draws: int,
) -> dict[str, Any]:
    """A row along the direction (-1), with that of random ones (0, 1, ...)."""
    chat = models[key[1]]

    def rates(number: int) -> np.ndarray:
        with pushing.pushed(chat, replace(push, random=number)):
            return asked.rates(chat)

    row = _row(key, asked, rates(-1))
    others = [float(rates(n).mean()) for n in range(draws)]
    low, middle, high = np.percentile(others, [2.5, 50, 97.5])
    return row | {"random": float(middle), "random_low": float(low), "random_high": float(high)}


def _row(key: tuple[str, str, float], asked: Asked, rates: np.ndarray) -> dict[str, Any]:
    """A mean rate with its interval, topics and questions within them resampled."""
    e = interval_of_draws(lambda c: c @ rates / c.sum(1), draw_counts(asked.topics))
    (what, who, strength), nan = key, float("nan")
    row = {"what": what, "who": who, "strength": strength}
    row |= {"value": e.value, "low": e.low, "high": e.high}
    return row | {"random": nan, "random_low": nan, "random_high": nan}
