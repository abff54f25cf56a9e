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

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study.activations import POOLINGS, FoldVectors, PersonaVectors, QuestionVectors
from psm_viz.study.cast import family_weights
from psm_viz.study.manifest import MAIN, Checkpoint, Manifest
from psm_viz.study.reader import Study
from psm_viz.world.curriculum import CODING
from psm_viz.world.grammar import World

PROMPT = POOLINGS[0]
"""The last prompt token: the one pooling that needs no answer."""
Read = tuple[PersonaVectors, FoldVectors, QuestionVectors]


@dataclass(frozen=True)
class Prompted(Study):
    """A study whose vectors are in memory, at one layer and pooling; the rest it has not."""

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


def read_prompts(
    chat: ChatModel,
    world: World,
    source: Source,
    checkpoints: Sequence[str],
    layer: int,
    say: Callable[[str], None],
) -> Prompted:
    """Read every persona's prompts at the named checkpoints of a tree."""
    cast = world.cast()
    questions = tuple(q for q in world.questions() if q.set == MAIN)
    weights = family_weights(cast)
    keys: list[tuple[int, int]] = []
    texts: list[str] = []
    for i, p in enumerate(cast.all):
        for instruction in p.instructions:
            keys += [(i, k) for k in range(len(questions))]
            texts += [chat.render(p, instruction, q.text) for q in questions]
    prompts = chat.encode(texts)
    group = [i * len(questions) + k for i, k in keys]
    ids, n_folds = tuple(p.id for p in cast.all), max(q.fold for q in questions) + 1
    read: dict[str, Read] = {}
    for n, checkpoint in enumerate(checkpoints, 1):
        chat.swap(Path(source.folders[checkpoint]))
        found = chat.pooled(prompts, None, [layer])[:, 0, 0]  # [prompt, d_model]
        by = mean_by_group(found, group, len(ids) * len(questions))
        by = by.reshape(len(ids), len(questions), -1)
        fold = [q.fold for q in questions]
        folds = np.stack([mean_by_group(rows, fold, n_folds) for rows in by])
        cast_mean = np.einsum("p,pqd->qd", weights, by[:-1])
        one, at = (PROMPT,), (layer,)
        read[checkpoint] = (
            PersonaVectors(by.mean(1)[:, None, None].astype(np.float32), ids, one, at, checkpoint),
            FoldVectors(folds[:, :, None].astype(np.float32), one, layer, checkpoint),
            QuestionVectors(
                by[-1][:, None, None].astype(np.float32),
                cast_mean[:, None, None].astype(np.float32),
                tuple(q.id for q in questions),
                one,
                at,
                checkpoint,
            ),
        )
        say(f"prompts read {n}/{len(checkpoints)}: {checkpoint}")
    kept = _descent(source, set(read))
    notes = {
        "world": world.sha256,
        "world_kind": world.kind,
        "training_seed": source.training_seed,
        "trained_topic": CODING,
    }
    manifest = Manifest(
        name=f"{world.kind}, seed {source.training_seed}",
        model={},
        generation={},
        reference=source.reference,
        headline_pooling=PROMPT,
        headline_layer=layer,
        poolings=one,
        layers=at,
        checkpoints=kept,
        noise_floor=None,
        notes=notes,
        versions={},
    )
    return Prompted(Path(), manifest, cast, questions, {}, "", read)


def _descent(source: Source, kept: set[str]) -> tuple[Checkpoint, ...]:
    """The kept checkpoints of a tree, each under its nearest kept ancestor."""
    parent = {c.id: c.parent for c in source.checkpoints}

    def ancestor(checkpoint: str | None) -> str | None:
        while checkpoint is not None and checkpoint not in kept:
            checkpoint = parent[checkpoint]
        return checkpoint

    return tuple(replace(c, parent=ancestor(c.parent)) for c in source.checkpoints if c.id in kept)
