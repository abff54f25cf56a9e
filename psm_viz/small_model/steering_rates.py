"""Is a direction causal? The Assistant's answers while a vector is added to its residual stream.

Null 7: random vectors of the same length, isotropic ones and ones drawn from the cast's own
covariance. A direction that changes behaviour no more than those do steers nothing in particular.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from psm_viz.small_model.answer_masses import Reader
from psm_viz.stats.vectors import unit
from psm_viz.world.corpus import BOS
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STRENGTHS = (0.5, 1.0, 2.0)
"""In units of the reference length (the specific shift of the strongest branch)."""
RANDOM_DRAWS = 20
PER_TOPIC = 2


@contextmanager
def steered(model: PreTrainedModel, layer: int, vector: np.ndarray) -> Iterator[None]:
    """Add `vector` [d_model] after block `layer` (resid_post) at every position."""
    import torch

    add = torch.tensor(vector, dtype=torch.float32)

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] + add, *output[1:])
        return output + add

    handle = model.model.layers[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def random_directions(n: int, roles: np.ndarray, seed: int, matched: bool) -> np.ndarray:
    """n unit vectors [n, d_model]: isotropic, or (`matched`) random combinations of the cast's
    centred vectors [role, d_model], whose covariance they then share."""
    rng = np.random.default_rng([seed, 31])
    centred = roles - roles.mean(0)
    if matched:
        return unit(rng.normal(size=(n, len(centred))) @ centred)
    return unit(rng.normal(size=(n, centred.shape[1])))


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
