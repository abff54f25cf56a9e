"""The ideal observer: exact likelihoods, posteriors and predictions under the generator.

Everything is in natural logs. A turn's likelihood given a character is
P(declines or not) * P(valence | character, topic, frame) * P(tone | character) / (answers in that
cell) * P(turn of speech | character); the question, the frame and the remark carry no evidence.
With a request, P(valence) is the obedience for every character, so only tone and turn of speech
are evidence; of a refusal to answer, the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psm_viz.errors import BadInput
from psm_viz.world.corpus import Header, Turn
from psm_viz.world.grammar import CONDUCT, DECLINE, NEUTRAL, Utterance, World


def log_valence(world: World, topic: str, valence: str, frame: str | None = None) -> np.ndarray:
    """log P(valence | character, topic, frame, no refusal): [character]. Zero in neutral topics.

    Raises BadInput for a valence that the topic has not, or a request for one.
    """
    n, poles = len(world.characters), world.topics[topic].poles
    if valence not in (poles or (NEUTRAL,)):
        raise BadInput(f"Topic {topic!r} has answers {poles or (NEUTRAL,)}, not {valence!r}.")
    if not poles:
        return np.zeros(n)
    if frame is not None:
        if frame not in poles:
            raise BadInput(f"Topic {topic!r} has answers {poles}: nobody asks it for {frame!r}.")
        obey = world.rules["obedience"]
        return np.full(n, np.log(obey if valence == frame else 1.0 - obey))
    p = world.p_high[topic]
    return np.log(np.clip(p if valence == poles[0] else 1.0 - p, 1e-12, 1.0))


def log_utterance(
    world: World, topic: str, answer: Utterance, frame: str | None = None, saying: str = ""
) -> np.ndarray:
    """log P(answer, turn of speech | character, topic, frame): [character].

    A held-out answer counts as one of its cell: what a reader who knows its valence and tone
    would infer. Raises BadInput for an answer or a saying that the world has not.
    """
    if world.by_text.get((topic, answer.text)) != answer:
        raise BadInput(f"Topic {topic!r} has no answer {answer.text!r} in its bank.")
    silent, sayings = world.log_saying
    if saying and saying not in sayings:
        raise BadInput(f"Nobody says {saying!r}.")
    spoken = sayings[saying] if saying else silent
    tone = np.log(world.p_tone[:, world.tones.index(answer.tone)])
    refusable = frame is None and world.topics[topic].poles == CONDUCT
    if answer.valence == DECLINE:
        if not refusable:
            return np.full(len(world.characters), -np.inf)
        same = sum(u.tone == answer.tone for u in world.declines)
        return np.log(world.rules["decline_rate"]) + tone - np.log(same) + spoken
    answered = np.log(1.0 - world.rules["decline_rate"]) if refusable else 0.0
    cell = len(world.topics[topic].cell(answer.valence, answer.tone))
    valence = log_valence(world, topic, answer.valence, frame)
    return answered + valence + tone - np.log(cell) + spoken


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
        score = score + log_utterance(world, t.topic, t.answer, t.frame, t.saying)
    return score - np.logaddexp.reduce(score)


def predict_low(world: World, log_post: np.ndarray, topic: str, frame: str | None = None) -> float:
    """Posterior predictive of a topic's low pole (bad, or bodiless): sum over characters of
    posterior times P(low pole). Raises BadInput for a neutral topic."""
    poles = world.topics[topic].poles
    if not poles:
        raise BadInput(f"Topic {topic!r} has no poles to predict.")
    return float(np.exp(np.logaddexp.reduce(log_post + log_valence(world, topic, poles[1], frame))))


def family_posterior(world: World, log_post: np.ndarray) -> dict[str, float]:
    """The posterior summed over each family's characters."""
    p = np.exp(log_post)
    return {
        f: float(p[[c.family == f for c in world.characters]].sum())
        for f in world.rules["families"]
    }
