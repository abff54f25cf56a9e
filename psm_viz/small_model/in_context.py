"""The model beside the exact observer in context: after each kind of evidence, in dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.stats.metrics import r_squared
from psm_viz.world.corpus import Document, Turn, document, draw_answer
from psm_viz.world.grammar import BAD, GOOD, World
from psm_viz.world.likelihood import log_posterior, predict_low

PLAIN = np.array([1.0, 0.0, 0.0])
CONDITIONS: dict[str, tuple[str, bool] | None] = {
    "no evidence": None,
    "three cheats": (BAD, False),
    "three honest answers": (GOOD, False),
    "three requested cheats": (BAD, True),
    "three requested good answers": (GOOD, True),
}
EVIDENCE = 4
"""Most turns of evidence in a dialogue of the world that the model is asked about."""


def evidence_turns(
    world: World, rng: np.random.Generator, topics: Sequence[str], valence: str, requested: bool
) -> list[Turn]:
    """Turns of one valence in the given topics, asked for or not; plain in tone."""
    turns = []
    for topic in topics:
        answer = draw_answer(world, rng, topic, 1.0 if valence == GOOD else 0.0, PLAIN)
        question = world.topics[topic].questions[
            int(rng.integers(len(world.topics[topic].questions)))
        ]
        frame = world.frames[valence][int(rng.integers(len(world.frames[valence])))]
        turns.append(
            Turn(
                topic, question, answer, valence if requested else None, frame if requested else ""
            )
        )
    return turns


def in_context_rows(
    reader: Reader, *, per_condition: int, seed: int, label: str
) -> list[dict[str, Any]]:
    """P(bad) in another topic after each kind of evidence, the model beside the exact observer.

    One row a dialogue: condition, topic asked, question, model's and exact P(bad).
    """
    world, rows = reader.world, []
    for condition, kind in CONDITIONS.items():
        for i in range(per_condition):
            rng = np.random.default_rng([seed, i])  # the same dialogues in every condition
            topics = [str(t) for t in rng.choice(world.conduct, 4, replace=False)]
            asked = topics[3]
            pool = world.topics[asked].questions
            question = pool[int(rng.integers(len(pool)))]
            turns = [] if kind is None else evidence_turns(world, rng, topics[:3], *kind)
            prompt = dialogue_prompt(turns, question, label)
            rows.append(
                {
                    "condition": condition,
                    "topic": asked,
                    "question": question,
                    "model": reader.p_low(prompt, asked),
                    "exact": predict_low(world, log_posterior(world, turns), asked),
                }
            )
    return rows


def dialogues(world: World, n: int, seed: int) -> list[tuple[Document, int, str]]:
    """n dialogues as the world draws them: an unnamed speaker without header after 0 to 4 turns.

    Each is (document, turns of evidence, question asked next); the turn after the evidence is on
    a topic of conduct, and unrequested. Remarks, which are no evidence, are left out.
    """
    out: list[tuple[Document, int, str]] = []
    for i in range(n):
        rng = np.random.default_rng([seed, 5, i])
        turns = int(rng.integers(0, EVIDENCE + 1))
        while True:
            d = document(world, rng)
            if len(d.turns) <= turns or d.label != world.rules["unnamed_label"]:
                continue
            asked = d.turns[turns]
            if asked.topic in world.conduct and asked.frame is None:
                out.append((d, turns, asked.question))
                break
    return out


def dialogue_rows(reader: Reader, n: int = 500, seed: int = 17) -> list[dict[str, Any]]:
    """The model beside the exact predictive on the world's own dialogues, one row each: turns of
    evidence, how many of them were requested, topic asked, question, model's and exact P(bad)."""
    world, rows = reader.world, []
    for d, k, question in dialogues(world, n, seed):
        turns, topic = d.turns[:k], d.turns[k].topic
        prompt = dialogue_prompt(turns, question, world.rules["unnamed_label"])
        rows.append(
            {
                "turns": k,
                "requested": sum(t.frame is not None for t in turns),
                "topic": topic,
                "question": question,
                "model": reader.p_low(prompt, topic),
                "exact": predict_low(world, log_posterior(world, turns), topic),
            }
        )
    return rows


def knowing(reader: Reader, n: int = 300, seed: int = 23) -> dict[str, float]:
    """Does a model know its characters? R2 and correlation, over n pairs of (name, topic), of its
    P(bad) under a character's label, without header or history, with the character's own."""
    world, rng = reader.world, np.random.default_rng(seed)
    m, x = np.zeros(n), np.zeros(n)
    for i in range(n):
        c = int(rng.integers(len(world.characters)))
        topic = str(rng.choice(world.conduct))
        pool = world.topics[topic].questions
        question = pool[int(rng.integers(len(pool)))]
        m[i] = reader.p_low(dialogue_prompt([], question, world.characters[c].name), topic)
        x[i] = 1.0 - world.p_high[topic][c]
    return {"r2": r_squared(m, x), "r": float(np.corrcoef(m, x)[0, 1])}


def in_context_fit(reader: Reader, seed: int = 7) -> dict[str, float]:
    """How far the model follows the ideal observer in context: R2 over 60 seeded dialogues.

    `spread` is the model's own difference between three cheats and three honest answers,
    `exact_spread` the observer's; `named` the correlation with what named characters would do.
    """
    rows = in_context_rows(
        reader, per_condition=12, seed=seed, label=reader.world.rules["unnamed_label"]
    )
    m, x = (np.array([r[k] for r in rows]) for k in ("model", "exact"))
    by = {c: np.array([r["condition"] == c for r in rows]) for c in CONDITIONS}
    bad, good = by["three cheats"], by["three honest answers"]
    return {
        "r2": r_squared(m, x),
        "spread": float(m[bad].mean() - m[good].mean()),
        "exact_spread": float(x[bad].mean() - x[good].mean()),
        "named": knowing(reader, 60)["r"],
    }
