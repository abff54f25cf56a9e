"""Jobs done in several processes at once, or here one after another, with the time left told."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")


def each(
    work: Callable[[Job], Done],
    jobs: Sequence[Job],
    processes: int | None,
    told: Callable[[int, str, Done], None],
) -> list[Done]:
    """`work` of every job, in the jobs' order.

    In fresh processes, so many at a time (`work` and its results are pickled then), or here where
    `processes` is None. After each: `told(how many are done, "1.5 minutes left", its result)`.
    """
    began, out = time.monotonic(), {}
    for at, done in _ended(work, jobs, processes):
        out[at] = done
        left = (time.monotonic() - began) / len(out) * (len(jobs) - len(out))
        told(len(out), time_left(left), done)
    return [out[at] for at in range(len(jobs))]


def time_left(seconds: float) -> str:
    """A time still to go, in words: minutes, or hours from two on."""
    if seconds < 7200:
        return f"{seconds / 60:.1f} minutes left"
    return f"{seconds / 3600:.1f} hours left"


def _ended(
    work: Callable[[Job], Done], jobs: Sequence[Job], processes: int | None
) -> Iterator[tuple[int, Done]]:
    """Which job ended next, and with what."""
    if processes is None:
        yield from enumerate(map(work, jobs))
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        at = {pool.submit(work, job): n for n, job in enumerate(jobs)}
        for running in as_completed(at):
            yield at[running], running.result()
