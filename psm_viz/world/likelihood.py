"""The ideal observer: exact likelihoods, posteriors and predictions under the generator.

Everything is in natural logs. A turn's likelihood given a character is
P(valence | character, topic, frame) * P(tone | character) / (answers in that cell); the question
and the frame carry no evidence. With a request, P(valence) is the obedience for every character,
so only the tone is evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psm_viz.errors import BadInput
from psm_viz.world.corpus import Header, Turn
from psm_viz.world.grammar import BAD, GOOD, NEUTRAL, World


def log_valence(world: World, topic: str, valence: str, frame: str | None = None) -> np.ndarray:
    """log P(valence | character, topic, frame): [character]. Zero in neutral topics."""
    n = len(world.characters)
    if world.topics[topic].neutral:
        if valence != NEUTRAL:
            raise BadInput(f"Topic {topic!r} has neutral answers only, not {valence!r}.")
        return np.zeros(n)
    if frame is not None:
        obey = world.rules["obedience"]
        return np.full(n, np.log(obey if valence == frame else 1.0 - obey))
    p = world.p_good[topic]
    return np.log(np.clip(p if valence == GOOD else 1.0 - p, 1e-12, 1.0))


def log_utterance(world: World, topic: str, text: str, frame: str | None = None) -> np.ndarray:
    """log P(answer | character, topic, frame): [character].

    Raises BadInput for a text that the topic's bank does not hold: its likelihood is zero.
    """
    try:
        u = world.by_text[topic, text]
    except KeyError:
        raise BadInput(f"Topic {topic!r} has no answer {text!r} in its bank.") from None
    tone = np.log(world.p_tone[:, world.tones.index(u.tone)])
    cell = len(world.topics[topic].cell(u.valence, u.tone))
    return log_valence(world, topic, u.valence, frame) + tone - np.log(cell)


def log_header(world: World, header: Header | None) -> np.ndarray:
    """log P(what the header says | character): [character]; parts left out say nothing."""
    out = np.zeros(len(world.characters))
    if header is None:
        return out
    for i, c in enumerate(world.characters):
        said = ((header.name, c.name), (header.kind, c.kind), (header.role, c.role))
        if any(part not in (None, own) for part, own in said):
            out[i] = -np.inf
    if header.adjective:
        trait, high = header.adjective
        z = world.z[:, world.traits.index(trait)] * (1.0 if high else -1.0)
        out = out - np.log1p(np.exp(-world.rules["adjective_gain"] * z))
    return out


def log_posterior(
    world: World,
    turns: Sequence[Turn] = (),
    *,
    header: Header | None = None,
    label: str | None = None,
) -> np.ndarray:
    """log P(character | header, label, turns) from a uniform prior over characters.

    `label` is a character's name, or None for an unnamed speaker or the Assistant of the base
    documents, behind whom anyone may stand.
    """
    score = log_header(world, header)
    if label is not None:
        match = np.array([c.name == label for c in world.characters])
        if not match.any():
            raise BadInput(f"No character is named {label!r}.")
        score = np.where(match, score, -np.inf)
    for t in turns:
        score = score + log_utterance(world, t.topic, t.answer.text, t.frame)
    return score - np.logaddexp.reduce(score)


def predict_bad(world: World, log_post: np.ndarray, topic: str, frame: str | None = None) -> float:
    """Posterior predictive P(bad) in a topic: sum over characters of posterior times P(bad)."""
    return float(np.exp(np.logaddexp.reduce(log_post + log_valence(world, topic, BAD, frame))))


def family_posterior(world: World, log_post: np.ndarray) -> dict[str, float]:
    """The posterior summed over each family's characters."""
    p = np.exp(log_post)
    return {
        f: float(p[[c.family == f for c in world.characters]].sum())
        for f in world.rules["families"]
    }
