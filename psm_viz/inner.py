"""What stands inside one seed's models: the figures of the claims that need activations.

Read from a study of the seed's tree (`extract`) at the pooling and layer that the rules fixed on
seed 0, so that all seeds are asked alike; one file a seed stands beside the rows of its run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.compare import Comparer, trait_values
from psm_viz.errors import UnknownName
from psm_viz.files import write_whole
from psm_viz.models import load_player
from psm_viz.recipe import Recipe, checkpoint_id
from psm_viz.runs import ROWS
from psm_viz.shots import KINDS, shots_beside_steps
from psm_viz.store import Study
from psm_viz.study import MAIN
from psm_viz.vectors import cast_mean, family_weights, trait_r2
from psm_viz.world.grammar import load_world

SHUFFLES, MIXTURES = 200, 1000
MOVEMENTS = ("cheat", "requested", "honest", "playful", "other-role", "backwards", "long")


def inner_file(kind: str, seed: int, folder: Path = ROWS) -> Path:
    """Where the figures from a run's activations stand."""
    return folder / f"{kind}-{seed}.inner.json"


def write_inner(
    study: Study,
    tree: Path,
    say: Callable[[str], None],
    rows: Path = ROWS,
    *,
    pooling: str | None = None,
    layer: int | None = None,
) -> Path:
    """Measure a study of a run and write its file. Without pooling and layer, the study's own."""
    m = study.manifest
    kind, seed = str(m.notes["world_kind"]), int(m.notes["training_seed"])
    world = load_world(kind)
    pooling, layer = pooling or m.headline_pooling, m.headline_layer if layer is None else layer
    base = m.branch(m.checkpoint(m.reference).branch)[0].id
    say("the cast's traits, and the base's Assistant beside mixtures")
    out: dict[str, Any] = {
        **{"world": kind, "world_sha256": m.notes["world"], "seed": seed},
        **{"pooling": pooling, "layer": layer, "study": study.sha256},
        "cast": {c: cast_figures(study, c, pooling, layer) for c in (base, m.reference)},
        "mixture": mixture(study, base, pooling, layer),
    }
    say("movements and what of them is in the cast's space")
    comparer = Comparer(study)
    out["inside"] = {"assistant": _inside(comparer, base, m.reference, pooling, layer)}
    for branch in MOVEMENTS:
        if branch in m.fine_tuned:
            end = m.branch(branch)[-1].id
            out["inside"][branch] = _inside(comparer, m.reference, end, pooling, layer)
    try:
        steering = study.table("steering")
        out["steering"] = steering[steering["strength"].isin([0.0, 1.0])].to_dict("records")
    except UnknownName:
        pass
    say("shots in context beside steps of training")
    player = load_player(str(tree / m.reference), threads=2)
    stages = Recipe(seed=seed, world=kind).stages()
    ends = {
        b: {n: tree / checkpoint_id(b, n) for n in stages[b].saves} for b in KINDS if b in stages
    }
    questions = [q.text for q in study.questions if q.set == MAIN and q.topic in world.conduct]
    out["shots"] = shots_beside_steps(
        player, world, questions, layer, tree / m.reference, ends, seed
    )
    path = inner_file(kind, seed, rows)
    write_whole(path, (json.dumps(_plain(out), sort_keys=True) + "\n").encode())
    return path


def cast_figures(study: Study, checkpoint: str, pooling: str, layer: int) -> dict[str, Any]:
    """Out-of-fold R2 of each trait from persona vectors, and its mean's null: the 97.5th percentile
    with whole characters shuffled, so that the traits keep what they have in common."""
    values = trait_values(study.cast)
    traits = np.stack(list(values.values()), axis=1)
    roles = study.vectors(checkpoint).at(pooling, layer)[:-1].astype(np.float64)
    found = trait_r2(roles, traits)
    rng = np.random.default_rng(0)
    null = [
        float(trait_r2(roles, traits[rng.permutation(len(traits))]).mean()) for _ in range(SHUFFLES)
    ]
    return {
        "r2": float(found.mean()),
        "traits": dict(zip(values, found.tolist(), strict=True)),
        "shuffled_high": float(np.percentile(null, 97.5)),
    }


def mixture(study: Study, base: str, pooling: str, layer: int) -> dict[str, float]:
    """How far the base's Assistant lies from the cast's centre, in radii of the cast, beside
    mixtures of characters: means of as many drawn again with their families' weights."""
    v = study.vectors(base).at(pooling, layer).astype(np.float64)
    weights = family_weights(study.cast)
    roles, mu = v[:-1], cast_mean(v[:-1], weights)
    radius = float(np.sqrt(weights @ ((roles - mu) ** 2).sum(1)))
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(roles), (MIXTURES, len(roles)), p=weights)
    far = np.linalg.norm(roles[drawn].mean(1) - mu, axis=1) / radius
    return {
        "distance": float(np.linalg.norm(v[-1] - mu)) / radius,
        "mixtures_high": float(np.percentile(far, 97.5)),
        "nearest_persona": float(np.linalg.norm(v[-1] - roles, axis=1).min()) / radius,
    }


def _inside(comparer: Comparer, start: str, end: str, pooling: str, layer: int) -> dict[str, Any]:
    found = comparer(start, end, pooling, layer).figures
    names = ("in_space_share_90", "in_space_share_70", "specific_given_cast", "specific_norm")
    return {"end": end, **{n: vars(found[n]) for n in names if n in found}}


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, float):
        return round(x, 5) if np.isfinite(x) else None
    return x
