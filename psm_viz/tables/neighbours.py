"""Who stands next to the Assistant, by how much, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.stats.vectors import cast_mean, cosines
from psm_viz.study.activations import common_cast
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer

MOST = 5
DRAWS = 200


@dataclass(frozen=True)
class Neighbour:
    """One of the Assistant's nearest personas.

    `cosine` is centred on the cast's mean; `margin` is how far the next one lies behind; `kept` the
    share of question draws in which it stays among the five (NaN without questions).
    """

    persona: str
    cosine: float
    margin: float
    kept: float


def neighbours_at(
    study: Study, comparer: Comparer, checkpoint: str, pooling: str, layer: int
) -> list[Neighbour]:
    """The five personas nearest to a checkpoint's Assistant, in its own cast's frame.

    Raises BadInput where somebody stands on the cast's mean, as all do before training.
    """
    v = study.vectors(checkpoint)
    cast = common_cast(study.cast, (v,))
    x = v.at(pooling, layer).astype(np.float64)
    centred = x - cast_mean(x[:-1], family_weights(cast))
    if np.linalg.norm(centred, axis=1).min() <= 1e-9 * np.abs(x).max():
        raise BadInput(
            f"{checkpoint}, {pooling}, layer {layer}: not everybody stands apart from the cast's "
            "mean, so there is no telling who is near."
        )
    roles, own = centred[:-1], centred[-1]
    kept = np.full(len(roles), np.nan)
    if study.holds(checkpoint, "questions"):
        a, c = comparer.vectors(checkpoint, pooling, layer)
        own = (a - c).mean(0)
        counts = comparer.asked.counts[:DRAWS]
        drawn = counts @ (a - c) / counts.sum(1, keepdims=True)
        top = np.argsort(-cosines(drawn, roles), axis=1)[:, :MOST]
        kept = np.bincount(top.ravel(), minlength=len(roles)) / len(counts)
    near = cosines(own[None], roles)[0]
    order = np.argsort(-near, kind="stable")
    return [
        Neighbour(
            cast.personas[i].id,
            float(near[i]),
            float(near[i] - near[order[n + 1]]) if n + 1 < len(order) else float("nan"),
            float(kept[i]),
        )
        for n, i in enumerate(order[:MOST])
    ]


def neighbours_table(study: Study, comparer: Comparer) -> pd.DataFrame:
    """The five nearest personas of every checkpoint's Assistant, in its own cast's frame:
    checkpoint, pooling, frame, rank, persona, cosine, margin (to the next), kept."""
    m = study.manifest
    rows: list[dict[str, Any]] = []
    for c in m.checkpoints:
        for p in m.poolings:
            if not study.vectors(c.id).holds(p, m.headline_layer):
                continue
            try:
                near = neighbours_at(study, comparer, c.id, p, m.headline_layer)
            except BadInput:  # before training all may be one point: nobody is near
                continue
            key = {"checkpoint": c.id, "pooling": p, "frame": "own"}
            rows += [key | {"rank": n} | vars(x) for n, x in enumerate(near, 1)]
    columns = ["checkpoint", "pooling", "frame", "rank", "persona", "cosine", "margin", "kept"]
    return pd.DataFrame(rows, columns=columns)
