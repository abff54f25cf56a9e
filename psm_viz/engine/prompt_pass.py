"""A run's checkpoints read at the last prompt token alone: a study in memory, without answers.

Drawing answers is most of what playing a cast costs, and the headline pooling of the small model
needs none. So other seeds are measured by the same code as the shipped study, in a fraction of its
time; nothing of them is written but their figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.processes import each
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study.activations import PROMPT, FoldVectors, PersonaVectors, QuestionVectors
from psm_viz.study.cast import Cast, Question, family_weights
from psm_viz.study.manifest import Checkpoint, Manifest

Read = tuple[PersonaVectors, FoldVectors, QuestionVectors]


@dataclass(frozen=True)
class Prompted:
    """A study in memory, at one layer and pooling: what a comparison needs, and no more
    (`tables.compare.Measurable`)."""

    manifest: Manifest
    cast: Cast
    questions: tuple[Question, ...]
    read: dict[str, Read]

    def holds(self, checkpoint_id: str, what: str) -> bool:
        """Whether a checkpoint has `what`: vectors, folds and questions are all there is."""
        return checkpoint_id in self.read and what in ("vectors", "folds", "questions")

    def vectors(self, checkpoint_id: str) -> PersonaVectors:
        """Persona vectors of one checkpoint."""
        return self.read[checkpoint_id][0]

    def folds(self, checkpoint_id: str) -> FoldVectors:
        """Fold means of one checkpoint."""
        return self.read[checkpoint_id][1]

    def question_vectors(self, checkpoint_id: str) -> QuestionVectors:
        """Per-question means of one checkpoint."""
        return self.read[checkpoint_id][2]

    def trait_folds(self, pooling: str) -> dict[str, np.ndarray]:
        """No traits are measured here."""
        return {}


def read_prompts(
    chat: ChatModel,
    source: Source,
    checkpoints: Sequence[str],
    cast: Cast,
    questions: tuple[Question, ...],
    layer: int,
    say: Callable[[str], None],
    wording: str = "instructions",
) -> Prompted:
    """Read every persona's prompts at the named checkpoints of a tree."""
    keys: list[tuple[int, int]] = []
    texts: list[str] = []
    for i, p in enumerate(cast.all):
        for instruction in getattr(p, wording):
            keys += [(i, k) for k in range(len(questions))]
            texts += [chat.prompts.one(p, instruction, q.text) for q in questions]
    prompts = chat.encode(texts)
    group = [i * len(questions) + k for i, k in keys]

    def read_at(checkpoint: str) -> Read:
        chat.swap(Path(source.folders[checkpoint]))
        found = chat.pooled(prompts, None, [layer], poolings=(PROMPT,))[
            :, 0, 0
        ]  # [prompt, d_model]
        by = mean_by_group(found, group, len(cast.all) * len(questions))
        by = by.reshape(len(cast.all), len(questions), -1)
        return _kept(by, cast, questions, layer, checkpoint)

    def told(n: int, left: str, found: Read) -> None:
        say(f"prompts read {n}/{len(checkpoints)}: {found[0].checkpoint}, {left}")

    every = each(read_at, checkpoints, None, told)
    read = dict(zip(checkpoints, every, strict=True))
    manifest = Manifest(
        name="prompts alone",
        model={},
        generation={},
        reference=source.reference,
        headline_pooling=PROMPT,
        headline_layer=layer,
        poolings=(PROMPT,),
        layers=(layer,),
        checkpoints=_descent(source, set(read)),
        noise_floor=None,
        notes={},
        versions={},
    )
    return Prompted(manifest, cast, questions, read)


def _kept(
    by: Float[np.ndarray, "persona question d_model"],
    cast: Cast,
    questions: Sequence[Question],
    layer: int,
    checkpoint: str,
) -> Read:
    """What is kept of one checkpoint's activations: means per persona, fold and question."""
    ids, one, at = tuple(p.id for p in cast.all), (PROMPT,), (layer,)
    fold = [q.fold for q in questions]
    folds = np.stack([mean_by_group(rows, fold, max(fold) + 1) for rows in by])
    others = np.einsum("p,pqd->qd", family_weights(cast), by[:-1])
    return (
        PersonaVectors(by.mean(1)[:, None, None].astype(np.float32), ids, one, at, checkpoint),
        FoldVectors(folds[:, :, None].astype(np.float32), one, layer, checkpoint),
        QuestionVectors(
            by[-1][:, None, None].astype(np.float32),
            others[:, None, None].astype(np.float32),
            tuple(q.id for q in questions),
            one,
            at,
            checkpoint,
        ),
    )


def _descent(source: Source, kept: set[str]) -> tuple[Checkpoint, ...]:
    """The kept checkpoints of a tree, each under its nearest kept ancestor."""
    parent = {c.id: c.parent for c in source.checkpoints}

    def ancestor(checkpoint: str | None) -> str | None:
        while checkpoint is not None and checkpoint not in kept:
            checkpoint = parent[checkpoint]
        return checkpoint

    return tuple(replace(c, parent=ancestor(c.parent)) for c in source.checkpoints if c.id in kept)
