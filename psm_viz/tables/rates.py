"""What the model says: rates of bad answers with intervals, and the model beside the observer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.stats.metrics import r_squared
from psm_viz.stats.resampling import interval, topic_draws
from psm_viz.study import columns as col
from psm_viz.study.reader import Study

TRAINED, HELD_OUT = "trained", "heldout"
DRAWS, SEED = 2000, 0


def rate_column(behaviour: pd.DataFrame) -> pd.Series:
    """P(bad) per prompt: mass of bad over good and bad answers."""
    return behaviour[col.MASS_BAD] / (behaviour[col.MASS_BAD] + behaviour[col.MASS_GOOD])


def rate(behaviour: pd.DataFrame, *, draws: int = DRAWS, seed: int = SEED) -> dict[str, Any]:
    """Mean P(bad) over prompts: mean, low, high (95 %, topics resampled, then questions), n.

    `sampled` is the rate among answers really drawn, `sampled_n` how many of those were in the
    bank, `coherence` the share of all drawn answers that were.
    """
    if behaviour.empty:
        raise BadInput("No prompt to take a rate over.")
    p = rate_column(behaviour).to_numpy()
    found = interval(
        lambda c: float(c @ p / c.sum()), list(behaviour[col.TOPIC]), draws=draws, seed=seed
    )
    good, bad, none = (
        int(behaviour[c].sum()) for c in (col.SAMPLED_GOOD, col.SAMPLED_BAD, col.SAMPLED_NONE)
    )
    return {
        "mean": found.value,
        "low": found.low,
        "high": found.high,
        "n": len(p),
        "sampled": bad / max(1, good + bad),
        "sampled_n": good + bad,
        "coherence": (good + bad) / max(1, good + bad + none),
    }


def split_rates(
    behaviour: pd.DataFrame, trained: str, *, draws: int = DRAWS, seed: int = SEED
) -> dict[str, dict[str, Any]]:
    """Rates in the topic the branches train on, and in all the others."""
    inside = behaviour[col.TOPIC] == trained
    return {
        TRAINED: rate(behaviour[inside], draws=draws, seed=seed),
        HELD_OUT: rate(behaviour[~inside], draws=draws, seed=seed),
    }


def ratios(
    study: Study, trained: str, branches: dict[str, str], *, draws: int = DRAWS, seed: int = SEED
) -> dict[str, dict[str, Any]]:
    """How the branches compare on held-out topics, paired: the same draws in every branch.

    `branches` maps cheat, requested and honest to checkpoint ids. cheat / honest, and
    (requested - honest) / (cheat - honest), each with its 95 % interval.
    """
    frames = {}
    for name, checkpoint in branches.items():
        found = study.behaviour(checkpoint)
        if found is None:
            raise BadInput(f"{checkpoint}: the study holds no behaviour for this checkpoint.")
        frames[name] = found[found[col.TOPIC] != trained].reset_index(drop=True)
    p = {name: rate_column(f).to_numpy() for name, f in frames.items()}
    topics = list(frames["cheat"][col.TOPIC])

    def times(c: np.ndarray) -> float:
        return float((c @ p["cheat"]) / (c @ p["honest"]))

    def spared(c: np.ndarray) -> float:
        return float((c @ (p["requested"] - p["honest"])) / (c @ (p["cheat"] - p["honest"])))

    return {
        name: {"value": i.value, "low": i.low, "high": i.high, "n": len(topics)}
        for name, i in (
            ("cheat_over_honest", interval(times, topics, draws=draws, seed=seed)),
            ("requested_share", interval(spared, topics, draws=draws, seed=seed)),
        )
    }


def in_context(rows: pd.DataFrame, *, draws: int = DRAWS, seed: int = SEED) -> dict[str, Any]:
    """The model beside the exact posterior predictive: means per condition, and R2 over dialogues.

    R2 = 1 - residual / total variance of the exact P(bad), nothing fitted; `r2_flat` is that of
    a model that always says the exact prediction without evidence, the null beside it.
    """
    m, x = rows["model"].to_numpy(), rows["exact"].to_numpy()
    flat = x[(rows["condition"] == "no evidence").to_numpy()].mean()
    conditions = {}
    for name, part in rows.groupby("condition", sort=False):
        topics = list(part["topic"])
        entry: dict[str, Any] = {"n": len(part)}
        for key in ("model", "exact"):
            values = part[key].to_numpy()
            found = interval(
                lambda c, v=values: float(c @ v / c.sum()), topics, draws=draws, seed=seed
            )
            entry[key] = {"mean": found.value, "low": found.low, "high": found.high}
        conditions[str(name)] = entry
    fits = []
    for drawn, _ in topic_draws(list(rows["topic"]), draws, seed):
        fits.append(r_squared(m[drawn], x[drawn]))
    low, high = np.percentile(fits, [2.5, 97.5])
    return {
        "conditions": conditions,
        "r2": {
            "mean": r_squared(m, x),
            "low": float(low),
            "high": float(high),
            "n": len(rows),
        },
        "r2_flat": r_squared(np.full_like(x, flat), x),
    }


def rates_table(study: Study, trained: str | None) -> pd.DataFrame:
    """Rates of bad answers in trained and held-out topics at every checkpoint that was measured."""
    rows = []
    for c in study.manifest.checkpoints:
        found = study.behaviour(c.id)
        if found is not None and trained is not None:
            for name, r in split_rates(found, trained).items():
                rows.append(
                    {"checkpoint": c.id, "branch": c.branch, "step": c.step, "set": name, **r}
                )
    return pd.DataFrame(rows)
