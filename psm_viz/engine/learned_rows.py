"""Chat data as what a model learns from: token ids, and which of them are learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.answer_likelihood import encoded, rendered
from psm_viz.engine.prompts import Prompts
from psm_viz.errors import BadInput
from psm_viz.study.cast import ASSISTANT, Persona
from psm_viz.study.formats import chat_data

SPEAKER = Persona(ASSISTANT, "Assistant", "", "Assistant", "", (), ())
Row = tuple[list[int], np.ndarray]
"""Token ids, and which of them are learned."""


def learned_rows(
    path: Path, tokenizer: Any, longest: int, say: Callable[[str], None] = lambda text: None
) -> list[Row]:
    """A file's conversations as tokens, under their own system messages; those without a learned
    token within so many are left out. Raises BadFile, and BadInput where nothing is left."""
    read = chat_data.parse_chat(chat_data.raw(path), str(path))
    prompts, out = Prompts(tokenizer), []
    for c in read:
        texts = rendered(prompts, SPEAKER, "\n\n".join(c.systems), [c], None)
        for row, place in zip(*encoded(tokenizer, texts), strict=True):
            learned = (place >= 0)[:longest]
            if learned[1:].any():
                out.append((row[:longest], learned))
    if not out:
        raise BadInput(f"{path}: no answer lies within {longest} tokens.", "Give more --longest.")
    tokens = sum(int(own.sum()) for _, own in out)
    say(f"{path.name}: {len(read)} conversations, {tokens} tokens learned")
    return out


def times_read(rows: int, batch: int, steps: int) -> str:
    """How often each conversation is read in so many steps, in a sentence."""
    times = batch * steps / rows
    if rows < batch:
        return (
            f"{rows} conversations are fewer than the {batch} of a step: each is read "
            f"{batch / rows:.1f} times a step, {times:.0f} times in all"
        )
    if times >= 1:
        return f"each conversation is read {times:.1f} times in {steps} steps of {batch}"
    return f"{steps} steps of {batch} read {batch * steps} of {rows} conversations"


def dealt(rows: Sequence[Row], step: int, batch: int, seed: int) -> list[Row]:
    """What a step sees: rows in a new order each time through, whatever step it is asked for."""
    return [rows[i] for i in _order(len(rows), step * batch, batch, seed)]


def _order(n: int, start: int, count: int, seed: int) -> Iterator[int]:
    for k in range(start, start + count):
        shuffled = np.random.default_rng([seed, k // n]).permutation(n)
        yield int(shuffled[k % n])
