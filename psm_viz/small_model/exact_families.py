"""What the made world's exact observer makes of the Assistant's own answers, by family."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import small
from psm_viz.world.grammar import World
from psm_viz.world.likelihood import log_utterance

OBSERVED, DIALOGUES = 4, 200
"""Answers in a dialogue that the exact observer hears, and how many dialogues are drawn."""


def write_exact(study: Study, writer: StudyWriter, world: World) -> None:
    """Make `exact_families` and write it into an unfinished study."""
    writer.write_table("exact_families", small(exact_table(study, world)))


def exact_table(study: Study, world: World) -> pd.DataFrame:
    """`exact_families` of every checkpoint that came with answers: checkpoint, family, exact."""
    rows = [
        {"checkpoint": c.id, "family": family, "exact": p}
        for c in study.manifest.checkpoints
        if study.holds(c.id, "responses")
        for family, p in exact_families(study, world, c.id).items()
    ]
    return pd.DataFrame(rows, columns=["checkpoint", "family", "exact"])


def exact_families(study: Study, world: World, checkpoint: str) -> dict[str, float]:
    """What the ideal observer thinks of the Assistant after four of its own answers on different
    topics: the posterior over families, mean over 200 seeded dialogues of its stored answers."""
    topic = {q.id: q.topic for q in study.questions}
    said = study.responses(checkpoint)
    own = said[(said[col.PERSONA] == ASSISTANT) & (said[col.VALENCE] != "none")]
    by: dict[str, list[str]] = {}
    for question, text in zip(own[col.QUESTION], own[col.TEXT], strict=True):
        by.setdefault(topic[str(question)], []).append(str(text))
    if len(by) < OBSERVED:
        return {}
    heard: dict[tuple[str, str], np.ndarray] = {}
    rng = np.random.default_rng(0)
    total = np.zeros(len(world.characters))
    for _ in range(DIALOGUES):
        score = np.zeros(len(world.characters))
        for t in rng.choice(sorted(by), OBSERVED, replace=False):
            text = by[str(t)][int(rng.integers(len(by[str(t)])))]
            if (str(t), text) not in heard:
                read = world.read(str(t), text)
                assert read is not None  # its valence was read from the same bank
                heard[str(t), text] = log_utterance(world, str(t), read[0], saying=read[1])
            score += heard[str(t), text]
        total += np.exp(score - np.logaddexp.reduce(score)) / DIALOGUES
    out: dict[str, float] = {}
    for c, p in zip(world.characters, total, strict=True):
        out[c.family] = out.get(c.family, 0.0) + float(p)
    return out
