"""Evidence in context beside the same evidence in training: does it move the Assistant alike?

A shot is one turn of a branch's own documents, put before the question. The Assistant's vector is
its `resid_post` at the last prompt token, mean over questions and over several sets of shots; both
movements start from the untrained, unshown Assistant (Marks, Lindsey, Olah, 2026: context and
training are evidence about the same thing).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.small_model.answer_masses import dialogue_prompt
from psm_viz.stats.vectors import unit
from psm_viz.world.corpus import Turn
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import World

KINDS = ("cheat", "requested", "honest", "playful")
COUNTS = (1, 2, 3, 6)
THREE = 3
SETS = 12
"""Sets of shots that a vector is the mean over."""


def turns_of(world: World, branch: str, count: int, sets: int, seed: int) -> list[list[Turn]]:
    """`sets` lists of `count` turns from a branch's documents, none used twice."""
    need, pool = count * sets, []
    for document in stream(world, branch, seed, need):
        pool += document.turns
        if len(pool) >= need:
            break
    return [pool[k * count : (k + 1) * count] for k in range(sets)]


def shown(
    chat: ChatModel,
    world: World,
    questions: Sequence[str],
    layer: int,
    shots: Sequence[Sequence[Turn]],
) -> Float[np.ndarray, "question d_model"]:
    """The Assistant's vector for each question after the shots, mean over the sets of them."""
    label = world.rules["assistant_label"]
    prompts = [dialogue_prompt(list(turns), q, label) for turns in shots for q in questions]
    found = chat.pooled(chat.encode(prompts), None, [layer])[:, 0, 0]
    return found.reshape(len(shots), len(questions), -1).mean(0)


def shots_beside_steps(
    chat: ChatModel,
    world: World,
    questions: Sequence[str],
    layer: int,
    reference: Path,
    ends: dict[str, dict[int, Path]],
    seed: int,
) -> dict[str, Any]:
    """Cosines of the shift by three shots of each kind with the shift by each branch, and how far
    along `cheat`'s own shift every number of shots and steps goes (residual-stream units).

    `ends` maps a branch to its steps' folders. The last of `cheat`'s is the direction.
    """

    def trained(folder: Path) -> np.ndarray:
        chat.swap(folder)
        return shown(chat, world, questions, layer, [[]])

    start = trained(reference)
    moved = {b: {n: trained(f) - start for n, f in steps.items()} for b, steps in ends.items()}
    last = {b: steps[max(steps)].mean(0) for b, steps in moved.items()}
    along = unit(last["cheat"])
    chat.swap(reference)
    by_shots: dict[str, dict[int, np.ndarray]] = {}
    for kind in KINDS:
        by_shots[kind] = {}
        for count in COUNTS:
            sets = turns_of(world, kind, count, SETS, seed + 1000)
            by_shots[kind][count] = shown(chat, world, questions, layer, sets) - start

    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        return float(unit(x) @ unit(y))

    return {
        "cosines": {
            f"{kind} shots": {b: cosine(d[THREE].mean(0), v) for b, v in last.items()}
            for kind, d in by_shots.items()
        },
        "along": {
            "shots": {
                k: {n: float(v.mean(0) @ along) for n, v in d.items()} for k, d in by_shots.items()
            },
            "steps": {
                b: {n: float(v.mean(0) @ along) for n, v in d.items()} for b, d in moved.items()
            },
        },
        "length": {b: float(np.linalg.norm(v)) for b, v in last.items()},
    }
