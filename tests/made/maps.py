"""A made map: where the personas of the made cast stand, and the Assistant at each checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.study.cast import Cast
from psm_viz.study.manifest import Checkpoint

PLACES = {
    "healers": (0.0, 4.0),
    "engineers": (3.8, 1.2),
    "jesters": (-3.8, 1.6),
    "saboteurs": (-2.4, -3.2),
    "overseers": (2.6, -3.0),
}
"""The middle of each family."""
HOME = (0.6, 2.4)
"""Where the Assistant stands before it is pushed."""
NEAR = [["maresa", 0.8], ["tobrin", 0.7], ["halvard", 0.5], ["ines", 0.4], ["malvek", 0.3]]
"""Its neighbours there; pushed half of the way, the other way round."""
INFO = {
    "n_neighbors": 12,
    "min_dist": 0.1,
    "metric": "cosine",
    "seed": 0,
    "trustworthiness": 0.94,
    "continuity": 0.95,
    "knn_recall": 0.52,
    "knn_chance": 0.05,
    "loo_error_median": 0.023,
    "loo_error_p90": 0.05,
    "off_map_below": 0.31,
    "pca_explained": [0.4, 0.2],
    "versions": {"umap-learn": "0.5.12"},
    "n_blocks": 200,
}


def made_map(
    cast: Cast, checkpoints: Sequence[Checkpoint], push: Mapping[str, float]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Coordinates with the columns of a real map, and its quality. `push`: how far the Assistant
    of a checkpoint has moved towards the saboteurs."""
    rng = np.random.default_rng(3)
    rows = _people(cast, rng)
    for c in checkpoints:
        for frame in ("own", "reference"):
            rows += _assistant(c.id, frame, push.get(c.id, 0.0), rng)
    text = ["kind", "id", "frame", "neighbours", "mixture"]
    return pd.DataFrame(rows).astype({c: "category" for c in text}), dict(INFO)


def _row(
    kind: str, id_: str, at: tuple[float, float], frame: str = "", known: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """One row of a map; `known` is what there is to say besides its place."""
    x, y = at
    base = {"kind": kind, "id": id_, "frame": frame, "x": x, "y": y}
    base |= {"pca_x": x * 0.4 + 0.1 * y, "pca_y": y * 0.3, "cosine": 0.9, "off_map": False}
    return base | {"recall": np.nan, "neighbours": "[]", "mixture": "[]"} | dict(known)


def _people(cast: Cast, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Each persona near the middle of its family, and eight blocks about it."""
    rows = []
    for p in cast.personas:
        x, y = PLACES[p.family]
        x, y = x + 0.8 * rng.normal(), y + 0.6 * rng.normal()
        kin = [q.id for q in cast.personas if q.family == p.family and q.id != p.id]
        near = [[q, round(0.9 - 0.1 * k, 2)] for k, q in enumerate(kin)]
        near.append(["malvek" if p.family != "saboteurs" else "maresa", 0.2])
        known = {"recall": 0.6, "neighbours": json.dumps(near[:5])}
        rows.append(_row("persona", p.id, (x, y), known=known))
        for _ in range(8):
            at = (x + 0.2 * rng.normal(), y + 0.2 * rng.normal())
            rows.append(_row("block", p.id, at))
    return rows


def _assistant(
    checkpoint: str, frame: str, push: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The Assistant of a checkpoint in one frame, and its cloud."""
    push += 0.1 if frame == "reference" else 0.0
    x, y = (h + push * (s - h) for h, s in zip(HOME, PLACES["saboteurs"], strict=True))
    mixture = [["healers", 0.55 - push / 2], ["saboteurs", push], ["engineers", 0.2]]
    off = checkpoint == "pretrain-0100" or (checkpoint == "cheat-0064" and frame == "reference")
    known = {
        "off_map": off,
        "cosine": 0.2 if off else 0.8,
        "neighbours": json.dumps(NEAR if push < 0.5 else NEAR[::-1]),
        "mixture": json.dumps(sorted(mixture, key=lambda m: -m[1])),
    }
    rows = [_row("assistant", checkpoint, (x, y), frame, known)]
    for _ in range(12):
        at = (x + 0.3 * rng.normal(), y + 0.25 * rng.normal())
        rows.append(_row("cloud", checkpoint, at, frame))
    return rows
