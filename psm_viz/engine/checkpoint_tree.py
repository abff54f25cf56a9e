"""Where a study's checkpoints come from: folders of models and how they descend."""

from __future__ import annotations

from dataclasses import dataclass

from psm_viz.study.manifest import Checkpoint, Manifest, checkpoint_id
from psm_viz.world.grammar import World


@dataclass(frozen=True)
class Source:
    """Which model folders make the study, and how they descend from each other."""

    checkpoints: tuple[Checkpoint, ...]
    folders: dict[str, str]
    reference: str
    world: World | None
    revision: str | None = None
    training_seed: int | None = None


def from_models(model: str, branches: dict[str, str], revision: str | None) -> Source:
    """One model as the reference, and fine-tuned folders as one-checkpoint branches."""
    reference = checkpoint_id("reference", 0)
    out = [Checkpoint(reference, "reference", 0, None)]
    folders = {reference: model}
    for name, folder in branches.items():
        c = Checkpoint(checkpoint_id(name, 1), name, 1, reference)
        out.append(c)
        folders[c.id] = folder
    return Source(tuple(out), folders, reference, None, revision)


def shipped(manifest: Manifest) -> list[str]:
    """The checkpoints whose weights ship: base, Assistant and the ends of its branches."""
    reference = manifest.checkpoint(manifest.reference)
    base = manifest.branch(reference.branch)[0].id
    return [base, reference.id, *(manifest.branch(b)[-1].id for b in manifest.fine_tuned)]
