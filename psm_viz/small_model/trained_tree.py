"""The folder of checkpoints that training left, as the source of a study."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.weight_files import holds_weights
from psm_viz.errors import BadFile
from psm_viz.small_model.recipe import STUDIED, Recipe
from psm_viz.study.manifest import Checkpoint, Manifest, checkpoint_id
from psm_viz.world.grammar import World
from psm_viz.world.loading import load_world


@dataclass(frozen=True, kw_only=True)
class TrainedTree(Source):
    """The checkpoints of one run: the made world it grew up in and the seed of its training."""

    world: World
    seed: int


def recipe_of(tree: Path) -> Recipe:
    """By which recipe a folder of checkpoints was trained. Raises BadFile."""
    path = tree / "recipe.json"
    try:
        made_by = json.loads(path.read_bytes())["recipe"]
        return Recipe(seed=int(made_by["seed"]), world=str(made_by["world"]))
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadFile(
            f"{path}: does not say how this folder was trained ({e}).",
            f"Train the small model with: python -m psm_viz train --out {tree}",
        ) from e


def from_tree(tree: Path) -> TrainedTree:
    """The checkpoints that `train` left in a folder: up to the Assistant, and the branches begun.

    Branches may be added to the study later, so that evidence can be written before they are
    trained. Raises BadFile naming missing checkpoints.
    """
    recipe = recipe_of(tree)
    stages = recipe.stages()
    out: list[Checkpoint] = []
    for stage in stages.values():
        parent = stage.parent
        begun = any((tree / checkpoint_id(stage.name, n)).exists() for n in stage.saves)
        if stage.name in STUDIED and not begun:
            continue
        for step in stage.saves:
            name = checkpoint_id(stage.name, step)
            out.append(Checkpoint(name, stage.name, step, parent))
            parent = name
    missing = [c.id for c in out if not holds_weights(tree / c.id)]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise BadFile(
            f"{tree}: {len(missing)} checkpoints are missing ({some}).",
            f"Train them with: python -m psm_viz train --out {tree}",
        )
    reference = checkpoint_id("assistant", stages["assistant"].steps)
    folders = {c.id: str(tree / c.id) for c in out}
    world = load_world(recipe.world)
    return TrainedTree(tuple(out), folders, reference, world=world, seed=recipe.seed)


def shipped(manifest: Manifest) -> list[str]:
    """The checkpoints whose weights ship: base, Assistant and the ends of its branches."""
    reference = manifest.checkpoint(manifest.reference)
    base = manifest.branch(reference.branch)[0].id
    return [base, reference.id, *(manifest.branch(b)[-1].id for b in manifest.fine_tuned)]
