"""The map of a study: who is drawn where, in which frame, and who cannot be placed at all."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.maps import MapSettings, PersonaMap, block_means, centre_questions, fit_map, quality
from psm_viz.store import Study
from psm_viz.study import Checkpoint
from psm_viz.vectors import cosines, family_weights, neighbours

PLACEABLE = 0.5
"""Least `cast_cosine` at which a checkpoint's Assistant is placed on the reference's map."""


def not_placeable(table: pd.DataFrame, pooling: str, layer: int) -> dict[str, float]:
    """Checkpoints whose cast has too little to do with the reference's: id -> `cast_cosine`."""
    here = table[(table["pooling"] == pooling) & (table["layer"] == layer)]
    low = here[~(here["cast_cosine"] >= PLACEABLE)]
    return {str(c): float(v) for c, v in zip(low["checkpoint"], low["cast_cosine"], strict=True)}


def map_of(
    study: Study, pooling: str, geometry: pd.DataFrame, settings: MapSettings | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The study's frozen map at the headline layer: every point, its settings and its quality.

    Fitted on the cast at the reference; Assistants of all checkpoints are placed in two frames,
    centred on their own cast's mean per question ('own') or on the reference's ('reference').
    `geometry` is the table of `preservation`: it says who can be placed at all.
    """
    m, settings = study.manifest, settings or MapSettings()
    weights, layer = family_weights(study.cast), m.headline_layer
    kept = study.activations(m.reference)
    if kept is None:
        raise BadInput(
            f"The study keeps no activations of {m.reference}.", "Extract it again: make study"
        )
    centred = centre_questions(kept.at(pooling), weights)
    blocks = block_means(centred, settings)
    frozen = fit_map(blocks[:-1], settings)
    figures, recall = quality(frozen)
    roles = centred[:-1].mean(1)
    rows = _cast_rows(study, frozen, roles, recall)
    _, c0 = study.question_vectors(m.reference).at(pooling, layer)
    strange = not_placeable(geometry, pooling, layer)
    for c in m.checkpoints:
        if c.id in strange:
            continue
        a, own_cast = study.question_vectors(c.id).at(pooling, layer)
        for frame, base in (("own", own_cast), ("reference", c0)):
            rows += _assistant_rows(study, frozen, roles, a - base, c, frame)
    info = {
        "pooling": pooling,
        "layer": layer,
        "checkpoint": m.reference,
        **vars(settings),
        "metric": "cosine",
        "n_blocks": len(frozen.blocks),
        "width": frozen.width,
        "off_map_below": frozen.off_map_below,
        "pca_explained": [float(v) for v in frozen.pca_explained],
        "not_placeable": strange,
        "placeable_from": PLACEABLE,
        **figures,
        "versions": m.versions,
    }
    return pd.DataFrame(rows), info


def _row(kind: str, name: str, xy: np.ndarray, pca: np.ndarray, **more: Any) -> dict[str, Any]:
    empty = {"frame": "", "cosine": np.nan, "off_map": False, "recall": np.nan}
    place = {"x": float(xy[0]), "y": float(xy[1]), "pca_x": float(pca[0]), "pca_y": float(pca[1])}
    return {"kind": kind, "id": name, **place, **empty, "neighbours": "", "mixture": "", **more}


def _cast_rows(
    study: Study, frozen: PersonaMap, roles: np.ndarray, recall: np.ndarray
) -> list[dict[str, Any]]:
    ids, weights = study.cast.ids, family_weights(study.cast)
    drawn = frozen.drawn
    _, nearest = frozen.place(roles, leave_out=np.arange(len(ids)))
    flat = frozen.pca(roles)
    rows = []
    for i, name in enumerate(ids):
        near = [[ids[j], round(c, 3)] for j, c in neighbours(roles[i], roles, weights, leave_out=i)]
        more = {
            "cosine": float(nearest[i]),
            "recall": float(recall[i]),
            "neighbours": json.dumps(near),
        }
        rows.append(_row("persona", name, drawn[i], flat[i], **more))
    for k, owner in enumerate(frozen.owner):
        xy, pca = frozen.xy[k], frozen.pca(frozen.blocks[k][None])[0]
        rows.append(_row("block", ids[owner], xy, pca))
    return rows


def _assistant_rows(
    study: Study,
    frozen: PersonaMap,
    roles: np.ndarray,
    centred: np.ndarray,
    c: Checkpoint,
    frame: str,
) -> list[dict[str, Any]]:
    """The Assistant at one checkpoint, and its cloud: means over the map's question halves."""
    ids, weights = study.cast.ids, family_weights(study.cast)
    mean = centred.mean(0)
    cloud = block_means(centred[None], frozen.settings)[0]
    points = np.concatenate([mean[None], cloud])
    xy, nearest = frozen.place(points)
    flat = frozen.pca(points)
    near = neighbours(mean, roles, weights)
    more = {
        "frame": frame,
        "cosine": float(nearest[0]),
        "off_map": bool(nearest[0] < frozen.off_map_below),
        "neighbours": json.dumps([[ids[j], round(cos, 3)] for j, cos in near]),
        "mixture": json.dumps(_mixture(study, frozen, mean)),
    }
    rows = [_row("assistant", c.id, xy[0], flat[0], **more)]
    for k in range(1, len(points)):
        off = bool(nearest[k] < frozen.off_map_below)
        rows.append(
            _row("cloud", c.id, xy[k], flat[k], frame=frame, cosine=float(nearest[k]), off_map=off)
        )
    return rows


def _mixture(study: Study, frozen: PersonaMap, x: np.ndarray) -> list[list[Any]]:
    """The softmax weights that place a point, summed by family, largest first."""
    c = cosines(x[None], frozen.blocks)[0]
    top = np.argsort(-c, kind="stable")[: frozen.settings.nearest * frozen.settings.blocks]
    w = np.exp((c[top] - c[top].max()) / frozen.settings.temperature)
    w /= w.sum()
    families: dict[str, float] = {}
    for k, share in zip(top, w, strict=True):
        family = study.cast.personas[frozen.owner[k]].family
        families[family] = families.get(family, 0.0) + float(share)
    return [[f, round(s, 3)] for f, s in sorted(families.items(), key=lambda p: -p[1])]
