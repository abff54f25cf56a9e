"""What a long step has made so far, kept beside its study in work, so that a killed run goes on
with it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from psm_viz.errors import BadFile
from psm_viz.study.files import parquet_bytes, write_whole


@dataclass(frozen=True)
class Kept:
    """Parts of one step in a folder of their own, each written whole; without a folder nothing is
    kept."""

    folder: Path | None = None

    def has(self, name: str) -> bool:
        """Whether an array of this name was kept."""
        return self.folder is not None and (self.folder / f"{name}.npy").exists()

    def array(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """An array by its name: as it was kept, or made and kept. Raises BadFile, NotWritten."""
        if self.folder is None:
            return make()
        path = self.folder / f"{name}.npy"
        if not path.exists():
            data = io.BytesIO()
            np.save(data, make(), allow_pickle=False)
            write_whole(path, data.getvalue())
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as e:
            raise _bad(path, e) from e

    def frame(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A table by its name: as it was kept, or made and kept. Raises BadFile, NotWritten."""
        if self.folder is None:
            return make()
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            write_whole(path, parquet_bytes(make()))
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as e:
            raise _bad(path, e) from e


NOTHING = Kept()
"""Keeps nothing."""


def _bad(path: Path, error: Exception) -> BadFile:
    return BadFile(f"{path}: cannot be read ({error}).", "Delete that file.")
