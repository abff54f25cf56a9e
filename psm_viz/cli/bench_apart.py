"""What is measured in a process of its own: the peak of its memory, and how its threads wait."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psm_viz.processes import each

MB = 2**20
POLICY = "OMP_WAIT_POLICY"
"""Says to OpenMP, before torch is loaded, how threads wait; every verb sets it to PASSIVE."""
SIDES = (800, 576, 1536)
"""Of the matrices that are multiplied: tokens, and widths as small chat models have them."""


@dataclass(frozen=True)
class Pooled:
    """So many prompts, read up to a layer."""

    model: str
    prompts: list[list[int]]
    layer: int
    threads: int


def peak(asked: Pooled) -> tuple[float, float]:
    """MB of memory held before pooling and at its peak, in a fresh process (Linux only: NaN)."""
    [found] = each(_pool, [asked], 1, lambda *_: None)
    return found


def _pool(asked: Pooled) -> tuple[float, float]:
    from psm_viz.engine.chat_model import load_chat_model

    chat = load_chat_model(asked.model, threads=asked.threads)
    before = _resident("VmRSS")
    with suppress(OSError):  # from here on the peak is that of pooling, not that of loading
        Path("/proc/self/clear_refs").write_text("5")
    chat.pooled(asked.prompts, layers=[asked.layer])
    return before, _resident("VmHWM")


def _resident(key: str) -> float:
    path = Path("/proc/self/status")
    if not path.exists():
        return float("nan")
    line = next(row for row in path.read_text().splitlines() if row.startswith(key))
    return int(line.split()[1]) * 1024 / MB


def waiting(threads: int, seconds: float, rounds: int, told: Callable[[], None]) -> dict[str, Any]:
    """How many times as many matrix products `threads` threads finish, beside a process that keeps
    a processor busy, where they sleep while they wait (as every verb has it) as where they spin,
    which is torch's own way: the median of rounds, the lowest and the highest."""
    found = []
    for _ in range(rounds):
        rates = []
        for policy in ("PASSIVE", None):
            with _as_policy(policy), _busy():
                rates += each(_products, [(threads, seconds)], 1, lambda *_: None)
            told()
        found.append(rates[0] / rates[1])
    return {"median": statistics.median(found), "low": min(found), "high": max(found)}


def _products(asked: tuple[int, float]) -> float:
    """Matrix products a second."""
    import torch

    threads, seconds = asked
    torch.set_num_threads(threads)
    a, b = torch.ones(SIDES[0], SIDES[1]), torch.ones(SIDES[1], SIDES[2])
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        torch.relu(a @ b)
        done += 1
    return done / took


@contextmanager
def _as_policy(policy: str | None) -> Iterator[None]:
    """Inside, fresh processes have their threads wait so."""
    before = os.environ.pop(POLICY, None)
    if policy:
        os.environ[POLICY] = policy
    try:
        yield
    finally:
        os.environ.pop(POLICY, None)
        if before is not None:
            os.environ[POLICY] = before


@contextmanager
def _busy() -> Iterator[None]:
    """Inside, another process computes without end."""
    process = multiprocessing.get_context("spawn").Process(target=_forever, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _forever() -> None:
    while True:
        sum(range(1000))
