"""Who the Assistant is made of and next to, and what a projection might be read off instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.stats.family_posterior import family_posterior
from psm_viz.stats.vectors import cast_mean
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import Study


def posterior_tables(
    study: Study, say: Callable[[str], None] = lambda s: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Family weights of every checkpoint's Assistant, and how far they can be trusted.

    posterior: checkpoint, branch, step, pooling, family (or "none of these"), weight, low, high.
    posterior_calibration: checkpoint, pooling, typicality, temperature, log_loss, chance_log_loss,
    accuracy, chance_accuracy, error (of calibration); judged on personas and questions left out.
    """
    m = study.manifest
    weights = family_weights(study.cast)
    families = [p.family for p in study.cast.personas]
    rows: list[dict[str, Any]] = []
    judged: list[dict[str, Any]] = []
    for c in m.checkpoints:
        if not study.holds(c.id, "folds"):
            continue
        say(f"posterior: {c.id}")
        for pooling in m.poolings:
            folds = study.folds(c.id).at(pooling).astype(np.float64)
            folds = folds - cast_mean(folds[:-1], weights)[None]
            try:
                found = family_posterior(folds[:-1], folds[-1], families)
            except BadInput as e:
                say(f"posterior of {c.id}, {pooling}: left out. {e.problem}")
                continue
            key = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "pooling": pooling}
            for family, w, low, high in zip(
                found.families, found.weights, found.low, found.high, strict=True
            ):
                more = {"weight": float(w), "low": float(low), "high": float(high)}
                rows.append(key | {"family": family} | more)
            fit = found.calibration
            judged.append(
                {"checkpoint": c.id, "pooling": pooling, "typicality": found.typicality}
                | {k: getattr(fit, k) for k in CALIBRATION}
            )
    columns = ["checkpoint", "branch", "step", "pooling", "family", "weight", "low", "high"]
    return (
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(judged, columns=["checkpoint", "pooling", "typicality", *CALIBRATION]),
    )


CALIBRATION = (
    *("temperature", "log_loss", "chance_log_loss", "accuracy", "chance_accuracy", "error"),
)
