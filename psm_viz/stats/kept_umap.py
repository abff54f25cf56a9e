"""UMAP whose compiled functions are kept on disk.

numba compiles UMAP anew in every process, which takes longer than any map that we fit. pynndescent
lets it keep its functions from one process to the next; UMAP's are made to be kept likewise, in the
same place: beside their source, or in the user's cache where that cannot be written. numba makes
them again for another processor, another version of itself or another source.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

FILES = ("distances", "layouts", "sparse", "spectral", "umap_", "utils")
"""Modules of UMAP with functions that numba compiles."""


@cache
def umap_class() -> Any:
    """`umap.UMAP`. Call it before anything of UMAP runs: what is compiled already is not kept."""
    import importlib

    for name in FILES:
        _keep(importlib.import_module(f"umap.{name}"))
    from umap import UMAP

    return UMAP


def _keep(module: ModuleType) -> None:
    from numba.core.dispatcher import Dispatcher

    for found in list(vars(module).values()):
        if isinstance(found, Dispatcher):
            try:
                found.enable_caching()
            except RuntimeError:  # no place can be written to: compiled anew every time
                return
