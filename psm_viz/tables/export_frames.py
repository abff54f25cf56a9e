"""A study's finished tables and maps as they are exported: keys in front, each persona with its
family, and the part that was asked for. Nothing is computed (columns: docs/formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.layout import DERIVE
from psm_viz.study.reader import Study

POINTS, MAPS, LIKELIHOOD = "points", "maps", "evidence_likelihood"
"""What is put together of several files of a study, beside its tables."""
KEYS = (
    *("evidence", "checkpoint", "branch", "step", "persona", "persona_name", "family", "kin"),
    *("pooling", "layer"),
)
"""The columns that stand first, in this order, where a frame has them."""
FITTED = (
    *("n_blocks", "neighbours", "metric", "min_dist", "spread", "seed", "nearest", "temperature"),
    *("off_map_percentile", "off_map_below", "width", "k", "trustworthiness", "continuity"),
    *("knn_recall", "knn_chance", "pca_trustworthiness", "pca_knn_recall"),
    *("loo_error_median", "loo_error_p90"),
)
"""What a map says of how it was fitted and how far it can be trusted, by its own keys."""


@dataclass(frozen=True)
class Part:
    """Which part of a study is exported; what is not said is all of it."""

    checkpoints: tuple[str, ...] = ()
    layer: int | None = None
    pooling: str | None = None

    def ids(self, study: Study) -> list[str]:
        """The checkpoints, in the study's order."""
        every = [c.id for c in study.manifest.checkpoints]
        return [c for c in every if not self.checkpoints or c in self.checkpoints]


def frame_of(study: Study, name: str, part: Part) -> pd.DataFrame:
    """One exported table; empty where the study has none of that part.

    Raises UnknownName where the study has no such table, BadFile for one older than its sources.
    """
    made = {POINTS: _points, MAPS: _maps, LIKELIHOOD: _likelihood}
    frame = made[name](study) if name in made else study.table(name)
    return _chosen(_keyed(frame, study), part).reset_index(drop=True)


def _keyed(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The frame with the keys that follow from those it has, as plain text, in order."""
    m, cast = study.manifest, study.cast
    words = [str(c) for c in frame.columns if isinstance(frame[c].dtype, pd.CategoricalDtype)]
    out = frame.astype(dict.fromkeys(words, "str"))
    kin = {f.id: f.kin for f in cast.families}
    if "checkpoint" in out:
        _add(out, "checkpoint", "branch", {c.id: c.branch for c in m.checkpoints})
        _add(out, "checkpoint", "step", {c.id: c.step for c in m.checkpoints})
    if "persona" in out:
        _add(out, "persona", "persona_name", {p.id: p.name for p in cast.all})
        _add(out, "persona", "family", {p.id: p.family for p in cast.personas})
    if "family" in out and ("persona" in out or "weight" in out):
        _add(out, "family", "kin", kin)
    if "pooling" in out and "layer" not in out:
        out["layer"] = m.headline_layer
    first = [k for k in KEYS if k in out and _is_key(out, k)]
    return out[[*first, *(c for c in out.columns if c not in first)]]


def _is_key(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column is what its name says: of talks `family` and `kin` may be shares of them,
    and `layer` that of their states."""
    if name == "layer":
        return "pooling" in frame
    return name == "step" or not pd.api.types.is_numeric_dtype(frame[name])


def _add(frame: pd.DataFrame, by: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in frame:
        frame[name] = frame[by].map(known)


def _chosen(frame: pd.DataFrame, part: Part) -> pd.DataFrame:
    keep = np.ones(len(frame), dtype=bool)
    if part.checkpoints and "checkpoint" in frame:
        keep &= frame["checkpoint"].isin(part.checkpoints).to_numpy()
    if "pooling" in frame:  # the layer of a table of talks is another, which is not chosen
        if part.pooling is not None:
            keep &= (frame["pooling"] == part.pooling).to_numpy()
        if part.layer is not None:
            keep &= (frame["layer"] == part.layer).to_numpy()
    return frame[keep]


def _maps_of(study: Study) -> list[str]:
    if not study.maps:
        raise UnknownName("This study has no map.", f"Make it with: {DERIVE}")
    return study.maps


def _map_key(name: str) -> dict[str, Any]:
    """Pooling and layer of a map, by its name."""
    pooling, _, layer = name.rpartition("-L")
    return {"pooling": pooling, "layer": int(layer)}


def _points(study: Study) -> pd.DataFrame:
    """The points of all maps. Raises UnknownName where there is none."""
    frames = []
    for name in _maps_of(study):
        points, info = study.map(name)
        frame = points.drop(columns="id").assign(**_map_key(name))
        ids = points["id"].astype("str")
        placed = points["kind"].isin(("assistant", "cloud"))
        # personas and their blocks are the reference's
        fitted = str(info.get("checkpoint", study.manifest.reference))
        frame["checkpoint"] = ids.where(placed, fitted)
        frame["persona"] = ids.where(~placed, ASSISTANT)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _maps(study: Study) -> pd.DataFrame:
    """A row a map: how it was fitted and how far it can be trusted. Raises UnknownName."""
    rows = []
    for name in _maps_of(study):
        info = study.map(name)[1]
        row = {"checkpoint": str(info.get("checkpoint", study.manifest.reference))}
        row |= _map_key(name) | {key: info.get(key) for key in FITTED}
        x, y = (*info.get("pca_explained", ()), np.nan, np.nan)[:2]
        row |= {"pca_explained_x": x, "pca_explained_y": y}
        rows.append(row | {"not_placed": len(_unplaced(info))})
    return pd.DataFrame(rows)


def _unplaced(info: Mapping[str, Any]) -> set[str]:
    return {*info.get("not_held", ()), *info.get("not_placeable", ())}


def _likelihood(study: Study) -> pd.DataFrame:
    """Who would say the data of each record of evidence. Raises UnknownName where there is none."""
    if not study.evidences:
        raise UnknownName("This study has no record of evidence.")
    frames = []
    for name in study.evidences:
        found = study.evidence(name)
        frames.append(found.likelihood.assign(evidence=name, checkpoint=found.record["reference"]))
    return pd.concat(frames, ignore_index=True)
