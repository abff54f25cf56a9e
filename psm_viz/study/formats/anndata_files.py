"""AnnData files (`.h5ad`): annotated rows by dimensions, a matrix a layer of the model.

Written by h5py after the format's own description of what lies on disk (encoding types and
versions), since the anndata package itself does not go with this program's pandas. What opens
AnnData opens them: scanpy, cellxgene, anndata.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.errors import BadInput

INSTALL = "Install it with: python -m pip install -r requirements-export.txt"
INDEX = "_index"


@dataclass(frozen=True)
class Rows:
    """Some rows' matrices: from row `start` on, layer -> values; a layer not held has none."""

    start: int
    values: Mapping[str, Float[np.ndarray, "row d_model"]]


@dataclass(frozen=True)
class Annotated:
    """What one file holds. Rows follow `obs`, columns are the dimensions of the activations."""

    obs: pd.DataFrame
    """Indexed by unique names; text, whole numbers, floats or booleans."""
    d_model: int
    layers: tuple[str, ...]
    x: str
    """The layer that is X."""
    obsm: Mapping[str, Float[np.ndarray, "row dim"]]
    uns: Mapping[str, str]


def check_writable() -> None:
    """Raise BadInput where the package that writes these files is not installed."""
    try:
        importlib.import_module("h5py")
    except ImportError as e:
        raise BadInput("AnnData files are written by the package h5py.", INSTALL) from e


def write_h5ad(path: Path, held: Annotated, blocks: Iterator[Rows]) -> None:
    """Write one file, its matrices block by block, so that memory stays that of one block.

    What no block gives is NaN. Raises BadInput without h5py.
    """
    check_writable()
    h5py: Any = importlib.import_module("h5py")
    shape = (len(held.obs), held.d_model)
    with h5py.File(path, "w") as file:
        _named(file, "anndata", "0.1.0")
        _frame(file.create_group("obs"), held.obs)
        names = pd.Index([f"d{n}" for n in range(held.d_model)])
        _frame(file.create_group("var"), pd.DataFrame({"dimension": range(held.d_model)}, names))
        matrices = _group(file, "layers")
        for where, name in [(file, "X"), *((matrices, n) for n in held.layers)]:
            made = where.create_dataset(
                name, shape, np.float32, compression="gzip", fillvalue=np.nan
            )
            _named(made, "array", "0.2.0")
        for rows in blocks:
            for name, values in rows.values.items():
                at = slice(rows.start, rows.start + len(values))
                matrices[name][at] = values
                if name == held.x:
                    file["X"][at] = values
        places = _group(file, "obsm")
        for name, values in held.obsm.items():
            _array(places, name, values)
        told = _group(file, "uns")
        for name, text in held.uns.items():
            _named(told.create_dataset(name, data=text, dtype=_text(h5py)), "string", "0.2.0")
        for name in ("obsp", "varm", "varp"):
            _group(file, name)


def _named(element: Any, kind: str, version: str) -> Any:
    """Say what an element is, as its readers look it up."""
    element.attrs["encoding-type"], element.attrs["encoding-version"] = kind, version
    return element


def _group(parent: Any, name: str) -> Any:
    return _named(parent.create_group(name), "dict", "0.1.0")


def _array(parent: Any, name: str, values: np.ndarray) -> None:
    _named(parent.create_dataset(name, data=values), "array", "0.2.0")


def _text(h5py: Any) -> Any:
    return h5py.string_dtype("utf-8")


def _frame(group: Any, frame: pd.DataFrame) -> None:
    """A data frame: a dataset a column; text as categories, since most of it repeats."""
    h5py: Any = importlib.import_module("h5py")
    _named(group, "dataframe", "0.2.0")
    group.attrs[INDEX] = INDEX
    group.attrs.create("column-order", list(map(str, frame.columns)), dtype=_text(h5py))
    index = [str(name) for name in frame.index]
    made = group.create_dataset(INDEX, data=index, dtype=_text(h5py))
    _named(made, "string-array", "0.2.0")
    for name in map(str, frame.columns):
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column):  # booleans too
            _array(group, name, column.to_numpy())
            continue
        codes, words = pd.factorize(column.astype(str), sort=True)
        inner = _named(group.create_group(name), "categorical", "0.2.0")
        inner.attrs["ordered"] = False
        _array(inner, "codes", codes.astype(np.int32))
        made = inner.create_dataset("categories", data=list(map(str, words)), dtype=_text(h5py))
        _named(made, "string-array", "0.2.0")
