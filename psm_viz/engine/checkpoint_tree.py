"""Where a study's checkpoints come from: folders of models and how they descend."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from psm_viz.errors import BadInput
from psm_viz.study.manifest import Checkpoint, checkpoint_id

STEP = re.compile(r"checkpoint-(\d+)")
"""How the Trainer of transformers names the folders of its saves."""


@dataclass(frozen=True)
class Source:
    """Which model folders make the study, and how they descend from each other."""

    checkpoints: tuple[Checkpoint, ...]
    folders: dict[str, str]
    """Checkpoint -> a model's folder, or its name on the hub."""
    reference: str
    revision: str | None = None
    """Of a model of the hub."""


def from_models(model: str, branches: dict[str, str], revision: str | None) -> Source:
    """One model as the reference, and fine-tuned ones as its branches: of a folder of
    `checkpoint-*`, every save is a step; of any other, its one step.

    Raises BadInput for branches of one name with the reference.
    """
    reference = checkpoint_id("reference", 0)
    out = [Checkpoint(reference, "reference", 0, None)]
    folders = {reference: model}
    for name, folder in branches.items():
        if name == "reference":
            raise BadInput("A branch is called 'reference'.", "Give it another name.")
        parent = reference
        for step, place in _saves(folder):
            c = Checkpoint(checkpoint_id(name, step), name, step, parent)
            out.append(c)
            folders[c.id], parent = place, c.id
    return Source(tuple(out), folders, reference, revision)


def _saves(folder: str) -> list[tuple[int, str]]:
    """The steps of a branch and where their weights are, in order."""
    path = Path(folder)
    found = [(STEP.fullmatch(p.name), p) for p in path.iterdir()] if path.is_dir() else []
    saves = sorted((int(m[1]), str(p)) for m, p in found if m and p.is_dir())
    return saves or [(_step(path), folder)]


def _step(folder: Path) -> int:
    """The step that the Trainer wrote down beside its weights; 1 where it wrote none."""
    try:
        return max(1, int(json.loads((folder / "trainer_state.json").read_bytes())["global_step"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 1
