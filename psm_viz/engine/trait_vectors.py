"""Trait vectors: the reference answers under a trait's instructions and under their opposites, and
its mean states are subtracted (persona vectors, Chen et al. 2025)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from psm_viz.engine.answers import answers_of, texts_read, told_of
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.extract import by_question
from psm_viz.engine.pace import Pace, Say, named
from psm_viz.engine.playing import Playing
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study import columns as col
from psm_viz.study.cast import Persona, Question
from psm_viz.study.formats.trait_files import Trait
from psm_viz.study.traits import TraitVector
from psm_viz.study.writer import StudyWriter

SALT = 5003
"""Where the seeds of traits' answers begin: personas count from 0."""


def poles(trait: Trait) -> tuple[Persona, Persona]:
    """Who is asked to have a trait, and who is asked to have its opposite."""

    def pole(sign: str, texts: tuple[str, ...]) -> Persona:
        name = f"{trait.id} {sign}"
        return Persona(name, name, "", "Assistant", trait.description, texts, texts)

    return pole("+", trait.pos), pole("-", trait.neg)


def measure_traits(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    traits: Sequence[Trait],
    layers: Sequence[int],
    headline: int,
    writer: StudyWriter,
    say: Say,
) -> None:
    """Measure every trait on the model that is held and write it; those there are passed over.

    Each question is put under one of a trait's instructions and under its opposite, in turn, so
    that what is subtracted is alike in all else. A trait whose sides the model does not tell apart
    is left out, and so is one of which a side answers nothing.
    """
    playing = replace(playing, judge=None, in_turn=True)
    for n, trait in enumerate(traits):
        if writer.has_trait(trait.id):
            continue
        told = named(say, f"trait {trait.id}, {n + 1} of {len(traits)}")
        with told_of(f"trait {trait.id!r}"):
            apart = _contrast(chat, playing, questions, trait, layers, SALT + n, told)
        if not np.isfinite(apart).all():
            say(f"trait {trait.id}: left out, one of its sides answers no question")
            continue
        if not apart.any():
            say(f"trait {trait.id}: left out, the model reads both of its sides alike")
            continue
        at = list(layers).index(headline)
        folds = [q.fold for q in questions]
        writer.write_trait(
            TraitVector(
                trait.id,
                trait.description,
                apart.mean(0).astype(np.float32),
                mean_by_group(apart[:, :, at], folds, max(folds) + 1).astype(np.float32),
                playing.poolings,
                tuple(layers),
            )
        )


def _contrast(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    trait: Trait,
    layers: Sequence[int],
    salt: int,
    say: Say,
) -> np.ndarray:
    """A trait's states less its opposite's, question by question: [question, pooling, layer, d]."""
    both = poles(trait)
    said = answers_of(chat, playing, both, questions, salt, say)
    prompts, answers = texts_read(playing.poolings, said.prompts, said.of, said.answers)
    pace = Pace(say, "reading", len(prompts), "texts")
    pooled = chat.pooled(prompts, answers, layers, poolings=playing.poolings, tick=pace)
    if answers is None:
        pooled = pooled[said.of]
    who = said.frame[col.PERSONA].to_numpy()
    have, lack = (
        by_question(pooled[who == p.id], said.frame.loc[who == p.id, "q"].tolist(), len(questions))
        for p in both
    )
    return have - lack
