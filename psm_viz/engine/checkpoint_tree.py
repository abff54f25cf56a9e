"""Where a study's checkpoints come from: folders of models and how they descend."""

from __future__ import annotations

from dataclasses import dataclass

from psm_viz.study.manifest import Checkpoint, checkpoint_id


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
    """One model as the reference, and fine-tuned folders as one-checkpoint branches."""
    reference = checkpoint_id("reference", 0)
    out = [Checkpoint(reference, "reference", 0, None)]
    folders = {reference: model}
    for name, folder in branches.items():
        c = Checkpoint(checkpoint_id(name, 1), name, 1, reference)
        out.append(c)
        folders[c.id] = folder
    return Source(tuple(out), folders, reference, revision)
