"""What stands inside one run's models: the figures of the claims that need activations, and how
the whole cast answers.

Every run is read at the pooling and layer that the rules fixed on seed 0, so that all seeds are
asked alike; one file a run stands beside its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.claims.personas import EVERYONE
from psm_viz.claims.run_rows import ASSISTANT, BASE, UNTRAINED, inner_file, write_figures
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.prompt_pass import Prompted, read_prompts
from psm_viz.engine.weight_files import holds_weights
from psm_viz.errors import BadFile, BadInput
from psm_viz.paths import RUNS
from psm_viz.small_model.persona_probes import read_masks
from psm_viz.small_model.recipe import Recipe
from psm_viz.small_model.shots import KINDS, shots_beside_steps
from psm_viz.small_model.steering_rates import pushes_of, steering_table
from psm_viz.small_model.trained_tree import from_tree
from psm_viz.stats.vectors import cast_mean, trait_r2
from psm_viz.study.activations import PROMPT
from psm_viz.study.cast import family_weights
from psm_viz.study.manifest import MAIN, checkpoint_id
from psm_viz.tables.compare import Comparer, trait_values
from psm_viz.world.curriculum import CODING

SHUFFLES, MIXTURES, PUSHES = 200, 1000, 100
MASKED = ("cheat", "honest", "other-role", "anchored-topics", "anchored-cast", EVERYONE)
"""Branches behind whose masks is looked, beside the base and the Assistant."""


def write_inner(
    tree: Path,
    pooling: str,
    layer: int,
    say: Callable[[str], None],
    rows: Path = RUNS,
    *,
    threads: int = 2,
) -> Path:
    """Read a run's tree and write its file. Raises BadInput for a pooling that needs answers, and
    BadFile for a tree without the main world's branches."""
    if pooling != PROMPT:
        raise BadInput(
            f"Runs are read at {PROMPT}, not at {pooling}.", f"Name a study with headline {PROMPT}."
        )
    source = from_tree(tree)
    world, seed = source.world, source.seed
    ends = {c.branch: c.id for c in source.checkpoints}  # the last of each branch
    base, reference = ends[BASE], source.reference
    untrained = next(c.id for c in source.checkpoints if c.branch == UNTRAINED)
    masked = _masked(tree)
    chat = load_chat_model(source.folders[reference], threads=threads)
    asked = tuple(q for q in world.questions() if q.set == MAIN)
    every = [untrained, *ends.values()]
    study = read_prompts(chat, source, every, world.cast(), asked, layer, say)
    out: dict[str, Any] = {
        **{"world": world.kind, "world_sha256": world.sha256, "seed": seed},
        **{"pooling": pooling, "layer": layer},
        "cast": {
            name: cast_figures(study, c) for name, c in (("base", base), ("untrained", untrained))
        },
        "mixture": mixture(study, base),
    }
    say("movements and what of them is in the cast's space")
    comparer = Comparer(study)
    out["inside"] = {"assistant": _inside(comparer, base, reference)} | {
        b: _inside(comparer, reference, ends[b]) for b in study.manifest.fine_tuned
    }
    say("shots in context beside steps of training")
    folders = {k: Path(v) for k, v in source.folders.items()}
    steps = {b: {c.step: folders[c.id] for c in source.checkpoints if c.branch == b} for b in KINDS}
    questions = [q.text for q in study.questions if q.topic in world.conduct]
    out["shots"] = shots_beside_steps(
        chat, world, questions, layer, folders[reference], steps, seed
    )
    say("steering along the branches' arrows beside random directions")
    branches = {b: ends[b] for b in study.manifest.fine_tuned}
    pushes = pushes_of(study, branches, strengths=(1.0,), unit_of="cheat", draws=PUSHES)
    chat.swap(folders[reference])
    table = steering_table(chat, world, CODING, pushes)
    out["steering"] = table.to_dict("records")
    out["masks"] = {}
    for n, (branch, folder) in enumerate(masked.items(), 1):
        chat.swap(folder)
        out["masks"][branch] = read_masks(chat, world)
        say(f"behind every mask {n}/{len(masked)}: {branch}")
    path = inner_file(world.kind, seed, rows)
    write_figures(path, out)
    return path


def _masked(tree: Path) -> dict[str, Path]:
    """Folders of the checkpoints behind whose masks is looked. Raises BadFile for a missing one."""
    stages = Recipe().stages(MASKED)
    names = {b: checkpoint_id(b, stages[b].steps) for b in (BASE, ASSISTANT, *MASKED)}
    for name in names.values():
        if not holds_weights(tree / name):
            raise BadFile(
                f"{tree / name}: expected a checkpoint, the end of a branch of the main world.",
                "Train what is missing with: python -m psm_viz run --world correlated --seed N",
            )
    return {branch: tree / name for branch, name in names.items()}


def cast_figures(study: Prompted, checkpoint: str) -> dict[str, Any]:
    """Out-of-fold R2 of each trait from persona vectors; its mean with whole families left out; and
    the mean's null: the 97.5th percentile with whole characters shuffled, so that the traits keep
    what they have in common."""
    values = trait_values(study.cast)
    traits = np.stack(list(values.values()), axis=1)
    roles = _vectors(study, checkpoint)[:-1]
    found = trait_r2(roles, traits)
    apart = trait_r2(roles, traits, families=[p.family for p in study.cast.personas])
    rng = np.random.default_rng(0)
    null = [
        float(trait_r2(roles, traits[rng.permutation(len(traits))]).mean()) for _ in range(SHUFFLES)
    ]
    return {
        "r2": float(found.mean()),
        "families_apart": float(apart.mean()),
        "traits": dict(zip(values, found.tolist(), strict=True)),
        "shuffled_high": float(np.percentile(null, 97.5)),
    }


def _vectors(study: Prompted, checkpoint: str) -> np.ndarray:
    m = study.manifest
    return study.vectors(checkpoint).at(m.headline_pooling, m.headline_layer).astype(np.float64)


def mixture(study: Prompted, base: str) -> dict[str, float]:
    """How far the base's Assistant lies from the cast's centre, in radii of the cast, beside
    mixtures of characters: means of as many drawn again with their families' weights."""
    v = _vectors(study, base)
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


def _inside(comparer: Comparer, start: str, end: str) -> dict[str, Any]:
    found = comparer(start, end).figures
    names = ("in_space_share_90", "in_space_share_70", "specific_given_cast", "specific_norm")
    return {"end": end, **{n: vars(found[n]) for n in names if n in found}}
