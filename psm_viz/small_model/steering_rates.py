"""Is a direction causal? The Assistant's answers while a vector is added to its residual stream.

Null 7: random vectors of the same length, isotropic ones and ones drawn from the cast's own
covariance. A direction that changes behaviour no more than those do steers nothing in particular.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from psm_viz.engine.steering import random_directions, steered
from psm_viz.small_model.answer_masses import Reader
from psm_viz.stats.vectors import unit
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer
from psm_viz.world.corpus import BOS
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


STRENGTHS = (0.5, 1.0, 2.0)
"""In units of the reference length (the specific shift of the strongest branch)."""
RANDOM_DRAWS = 20
PER_TOPIC = 2


def asked_prompts(world: World, trained: str) -> list[tuple[str, str]]:
    """(topic, prompt) of the held-out topics, Assistant label, no header."""
    label = world.rules["assistant_label"]
    return [
        (t, f"{BOS}User: {q}\n{label}:")
        for t in world.conduct
        if t != trained
        for q in world.topics[t].questions[:PER_TOPIC]
    ]


def steering_table(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    trained: str,
    layer: int,
    directions: dict[str, np.ndarray],
    length: float,
    roles: np.ndarray,
    seed: int = 0,
    *,
    strengths: Sequence[float] = STRENGTHS,
    draws: int = RANDOM_DRAWS,
) -> pd.DataFrame:
    """Rate of bad answers in held-out topics under each direction and strength.

    direction, strength (units of `length`), p_bad, low, high: for a direction the mean over
    prompts; for 'random' and 'random, cast covariance' the median over draws with the band of 95 %
    of them. Strength 0 is the unsteered Assistant.
    """
    prompts = asked_prompts(world, trained)
    reader = Reader(model, tokenizer, world)

    def rate(vector: np.ndarray | None) -> float:
        def ask() -> float:
            return float(np.mean([reader.p_low(p, t) for t, p in prompts]))

        if vector is None:
            return ask()
        with steered(model, layer, vector):
            return ask()

    nan = float("nan")
    rows = [{"direction": "none", "strength": 0.0, "p_bad": rate(None), "low": nan, "high": nan}]
    for strength in strengths:
        for name, v in directions.items():
            value = rate(strength * length * unit(v[None])[0])
            more = {"p_bad": value, "low": nan, "high": nan}
            rows.append({"direction": name, "strength": strength} | more)
        for name, matched in (("random", False), ("random, cast covariance", True)):
            drawn = random_directions(draws, roles, seed, matched)
            values = [rate(strength * length * v) for v in drawn]
            low, middle, high = np.percentile(values, [2.5, 50, 97.5])
            more = {"p_bad": float(middle), "low": float(low), "high": float(high)}
            rows.append({"direction": name, "strength": strength} | more)
    return pd.DataFrame(rows).assign(n=len(prompts), draws=draws)


def steering(
    study: Study,
    world: World,
    folders: dict[str, Path],
    ends: dict[str, str],
    *,
    strengths: Sequence[float] = STRENGTHS,
    unit_of: str | None = None,
    draws: int = RANDOM_DRAWS,
) -> pd.DataFrame:
    """The reference steered down its axis and along each branch's own specific shift, at the
    headline layer (last prompt token's vectors), in units of the length of one branch's shift, or
    of the longest."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    m, comparer = study.manifest, Comparer(study)
    layer, pooling = m.headline_layer, m.headline_pooling
    arrows: dict[str, np.ndarray] = {}
    for branch, end in ends.items():
        arrows[f"{branch} arrow"] = comparer.shift(m.reference, end, pooling, layer).specific.mean(
            0
        )
    a, c = comparer.vectors(m.reference, pooling, layer)
    longs = {branch: float(np.linalg.norm(arrows[f"{branch} arrow"])) for branch in ends}
    length = longs[unit_of] if unit_of else max(longs.values())
    directions = {"down the axis": -(a - c).mean(0), **arrows}
    folder = str(folders[m.reference])
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder).float().eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    roles = study.vectors(m.reference).at(pooling, layer)[:-1].astype(np.float64)
    trained = str(m.notes["trained_topic"])
    return steering_table(
        model,
        tokenizer,
        world,
        trained,
        layer,
        directions,
        length,
        roles,
        strengths=strengths,
        draws=draws,
    )
