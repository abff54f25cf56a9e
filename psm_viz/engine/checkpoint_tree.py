"""Where a study's checkpoints come from: folders of models and how they descend."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from psm_viz.engine.open_model import pinned, place_of
from psm_viz.errors import PsmVizError
from psm_viz.study.formats.checkpoint_names import check_branch
from psm_viz.study.manifest import Checkpoint, checkpoint_id

STEP = re.compile(r"checkpoint-(\d+)")
"""How the Trainer of transformers names the folders of its saves."""


@dataclass(frozen=True)
class Source:
    """Which model folders make the study, and how they descend from each other."""

    checkpoints: tuple[Checkpoint, ...]
    folders: dict[str, str]
    """Checkpoint -> a model's folder, or what it is called on the hub, owner/name@commit."""
    reference: str


def from_models(model: str, branches: dict[str, str], revision: str | None = None) -> Source:
    """One model as the reference, and fine-tuned ones as its branches: of a folder of
    `checkpoint-*`, every save is a step; of any other, its one step. Models of the hub are called
    by their commits from here on; `revision` is the reference's.

    Raises BadInput for what cannot be a branch's name, and what `pinned` raises of models of the
    hub; what else is wrong with models is left for `preflight` to tell.
    """
    reference = checkpoint_id("reference", 0)
    out = [Checkpoint(reference, "reference", 0, None)]
    folders = {reference: pinned(model, revision) if revision else _known(model)}
    for name, folder in branches.items():
        check_branch(name, branches)
        parent = reference
        for step, place in _saves(folder):
            c = Checkpoint(checkpoint_id(name, step), name, step, parent)
            out.append(c)
            folders[c.id], parent = _known(place), c.id
    return Source(tuple(out), folders, reference)


def _known(name: str) -> str:
    """A branch's model, by its commit where it is of the hub."""
    try:
        place = place_of(name)
    except PsmVizError:
        return name
    return pinned(name) if place.hub else name


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
