"""What a long step has made so far, kept beside its study in work, so that a killed run goes on
with it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from psm_viz.errors import BadFile
from psm_viz.study.files import parquet_bytes, write_whole

Part = TypeVar("Part")


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
        return self._part(f"{name}.npy", make, _npy, partial(np.load, allow_pickle=False))

    def frame(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A table by its name: as it was kept, or made and kept. Raises BadFile, NotWritten."""
        return self._part(f"{name}.parquet", make, parquet_bytes, pd.read_parquet)

    def _part(
        self,
        file: str,
        make: Callable[[], Part],
        dump: Callable[[Part], bytes],
        load: Callable[[Path], Part],
    ) -> Part:
        if self.folder is None:
            return make()
        path = self.folder / file
        if not path.exists():
            write_whole(path, dump(make()))
        try:
            return load(path)
        except (OSError, ValueError, EOFError) as e:
            raise BadFile(f"{path}: cannot be read ({e}).", "Delete that file.") from e


NOTHING = Kept()
"""Keeps nothing."""


def _npy(x: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.save(data, x, allow_pickle=False)
    return data.getvalue()
