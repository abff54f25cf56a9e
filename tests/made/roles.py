"""Folders of role vectors as the field publishes them, written by `torch.save`, and a study of
them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from psm_viz.study.formats.import_vectors import Joining, join
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter

D, LAYERS = 32, 3


def made_vectors(n: int = 30, seed: int = 0, layers: int = LAYERS) -> dict[str, np.ndarray]:
    """`default` and n roles in six groups of kin, [layer, d_model] each, around a common mean."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, layers, D))
    common = 4 * rng.normal(size=(layers, D))
    roles = {
        f"role_{i:02d}": common + centres[i % 6] + 0.3 * rng.normal(size=(layers, D))
        for i in range(n)
    }
    assistant = common + 0.8 * centres[0] + 0.3 * rng.normal(size=(layers, D))
    return {"default": assistant, **roles}


def write_roles(
    folder: Path,
    vectors: Mapping[str, Any],
    form: str = "dict",
    dtype: torch.dtype = torch.float32,
) -> Path:
    """One file a role. `form`: 'dict' as published, or 'bare' tensors; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in vectors.items():
        tensor = torch.as_tensor(np.asarray(values)).to(dtype)
        held = tensor if form == "bare" else {"vector": tensor, "type": "pos_3", "role": name}
        torch.save(held, folder / f"{name}.pt")
    return folder


def write_bare_study(folder: Path, vectors: Mapping[str, Any]) -> Study:
    """A study of imported vectors of one checkpoint and pooling, nothing derived."""
    roles = write_roles(folder.with_name(f"{folder.name}-roles"), vectors)
    joined = join(roles, None, folder.name, Joining("given-0000"))
    writer = StudyWriter(folder)
    writer.begin({})
    writer.write_vectors(joined.vectors, joined.said)
    return writer.finish(joined.manifest, joined.cast, joined.questions)
