"""Is a direction causal? The Assistant's answers while a vector is added to its residual stream.

Null 7: random vectors of the same length, isotropic ones and ones drawn from the cast's own
covariance. A direction that changes behaviour no more than those do steers nothing in particular.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.steering import random_directions, steered
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.stats.vectors import unit
from psm_viz.tables.compare import Comparer, Measurable
from psm_viz.world.grammar import World

STRENGTHS = (0.5, 1.0, 2.0)
"""In units of the reference length (the specific shift of the strongest branch)."""
RANDOM_DRAWS = 20
PER_TOPIC = 2


def asked_prompts(world: World, trained: str) -> list[tuple[str, str]]:
    """(topic, prompt) of the held-out topics, Assistant label, no header."""
    label = world.rules["assistant_label"]
    return [
        (t, dialogue_prompt([], q, label))
        for t in world.conduct
        if t != trained
        for q in world.topics[t].questions[:PER_TOPIC]
    ]


@dataclass(frozen=True)
class Pushes:
    """What is added to the residual stream, and how hard.

    `directions` [d_model] each; `length`: residual-stream units that strength 1 means; `roles`
    [role, d_model]: the cast, whose covariance the matched random directions have.
    """

    layer: int
    directions: dict[str, np.ndarray]
    length: float
    roles: np.ndarray
    strengths: Sequence[float] = STRENGTHS
    draws: int = RANDOM_DRAWS
    seed: int = 0


def steering_table(chat: ChatModel, world: World, trained: str, pushes: Pushes) -> pd.DataFrame:
    """Rate of bad answers in held-out topics under each direction and strength.

    direction, strength (units of the length), p_bad, low, high: for a direction the mean over
    prompts; for 'random' and 'random, cast covariance' the median over draws with the band of 95 %
    of them. Strength 0 is the unsteered Assistant.
    """
    prompts = asked_prompts(world, trained)
    reader = Reader(chat.hf, chat.tokenizer, world)

    def rate() -> float:
        return float(np.mean([reader.p_low(p, t) for t, p in prompts]))

    def pushed(vector: np.ndarray) -> float:
        with steered(chat.resid_post[pushes.layer], vector):
            return rate()

    nan = float("nan")
    rows = [{"direction": "none", "strength": 0.0, "p_bad": rate(), "low": nan, "high": nan}]
    for strength in pushes.strengths:
        far = strength * pushes.length
        for name, v in pushes.directions.items():
            more = {"p_bad": pushed(far * unit(v[None])[0]), "low": nan, "high": nan}
            rows.append({"direction": name, "strength": strength} | more)
        for name, matched in (("random", False), ("random, cast covariance", True)):
            drawn = random_directions(pushes.draws, pushes.roles, pushes.seed, matched)
            low, middle, high = np.percentile([pushed(far * v) for v in drawn], [2.5, 50, 97.5])
            more = {"p_bad": float(middle), "low": float(low), "high": float(high)}
            rows.append({"direction": name, "strength": strength} | more)
    return pd.DataFrame(rows).assign(n=len(prompts), draws=pushes.draws)


def pushes_of(
    study: Measurable,
    ends: dict[str, str],
    *,
    strengths: Sequence[float] = STRENGTHS,
    unit_of: str | None = None,
    draws: int = RANDOM_DRAWS,
) -> Pushes:
    """The reference's axis downwards and each branch's own specific shift (branch -> its end), at
    the headline layer and pooling, in units of the length of one branch's shift, or the longest."""
    m, comparer = study.manifest, Comparer(study)
    at = (m.headline_pooling, m.headline_layer)
    own = {b: comparer.shift(m.reference, e, *at).specific.mean(0) for b, e in ends.items()}
    longs = {b: float(np.linalg.norm(v)) for b, v in own.items()}
    a, c = comparer.vectors(m.reference, *at)
    directions = {"down the axis": -(a - c).mean(0)} | {f"{b} arrow": v for b, v in own.items()}
    length = longs[unit_of] if unit_of else max(longs.values())
    roles = study.vectors(m.reference).at(*at)[:-1].astype(np.float64)
    return Pushes(m.headline_layer, directions, length, roles, strengths, draws)
