"""In which precision a processor multiplies at speed: tried out, since names of processors and
their flags say less. One that does not know bfloat16 emulates it and takes fifty times as long."""

from __future__ import annotations

import time
from functools import cache

AUTO = "auto"
"""As a precision: the one that this machine is quickest in."""
GAIN = 1.2
"""How many times as fast bfloat16 has to be to be chosen."""
SIDE, TRIES = 256, 5
"""Of the square matrices that are multiplied, and how often: the fewest seconds count."""


@cache
def speed(dtype: str, device: str = "cpu") -> float:
    """How many times as fast as in single precision matrix products are."""
    import torch

    def seconds(kind: torch.dtype) -> float:
        x = torch.randn(SIDE, SIDE, device=device).to(kind)
        took = []
        for _ in range(TRIES):
            began = time.perf_counter()
            (x @ x).sum().item()  # the value is waited for, on an accelerator too
            took.append(time.perf_counter() - began)
        return min(took)

    return seconds(torch.float32) / seconds(getattr(torch, dtype))


def knows_bfloat16(device: str = "cpu") -> bool:
    """Whether a device multiplies in bfloat16 faster than in single precision."""
    return speed("bfloat16", device) >= GAIN


def chosen(dtype: str, device: str = "cpu") -> str:
    """A precision by its name; of `AUTO` the one that the device is quickest in. A device that is
    not there has single precision: opening a model there says what is wrong."""
    if dtype != AUTO:
        return dtype
    try:
        return "bfloat16" if knows_bfloat16(device) else "float32"
    except (RuntimeError, AssertionError):  # as torch says that a device is not there
        return "float32"


def slow(dtype: str, device: str = "cpu") -> list[str]:
    """What is to be said of a precision that this device is slow in: nothing, or one line."""
    times = 1 / speed(dtype, device)
    if times < 2:
        return []
    return [
        f"--dtype {dtype}: this processor multiplies {times:.0f} times more slowly in it than in "
        "single precision (try --dtype float32)"
    ]
