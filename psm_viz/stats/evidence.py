"""Who would say this: data as evidence about which character the Assistant is.

Source: the persona selection model (Marks, Lindsey, Olah, 2026), the likelihood of its update:
training on an episode (x, y) raises the weight of the personas under which y was likely. For a set
of episodes and for every persona i of a cast:

    l_i = sum of log p(y | x, i) / number of tokens of the y         nats per token
    w_i proportional to pi_i exp(l_i n_bar)                          n_bar tokens a mean answer has
    arrow = sum_i (w_i - pi_i) r_i                                   residual-stream units

pi counts families equally; w is the posterior over the cast after the evidence of ONE answer of
mean length, a choice of scale that keeps a large data set from naming one persona with certainty.
The arrow is the step of the posterior's mean in activation space: a prediction, stored with its
date before a training that it is scored against afterwards (`stats.forecast`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from psm_viz.errors import BadInput

SOURCE = "persona selection model, Marks, Lindsey, Olah 2026, the likelihood of its update"
FORMULA = (
    "l = total log p / total tokens of all answers; weight proportional to prior (families count "
    "equally) times exp(l times the mean tokens of an answer); arrow = sum over the cast of "
    "(weight - prior) times the reference's persona vector, at the headline layer"
)
DRAWS = 200
"""Bootstrap draws of examples behind a persona's interval."""


@dataclass(frozen=True)
class Testimony:
    """What every persona said of the data: log p(y | x, persona), the Assistant last.

    Nats, instruction variants averaged; NaN where an answer did not fit into the model's context.
    `tokens` and `example` belong to the answers: how long it is, which conversation it is from.
    """

    log_p: Float[np.ndarray, "persona answer"]
    tokens: Int[np.ndarray, " answer"]
    example: Int[np.ndarray, " answer"]
    skipped: int = 0
    """Answers left out by `usable`."""

    @property
    def n_bar(self) -> float:
        """Mean tokens of an answer."""
        return float(self.tokens.mean())

    def usable(self) -> Testimony:
        """The answers that every persona could be asked about. Raises BadInput for none."""
        kept = np.isfinite(self.log_p).all(axis=0)
        if not kept.any():
            raise BadInput(
                f"All {len(self.tokens)} answers end beyond the model's context.",
                "Shorten the conversations.",
            )
        left_out = int((~kept).sum())
        return Testimony(self.log_p[:, kept], self.tokens[kept], self.example[kept], left_out)


def per_token(testimony: Testimony) -> Float[np.ndarray, " persona"]:
    """l_i: total log p over total tokens of all answers, nats per token (see the module)."""
    return testimony.log_p.sum(1) / testimony.tokens.sum()


def relative_intervals(
    testimony: Testimony, draws: int = DRAWS, seed: int = 0
) -> tuple[Float[np.ndarray, " persona"], Float[np.ndarray, " persona"]]:
    """95 % interval of l_i less the Assistant's, conversations resampled: (low, high).

    NaN where there is a single conversation: it says nothing of the spread.
    """
    _, index = np.unique(testimony.example, return_inverse=True)
    n = int(index.max()) + 1
    if n < 2:
        nothing = np.full(len(testimony.log_p), np.nan)
        return nothing, nothing
    per_example = np.zeros((n, len(testimony.log_p)))
    np.add.at(per_example, index, (testimony.log_p - testimony.log_p[-1]).T)
    tokens = np.bincount(index, weights=testimony.tokens, minlength=n)
    counts = np.random.default_rng([seed, 37]).multinomial(n, np.full(n, 1 / n), size=draws)
    values = counts @ per_example / (counts @ tokens)[:, None]  # [draw, persona]
    low, high = np.percentile(values, [2.5, 97.5], axis=0)
    return low, high


def posterior(
    loglik: Float[np.ndarray, " *draw role"], prior: Float[np.ndarray, " role"], n_bar: float
) -> Float[np.ndarray, " *draw role"]:
    """w_i proportional to pi_i exp(l_i n_bar): one mean answer's evidence (see the module)."""
    log_w = loglik * n_bar + np.log(prior)
    w = np.exp(log_w - log_w.max(-1, keepdims=True))
    return w / w.sum(-1, keepdims=True)


def arrow(
    weights: Float[np.ndarray, " role"],
    prior: Float[np.ndarray, " role"],
    roles: Float[np.ndarray, "role d_model"],
) -> Float[np.ndarray, " d_model"]:
    """sum_i (w_i - pi_i) r_i: the predicted movement, residual-stream units (see the module)."""
    return (weights - prior) @ roles


def likelihood_table(
    ids: Sequence[str], testimony: Testimony, prior: Float[np.ndarray, " role"], seed: int
) -> pd.DataFrame:
    """The stored frame (see `Evidence`), the Assistant last."""
    loglik = per_token(testimony)
    low, high = relative_intervals(testimony, seed=seed)
    weights = posterior(loglik[:-1], prior, testimony.n_bar)
    return pd.DataFrame(
        {
            "persona": list(ids),
            "loglik": loglik,
            "relative": loglik - loglik[-1],
            "low": low,
            "high": high,
            "weight": np.append(weights, np.nan),
        }
    )
