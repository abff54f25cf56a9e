"""How much of the map is the cast, how much UMAP: other seeds and settings, Gaussian noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial import procrustes

from psm_viz.stats.persona_map import MapSettings, fit_map, quality
from psm_viz.study.reader import Study
from psm_viz.tables.persona_map import cast_blocks

TRIED: tuple[tuple[str, dict[str, float | int | str]], ...] = (
    ("as stored", {}),
    ("another seed", {"seed": 1}),
    ("another seed", {"seed": 2}),
    ("another seed", {"seed": 3}),
    ("nearer neighbours", {"neighbours": 5}),
    ("wider neighbourhoods", {"neighbours": 40}),
    ("tighter points", {"min_dist": 0.1, "spread": 1.0}),
    ("Euclidean metric", {"metric": "euclidean"}),
)
"""What is tried beside the stored map, each in one respect."""
NOISE = "Gaussian noise"
NOISE_SEEDS = (0, 1, 2, 3)
"""Seeds of the Gaussian personas and of their fits: as many as of the cast's own maps, since how
well UMAP draws noise hangs on the seed as well."""
FIGURES = ("trustworthiness", "continuity", "knn_recall", "knn_chance")


def gaussian_blocks(blocks: np.ndarray, seed: int = 0) -> np.ndarray:
    """Null 8: Gaussian personas [role, block, d_model] with the cast's covariance between personas
    and within a persona, and nothing else: no families, no clusters."""
    rng = np.random.default_rng([seed, 41])
    n, b, d = blocks.shape
    means = blocks.mean(1)
    between = means - means.mean(0)
    within = (blocks - means[:, None]).reshape(n * b, d)
    persona = rng.normal(size=(n, n)) @ between / np.sqrt(n)
    noise = rng.normal(size=(n * b, n * b)) @ within / np.sqrt(n * b)
    return persona[:, None] + noise.reshape(n, b, d)


def map_trials(
    study: Study, pooling: str, say: Callable[[str], None] = lambda s: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(map_trials, gaussian_map) of one pooling's map.

    map_trials: pooling, data, what, neighbours, min_dist, metric, seed, chosen, trustworthiness,
    continuity, knn_recall, knn_chance, disparity (Procrustes, against the stored map; 0 = the same
    picture). gaussian_map: pooling, id, x, y of as many Gaussian personas, through the same fit, of
    the first seed.
    """
    _, blocks = cast_blocks(study, pooling, MapSettings())
    base = MapSettings(blocks=blocks.shape[1])
    first: np.ndarray | None = None
    rows = []
    for what, changed in TRIED:
        settings = replace(base, **changed)
        say(f"map tried: {what}")
        frozen = fit_map(blocks, settings)
        drawn = frozen.drawn
        first = drawn if first is None else first
        rows.append(_row(pooling, "cast", what, settings, quality(frozen)[0], drawn, first))
    assert first is not None
    points = pd.DataFrame()
    for seed in NOISE_SEEDS:
        say(f"map tried: Gaussian noise, seed {seed}")
        settings = replace(base, seed=seed)
        noise = fit_map(gaussian_blocks(blocks, seed), settings)
        found = quality(noise)[0]
        rows.append(_row(pooling, NOISE, "same covariance", settings, found, noise.drawn, first))
        if points.empty:
            x, y = noise.drawn.T
            points = pd.DataFrame({"pooling": pooling, "id": study.cast.ids, "x": x, "y": y})
    return pd.DataFrame(rows), points


def _row(
    pooling: str,
    data: str,
    what: str,
    settings: MapSettings,
    found: dict[str, float],
    drawn: np.ndarray,
    first: np.ndarray,
) -> dict[str, object]:
    kept = ("neighbours", "min_dist", "metric", "seed")
    return {
        "pooling": pooling,
        "data": data,
        "what": what,
        **{k: getattr(settings, k) for k in kept},
        "chosen": what == "as stored",
        **{k: found[k] for k in FIGURES},
        "disparity": float(procrustes(first, drawn)[2]),
    }
