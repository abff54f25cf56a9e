"""How fast a model plays here: measured in a few seconds with the model itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from psm_viz.engine.batching import AT_ONCE
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.outline import Outline
from psm_viz.engine.sampling import draw
from psm_viz.study.activations import RESPONSE

LONG_ENOUGH = 2.0
"""Seconds after which a try counts; a shorter one is followed by one of more prompts."""
MORE = 4
"""How many times as many prompts the next try has."""
STEPS = 16
"""Tokens drawn of each answer at most, to tell how fast they are drawn."""


@dataclass(frozen=True)
class Rates:
    """Tokens a second."""

    read: float
    """Of texts whose activations are pooled, and of prompts before their answers are drawn."""
    draw: float
    """Drawn, of all answers of a batch together."""
    weigh: float
    """Of texts whose answers are asked how likely they are."""


def measured(
    chat: ChatModel, rows: Sequence[list[int]], outline: Outline, *, draws: bool, weighs: bool
) -> Rates:
    """The rates of this model as the study will be played, on prompts like `rows`, with as many of
    them at once as a few seconds allow. Tokens are drawn in the middle of an answer that does not
    end. What is not done (`draws`, `weighs`) is not measured; the rate of reading stands for it."""
    prompts = _alike(rows)
    read = _rate(_reading(chat, prompts, outline))
    return Rates(
        read=read,
        draw=_rate(_drawing(chat, prompts, outline)) if draws else read,
        weigh=_rate(_weighing(chat, prompts, outline)) if weighs else read,
    )


Timed = Callable[[int], tuple[int, float]]
"""Does its work for so many prompts: tokens, and the seconds they took."""


def _rate(work: Timed) -> float:
    """Tokens a second, with as many prompts at once as a few seconds allow."""
    n, (tokens, took) = 1, work(1)
    if took < LONG_ENOUGH:  # else a first call's allocating and compiling hardly counts
        tokens, took = work(n)
    while took < LONG_ENOUGH and n < AT_ONCE:
        n = min(AT_ONCE, n * MORE)
        tokens, took = work(n)
    return tokens / max(took, 1e-9)


def _alike(rows: Sequence[list[int]]) -> list[list[int]]:
    """A whole batch of prompts like these, all as long as the middle one."""
    length = len(sorted(rows, key=len)[len(rows) // 2])
    return [_long(rows[k % len(rows)], length) for k in range(AT_ONCE)]


def _long(row: Sequence[int], length: int) -> list[int]:
    """A row repeated or cut to a length."""
    return (list(row) * (length // len(row) + 1))[:length]


def _reading(chat: ChatModel, prompts: Sequence[list[int]], outline: Outline) -> Timed:
    settings, poolings = outline.settings, outline.playing.poolings
    longest = settings.max_new_tokens if RESPONSE in poolings else 0

    def work(n: int) -> tuple[int, float]:
        answers = [_long(p, longest) for p in prompts[:n]] if longest else None
        began = time.monotonic()
        chat.pooled(prompts[:n], answers, settings.layers, poolings=poolings)
        return n * (len(prompts[0]) + longest), time.monotonic() - began

    return work


def _drawing(chat: ChatModel, prompts: Sequence[list[int]], outline: Outline) -> Timed:
    sampling = outline.playing.sampling
    half = (sampling.max_new_tokens - 1) // 2
    begun = [_long(p, len(p) + half) for p in prompts]
    endless = torch.tensor([], dtype=torch.long, device=chat.device)

    def drawn(n: int, tokens: int) -> float:
        began = time.monotonic()
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            draw(
                chat.hf,
                list(begun[:n]),
                replace(sampling, max_new_tokens=tokens),
                endless,
                chat.device,
            )
        return time.monotonic() - began

    def work(n: int) -> tuple[int, float]:
        steps = min(sampling.max_new_tokens - half, STEPS, MORE * n)
        # the first token comes with the reading of the prompt, which is counted by itself
        first = drawn(n, 1) if steps > 1 else 0.0
        return n * sampling.samples * max(1, steps - 1), drawn(n, steps) - first

    return work


def _weighing(chat: ChatModel, prompts: Sequence[list[int]], outline: Outline) -> Timed:
    longest = outline.settings.max_new_tokens

    def work(n: int) -> tuple[int, float]:
        rows = [_long(p, len(p) + longest) for p in prompts[:n]]
        wanted = [[False] * len(p) + [True] * longest for p in prompts[:n]]
        began = time.monotonic()
        log_probs(chat, rows, wanted)
        return sum(map(len, rows)), time.monotonic() - began

    return work
