"""The specific shift, the axis and the cast's structure at every layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.stats import significance as sig
from psm_viz.stats.similarity import mixing, role_permutation
from psm_viz.study.activations import common_cast
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer
from psm_viz.tables.drift import start_of

LAYER_COLUMNS = (
    *("checkpoint", "branch", "step", "pooling", "layer"),
    *("specific_norm", "low", "high", "null_high", "p", "p_layers", "axis_cosine", "axis_ratio"),
    *("cka", "cka_null_high", "procrustes", "procrustes_null_low", "mixing", "counterpart"),
)
DRAWS = 199


def layers_table(
    study: Study, comparer: Comparer, say: Callable[[str], None] = lambda s: None
) -> pd.DataFrame:
    """The specific shift, the axis and the cast's structure at every layer that both ends hold.

    p_layers is p of the specific shift after a search over the layers; cka_null_high and
    procrustes_null_low are what roles assigned at random reach in one of twenty draws; mixing and
    counterpart say whether both casts could share a map (`similarity.mixing`).
    """
    m = study.manifest
    rows = []
    for c in m.checkpoints:
        start = start_of(study, c)
        if start is None:
            continue
        say(f"layers: {c.id}")
        before, after = study.vectors(start), study.vectors(c.id)
        cast = common_cast(study.cast, (before, after))
        for pooling in m.poolings:
            layers = [n for n in m.layers if before.holds(pooling, n) and after.holds(pooling, n)]
            if len(cast.personas) < 4 or not layers:
                continue
            key = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "pooling": pooling}
            own = [key | {"layer": n} for n in layers]
            for row in own:
                x, y = (v.of(cast).at(pooling, row["layer"])[:-1] for v in (before, after))
                row |= _structure(x.astype(np.float64), y.astype(np.float64))
            if study.holds(c.id, "questions") and study.holds(start, "questions"):
                _shifts(comparer, start, c.id, pooling, own)
            rows += own
    return pd.DataFrame(rows, columns=[*LAYER_COLUMNS])


def _structure(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """How much of the cast's structure is kept, beside roles assigned at random."""
    try:
        null = role_permutation(x, y, draws=DRAWS)
    except BadInput:  # personas that are all one point, as before training, have no structure
        return {}
    return {
        "cka": null.cka,
        "cka_null_high": null.cka_null,
        "procrustes": null.disparity,
        "procrustes_null_low": null.disparity_null,
        "mixing": (mixed := mixing(x, y)).own,
        "counterpart": mixed.counterpart,
    }


def _shifts(
    comparer: Comparer, start: str, end: str, pooling: str, rows: list[dict[str, Any]]
) -> None:
    """Add the specific shift of each layer and its p, alone and after the search over layers."""
    flips, measured = [], []
    for row in rows:
        try:
            shift = comparer.shift(start, end, pooling, row["layer"])
        except BadInput:  # a layer at which the cast is one point has no axis
            continue
        measured.append(row)
        f = comparer.figures(shift, start, end, pooling, row["layer"])
        s = f["specific_norm"]
        row |= {"specific_norm": s.value, "low": s.low, "high": s.high, "null_high": s.null_high}
        row |= {"p": s.p, "axis_cosine": f["axis_cosine"].value}
        row["axis_ratio"] = f["axis_ratio"].value
        flips.append(sig.moved(shift.specific, shift.apart, comparer.asked.signs))
    for row, p in zip(measured, sig.max_over(np.stack(flips)) if flips else (), strict=True):
        row["p_layers"] = float(p)
