"""A row of figures for every end of a branch of the chat model's study: what the claims read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from psm_viz.claims.chat_rows import REFERENCE, Row
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.talks import chosen_headers
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, Cast, Question
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study
from psm_viz.study.talks import families_in, headline_way

SAID = 3
"""How often a word is said at least to be kept."""
ASKED, A_FAMILY = 4, 2
"""How many questions, of different topics, and personas a family likeness is measured with."""
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


def likeness(
    chat: ChatModel, cast: Cast, wording: str, questions: Sequence[Question], layer: int
) -> float:
    """The mean cosine between personas' mean states at the last prompt token of some questions,
    each persona under its first instruction: two of each family, four questions."""
    people = [cast.persona(p) for p in chosen_headers(cast, A_FAMILY, 0)]
    of_topic = {q.topic: q for q in reversed([q for q in questions if q.set == MAIN])}
    asked = list(of_topic.values())[::-1][:ASKED]
    texts = [chat.prompts.one(p, getattr(p, wording)[0], q.text) for p in people for q in asked]
    states = chat.pooled(chat.encode(texts), None, [layer])[:, 0, 0].astype(np.float64)
    mean = states.reshape(len(people), len(asked), -1).mean(1)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    n = len(unit)
    return float((np.square(unit.sum(0)).sum() - n) / (n * (n - 1)))


def row_of(study: Study, checkpoint: str, seed: int, alike: float, update: float) -> Row:
    """The row of one checkpoint, whose weights moved by so much; of the reference with what
    evidence foretold.

    Raises UnknownName for a study without talks or written answers.
    """
    m = study.manifest
    c, note = m.checkpoint(checkpoint), study.talk_note
    assert note is not None  # its talks are what the row is made of
    belief = study.table("belief")
    way = headline_way(study.table("belief_readings"))
    here = (belief.checkpoint == c.id) & (belief.way == way) & (belief.answers == note.answers)
    mass = belief[here & (belief.of == "family")].set_index("name").mass
    families = families_in(study.table("beliefs"), study.cast)
    row: Row = {
        "checkpoint": c.id,
        "branch": REFERENCE if c.id == m.reference else c.branch,
        "step": c.step,
        "seed": seed,
        "model": str(m.model["name"]),
        "families": families,
        "marked": [f for f in families if f in note.marked],
        "headline": way,
        "mass": [float(mass[f]) for f in families],
        "odds": _odds(study, c.id),
        "alike": alike,
        "update": update,
        "words": _words(study, c.id),
    }
    if c.id == m.reference:
        row |= {"trained": m.notes.get("trained_topic"), "told": _told(study)}
    return row


def _odds(study: Study, checkpoint: str) -> dict[str, dict[str, float]]:
    """speaker -> topic -> log p(bad) - log p(good), nats per token."""
    found = study.odds(checkpoint)
    out: dict[str, dict[str, float]] = {}
    if found is None:
        return out
    level = (found[col.LOG_BAD] - found[col.LOG_GOOD]).astype(np.float64)
    by = found.assign(level=level).groupby([col.SPEAKER, col.TOPIC], sort=False, observed=True)
    mean = by["level"].mean().reset_index()
    for speaker, topic, value in zip(
        mean[col.SPEAKER], mean[col.TOPIC], mean["level"], strict=True
    ):
        out.setdefault(str(speaker), {})[str(topic)] = float(value)
    return out


def _words(study: Study, checkpoint: str) -> dict[str, int]:
    """How often the Assistant says each word in its talks."""
    said = study.talk_answers(checkpoint)
    texts = said.loc[said[col.PERSONA] == ASSISTANT, col.TEXT].astype(str)
    counts = Counter(w for t in texts for w in WORD.findall(t.lower()))
    return {w: n for w, n in sorted(counts.items()) if n >= SAID}


def _told(study: Study) -> dict[str, dict[str, float]]:
    """lesson -> family -> mean log p of the lesson's answers under its personas' instructions."""
    home = {p.id: p.family for p in study.cast.personas}
    out: dict[str, dict[str, float]] = {}
    for name in study.evidences:
        likelihood = study.evidence(name).likelihood
        own: Any = likelihood[likelihood.persona.isin(list(home))]
        by = own.loglik.groupby(own.persona.astype(str).map(home)).mean()
        out[name] = {str(f): float(v) for f, v in by.items()}
    return out
