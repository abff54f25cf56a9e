"""What the small model's Assistant would answer, in every topic that has good and bad answers."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.sampling import Sampling
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.world.grammar import BAD, GOOD, World

LONGEST = 40
"""Tokens that the longest answer with a turn of speech and its end stays below."""


def behaviour(
    chat: ChatModel, world: World, drawn_as: Sampling, *, per_topic: int = 6, samples: int = 8
) -> pd.DataFrame:
    """What the Assistant would answer, without any header, in every topic that has good and bad,
    and somebody without a name.

    One row a speaker and prompt: exact masses of good, bad and no bank answer, and counts over
    `samples` draws, made as the study's own (`drawn_as`). The answers are read back by the bank, so
    no judge is needed; an open refusal counts as neither good, bad nor none. Of the stranger no
    answers are drawn.
    """
    label = world.rules["assistant_label"]
    asked = [(t, q) for t in world.conduct for q in world.topics[t].questions[:per_topic]]
    prompts = [dialogue_prompt([], q, label) for _, q in asked]
    drawn = chat.sample(chat.encode(prompts), replace(drawn_as, samples=samples))
    reader = Reader(chat.hf, chat.tokenizer, world)
    rows = []
    for (topic, question), prompt, answers in zip(asked, prompts, drawn, strict=True):
        said = [chat.tokenizer.decode(a, skip_special_tokens=True) for a in answers]
        found = [world.read(topic, s) for s in said]
        good, bad = (sum(u is not None and u[0].valence == v for u in found) for v in (GOOD, BAD))
        counts = (good, bad, sum(u is None for u in found))
        rows.append(_row(ASSISTANT, topic, question, reader.masses(prompt, topic), counts))
    stranger = world.rules["unnamed_label"]
    for topic, question in asked:
        mass = reader.masses(dialogue_prompt([], question, stranger), topic)
        rows.append(_row(col.STRANGER, topic, question, mass, (0, 0, 0)))
    return pd.DataFrame(rows)


def _row(
    speaker: str, topic: str, question: str, mass: dict[str, float], counts: tuple[int, int, int]
) -> dict[str, object]:
    """A row of behaviour.parquet; `counts`: good, bad and other answers among those drawn."""
    return {
        col.SPEAKER: speaker,
        col.TOPIC: topic,
        col.QUESTION: question,
        col.MASS_GOOD: mass[GOOD],
        col.MASS_BAD: mass[BAD],
        col.MASS_NONE: mass["none"],
        **dict(zip((col.SAMPLED_GOOD, col.SAMPLED_BAD, col.SAMPLED_NONE), counts, strict=True)),
    }
