"""What room this machine has: memory, and disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
"""Where Linux says how much memory is free, and how much a control group may take."""


def memory_here() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def memory_of(device: str) -> int | None:
    """Bytes that are free on an accelerator; None where its memory is this machine's own, or it is
    not there."""
    import torch

    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    return int(torch.cuda.mem_get_info(torch.device(device))[0])


def memory_free() -> int:
    """Bytes of memory that may still be taken: what the system calls available, less where a
    control group allows less; the whole machine's where the system does not say."""
    try:
        said = dict(line.split(":", 1) for line in MEMORY.read_text("utf-8").splitlines())
        free = 1024 * int(said["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError, IndexError):
        free = memory_here()
    try:
        most, now = (int((GROUP / f"memory.{n}").read_text("utf-8")) for n in ("max", "current"))
        free = min(free, most - now + _cached())
    except (OSError, ValueError):  # no group, or one without a limit ("max")
        pass
    return max(0, free)


def _cached() -> int:
    """Bytes of files that a control group counts as its own and lets go of when it needs room."""
    try:
        said = dict(
            line.split() for line in (GROUP / "memory.stat").read_text("utf-8").splitlines()
        )
        return int(said.get("inactive_file", 0))
    except (OSError, ValueError):
        return 0


def disk_here(out: Path) -> tuple[Path, int]:
    """The folder that is there, above a new one, and the bytes that are free in it."""
    above = next((p for p in out.absolute().parents if p.exists()), Path("/"))
    return above, shutil.disk_usage(above).free
