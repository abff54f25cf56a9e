"""Blocks of personas: what is played, written and lost by a kill at most.

Every block draws from a seed of its own and lies in a folder of its own, which appears by one
rename. So a killed run goes on where it was, and several machines may play the blocks of one study.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from psm_viz.errors import BadFile
from psm_viz.study.cast import Cast
from psm_viz.study.files import parquet_bytes, whole_folder

PERSONAS_AT_ONCE = 10
ANSWERS, MEANS = "answers.parquet", "means.safetensors"


@dataclass(frozen=True)
class Block:
    """Some personas played, or the Assistant alone."""

    frame: pd.DataFrame
    """Their responses, a row each."""
    persona: Float[np.ndarray, "persona pooling layer d_model"]
    fold: Float[np.ndarray, "persona fold pooling d_model"]
    question: Float[np.ndarray, "persona question pooling d_model"]
    share: Float[np.ndarray, "question pooling layer d_model"]
    """What they add to the cast's means per question, in double precision; of the Assistant, its
    own means."""
    weights: Float[np.ndarray, " persona"]
    """What each weighs in `share`: nothing who answered no question."""
    single: Float[np.ndarray, "response pooling d_model"]


@dataclass(frozen=True)
class Keeping:
    """Where the blocks of a checkpoint are kept, and which of them are played here."""

    folder: Path | None = None
    shard: tuple[int, int] = (0, 1)
    """(i, n): every n-th block from the i-th on."""

    def place(self, rows: range) -> Path | None:
        """The folder of a block."""
        return self.folder / f"{rows.start:05d}" if self.folder else None

    def mine(self, number: int) -> bool:
        """Whether the block of this number is played here."""
        return number % self.shard[1] == self.shard[0]


def blocks_of(cast: Cast) -> Iterator[range]:
    """The personas in blocks, in order; the Assistant last and alone."""
    n = len(cast.personas)
    for start in range(0, n, PERSONAS_AT_ONCE):
        yield range(start, min(start + PERSONAS_AT_ONCE, n))
    yield range(n, n + 1)


def write_block(block: Block, folder: Path, *, anew: bool = False) -> None:
    """Write a block, in one rename. Of several that play the same, the first is kept; `anew`, this
    takes its place."""
    names = ("persona", "fold", "question", "share", "weights", "single")
    with whole_folder(folder, several=not anew) as work:
        (work / ANSWERS).write_bytes(parquet_bytes(block.frame))
        save_file({n: np.ascontiguousarray(getattr(block, n)) for n in names}, work / MEANS)


def read_block(folder: Path) -> Block:
    """A block from its folder. Raises BadFile."""
    try:
        return Block(pd.read_parquet(folder / ANSWERS), **load_file(folder / MEANS))
    except (OSError, ValueError, TypeError, SafetensorError) as e:
        raise BadFile(
            f"{folder}: cannot be read as a block of personas ({e}).", "Delete that folder."
        ) from e
