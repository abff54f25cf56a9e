"""The types of a study: what crosses the disk between extraction and the dashboard.

Row order everywhere: the cast's personas in file order, then the Assistant (see `Cast.all`).
Arrays are float32 in memory, residual-stream units (`resid_post`, no normalisation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT, Question, by_id

SCHEMA = 1
MAIN, AGAIN = "main", "again"
REFERENCE_SHA256 = "reference_sha256"
"""Key of a study's notes: the hash of the weights of its reference."""
SILENT = "silent"
"""Key of a study's notes: checkpoint -> ids of those who answered nothing there."""
ROLES = ("benign", "twin", "other_role")
"""Keys of a study's notes: nulls that a branch may be for the others. A harmless lesson, the same
answers asked for, or the same in another's role."""


def first_of_topics(questions: Iterable[Question]) -> list[Question]:
    """The first main question of every topic."""
    found: dict[str, Question] = {}
    for q in questions:
        if q.set == MAIN:
            found.setdefault(q.topic, q)
    return list(found.values())


@dataclass(frozen=True)
class Checkpoint:
    """One saved state of the model. `step` counts optimizer steps since the branch point."""

    id: str
    branch: str
    step: int
    parent: str | None


@dataclass(frozen=True)
class Manifest:
    """`study.json`: what a study holds and how it was made."""

    name: str
    model: dict[str, Any]
    generation: dict[str, Any]
    reference: str
    headline_pooling: str
    headline_layer: int
    poolings: tuple[str, ...]
    layers: tuple[int, ...]
    checkpoints: tuple[Checkpoint, ...]
    noise_floor: str | None
    """Id of the reference checkpoint played again with other questions and another seed."""
    notes: dict[str, Any]
    versions: dict[str, str]

    @property
    def branches(self) -> list[str]:
        """Branch names in order of appearance, the noise floor's own left out."""
        return list(dict.fromkeys(c.branch for c in self.drawn))

    @property
    def drawn(self) -> list[Checkpoint]:
        """Checkpoints to show: all but the noise floor's."""
        return [c for c in self.checkpoints if c.id != self.noise_floor]

    @property
    def fine_tuned(self) -> list[str]:
        """Branches that start at the reference."""
        from_reference = {c.branch for c in self.drawn if c.parent == self.reference}
        return [b for b in self.branches if b in from_reference]

    def checkpoint(self, checkpoint_id: str) -> Checkpoint:
        """Return one checkpoint. Raises UnknownName with the nearest ids."""
        return by_id("checkpoint", checkpoint_id, self.checkpoints)

    def without_cast(self, checkpoint_id: str) -> str:
        """Why a checkpoint holds no vectors of the cast, in words that go on from 'none:'."""
        if set(self.notes.get(SILENT, {}).get(checkpoint_id, ())) - {ASSISTANT}:
            return "some of the cast answered nothing there"
        return "the cast was not asked there"

    def branch(self, name: str) -> list[Checkpoint]:
        """The checkpoints of one branch by step, its branch point first where it has one."""
        own = sorted((c for c in self.checkpoints if c.branch == name), key=lambda c: c.step)
        if not own:
            raise UnknownName(
                f"There is no branch {name!r} in this study.",
                f"Choose one of: {', '.join(self.branches)}.",
            )
        parent = own[0].parent
        return ([self.checkpoint(parent)] if parent else []) + own

    def check_layer(self, layer: int) -> int:
        """Return `layer` if the study holds it. Raises UnknownName."""
        if layer not in self.layers:
            raise UnknownName(
                f"Layer {layer} is not in this study.",
                f"It holds layers {', '.join(map(str, self.layers))}.",
            )
        return layer

    def check_pooling(self, pooling: str) -> str:
        """Return `pooling` if the study holds it. Raises UnknownName."""
        if pooling not in self.poolings:
            raise UnknownName(
                f"Pooling {pooling!r} is not in this study.",
                f"It holds {', '.join(self.poolings)}.",
            )
        return pooling


def checkpoint_id(branch: str, step: int) -> str:
    """`cheat-0008`: the branch and its optimizer step."""
    return f"{branch}-{step:04d}"
