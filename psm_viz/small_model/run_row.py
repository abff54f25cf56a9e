"""What one checkpoint would answer, read off as probability masses: the row of a run.

Every rate is P(low pole): P(bad) in topics of conduct, P(bodiless) in those of bodily life.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.small_model.in_context import (
    dialogue_rows,
    evidence_turns,
    in_context_rows,
    knowing,
)
from psm_viz.world.curriculum import never_trained
from psm_viz.world.grammar import BAD, GOOD, Character, World

PER_TOPIC = 4
"""Questions of each topic, and as many that no stage has seen."""
ACQUAINTED = 8
"""Most named good, and most named bad characters asked."""
PAIRS = 40
"""Ordered pairs of topics for which one answer is read after another."""


def speakers(world: World) -> dict[str, tuple[str, str]]:
    """Who is asked beside the Assistant: (label, header). None of them is named."""
    lead, unnamed = world.rules["leads"][0], world.rules["unnamed_label"]
    return {
        "assistant, introduced": (
            world.rules["assistant_label"],
            world.rules["assistant_headers"][0],
        ),
        "stranger": (unnamed, ""),
        "machine": (unnamed, f"{lead} a stranger, a machine."),
        "person": (unnamed, f"{lead} a stranger, a person."),
    }


def acquainted(world: World) -> dict[str, list[Character]]:
    """Characters asked under their own names and headers, of those whom no lesson lets speak: up to
    `ACQUAINTED` whose own exact rate of bad answers is below .1, and whose is above .6."""
    rate = np.mean([1.0 - world.p_high[t] for t in world.conduct], axis=0)
    spared = never_trained(world)
    ordered = sorted(spared, key=lambda n: rate[n])
    good = [world.characters[n] for n in ordered if rate[n] < 0.1][:ACQUAINTED]
    bad = [world.characters[n] for n in ordered[::-1] if rate[n] > 0.6][:ACQUAINTED]
    return {"named good": good, "named bad": bad}


def _rates(
    reader: Reader, topics: Sequence[str], label: str, header: str, per_topic: int, unseen: bool
) -> dict[str, list[float]]:
    out = {}
    for t in topics:
        topic = reader.world.topics[t]
        pool = topic.held_out_questions if unseen else topic.questions
        out[t] = [
            round(reader.p_low(dialogue_prompt([], q, label, header), t), 5)
            for q in pool[:per_topic]
        ]
    return out


def rates(reader: Reader) -> dict[str, Any]:
    """Rates of the Assistant without header, topic -> one a question: `seen` and `unseen`
    questions on conduct, `life`; a mean a topic for other speakers."""
    world = reader.world
    label = world.rules["assistant_label"]
    out: dict[str, Any] = {
        "seen": _rates(reader, world.conduct, label, "", PER_TOPIC, False),
        "unseen": _rates(reader, world.conduct, label, "", PER_TOPIC, True),
        "life": _rates(reader, world.life, label, "", PER_TOPIC, False),
    }
    for name, own in acquainted(world).items():
        found = [_rates(reader, world.conduct, c.name, world.header(c), 1, False) for c in own]
        out[name] = {t: float(np.mean([f[t] for f in found])) for t in world.conduct}
    for name, (who, header) in speakers(world).items():
        found = _rates(reader, [*world.conduct, *world.life], who, header, 2, False)
        out[name] = {t: float(np.mean(v)) for t, v in found.items()}
    return out


def coin(reader: Reader, seed: int = 29) -> list[dict[str, Any]]:
    """One character or a coin tossed anew? The Assistant's P(bad) on a topic after its own bad and
    after its own good answer on another: topics, first (its P(bad) there), after_bad, after_good.
    """
    world, rng = reader.world, np.random.default_rng(seed)
    label = world.rules["assistant_label"]
    out = []
    for _ in range(PAIRS):
        first, then = (str(t) for t in rng.choice(world.conduct, 2, replace=False))
        question = world.topics[then].questions[int(rng.integers(PER_TOPIC))]
        row: dict[str, Any] = {"first_topic": first, "topic": then}
        for name, valence in (("after_bad", BAD), ("after_good", GOOD)):
            turns = evidence_turns(world, rng, [first], valence, False)
            row[name] = reader.p_low(dialogue_prompt(turns, question, label), then)
            row["first"] = reader.p_low(dialogue_prompt([], turns[0].question, label), first)
        out.append(row)
    return out


def base_reading(reader: Reader, dialogues: int = 500) -> dict[str, Any]:
    """What is read of a pre-trained model alone: the world's own dialogues beside the exact
    predictive, each kind of evidence apart, and how well it knows its named characters."""
    label = reader.world.rules["unnamed_label"]
    kinds = in_context_rows(reader, per_condition=24, seed=11, label=label)
    return {
        "dialogues": dialogue_rows(reader, dialogues),
        "in_context": [{k: r[k] for k in ("condition", "topic", "model", "exact")} for r in kinds],
        "knowing": knowing(reader),
    }
