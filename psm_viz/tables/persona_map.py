"""The map of a study: who is drawn where, in which frame, and who cannot be placed at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.stats.persona_map import (
    MapSettings,
    PersonaMap,
    block_means,
    centre_questions,
    fit_map,
    quality,
)
from psm_viz.stats.vectors import cast_mean, cosines, neighbours
from psm_viz.study.activations import POOLING_NAMES, common_cast
from psm_viz.study.cast import family_weights
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study

PLACEABLE = 0.5
"""Least `cast_cosine` at which a checkpoint's Assistant is placed on the reference's map."""


def not_placeable(table: pd.DataFrame, pooling: str, layer: int) -> dict[str, float]:
    """Checkpoints whose cast has too little to do with the reference's: id -> `cast_cosine`."""
    here = table[(table["pooling"] == pooling) & (table["layer"] == layer)]
    low = here[~(here["cast_cosine"] >= PLACEABLE)]
    return {str(c): float(v) for c, v in zip(low["checkpoint"], low["cast_cosine"], strict=True)}


def not_held(study: Study, pooling: str) -> dict[str, str]:
    """Checkpoints without vectors at the headline layer, pooled so: id -> the reason, in words that
    read on from 'cannot be placed:'."""
    layer = study.manifest.headline_layer
    out = {}
    for c in study.manifest.checkpoints:
        if not study.holds(c.id, "vectors"):
            out[c.id] = study.manifest.without_cast(c.id)
        # only a checkpoint made elsewhere can lack some: the others hold every pooling and layer
        elif not study.holds(c.id, "questions"):
            v = study.vectors(c.id)
            if pooling not in v.poolings:
                out[c.id] = f"it was imported without vectors of the {POOLING_NAMES[pooling]}"
            elif layer not in v.layers:
                out[c.id] = f"it was imported without layer {layer}"
    return out


def map_of(
    study: Study, pooling: str, geometry: pd.DataFrame, settings: MapSettings | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The study's frozen map at the headline layer: every point, its settings and its quality.

    Fitted on the cast at the reference; Assistants of all checkpoints are placed in two frames,
    centred on their own cast's mean ('own') or on the reference's ('reference'). `geometry` is the
    table of `preservation`: it says who can be placed at all; `not_held` names the checkpoints that
    have no vectors there. A reference that keeps no activations gives one block per persona.
    """
    m, settings = study.manifest, settings or MapSettings()
    layer = m.headline_layer
    roles, blocks = cast_blocks(study, pooling, settings)
    frozen = fit_map(blocks, replace(settings, blocks=blocks.shape[1]))
    figures, recall = quality(frozen)
    rows = _cast_rows(study, frozen, roles, recall)
    absent = not_held(study, pooling)
    strange = not_placeable(geometry, pooling, layer)
    strange = {c: cosine for c, cosine in strange.items() if c not in absent}
    for c in m.checkpoints:
        if c.id in strange or c.id in absent:
            continue
        for frame, (mean, cloud) in _placed(study, c.id, pooling, settings).items():
            rows += _assistant_rows(study, frozen, roles, mean, cloud, c, frame)
    info = {
        "pooling": pooling,
        "layer": layer,
        "checkpoint": m.reference,
        **vars(frozen.settings),
        "n_blocks": len(frozen.blocks),
        "width": frozen.width,
        "off_map_below": frozen.off_map_below,
        "pca_explained": [float(v) for v in frozen.pca_explained],
        "not_placeable": strange,
        "not_held": absent,
        "placeable_from": PLACEABLE,
        **figures,
        "versions": m.versions,
    }
    return pd.DataFrame(rows), info


def cast_blocks(study: Study, pooling: str, settings: MapSettings) -> tuple[np.ndarray, np.ndarray]:
    """The cast at the reference, centred: roles [role, d_model], blocks [role, block, d_model]."""
    m, weights = study.manifest, family_weights(study.cast)
    kept = study.activations(m.reference)
    if kept is None:
        v = study.vectors(m.reference).at(pooling, m.headline_layer)
        roles = v[:-1] - cast_mean(v[:-1], weights)
        return roles, roles[:, None]
    centred = centre_questions(kept.at(pooling), weights)
    return centred[:-1].mean(1), block_means(centred, settings)[:-1]


def _placed(
    study: Study, checkpoint: str, pooling: str, settings: MapSettings
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Frame -> the Assistant's centred mean [d_model] and its cloud [half, d_model].

    The cloud is the means over the map's halves of the questions; without questions it is empty.
    Then the frame 'own' moves the reference's cast mean by the mean shift of the personas that both
    checkpoints have, so that a checkpoint with part of the cast is not displaced for lacking the
    rest.
    """
    m = study.manifest
    layer, start = m.headline_layer, m.reference
    if study.holds(checkpoint, "questions") and study.holds(start, "questions"):
        a, own = study.question_vectors(checkpoint).at(pooling, layer)
        _, c0 = study.question_vectors(start).at(pooling, layer)
        centred = {"own": a - own, "reference": a - c0}
        return {f: (x.mean(0), block_means(x[None], settings)[0]) for f, x in centred.items()}
    ref, here = study.vectors(start), study.vectors(checkpoint)
    both = common_cast(study.cast, (ref, here))
    shift = here.of(both).at(pooling, layer)[:-1] - ref.of(both).at(pooling, layer)[:-1]
    mu = cast_mean(ref.at(pooling, layer)[:-1], family_weights(study.cast))
    a = here.at(pooling, layer)[-1] - mu
    none = np.empty((0, len(a)))
    return {"own": (a - cast_mean(shift, family_weights(both)), none), "reference": (a, none)}


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
    mean: np.ndarray,
    cloud: np.ndarray,
    c: Checkpoint,
    frame: str,
) -> list[dict[str, Any]]:
    """The Assistant at one checkpoint, and its cloud."""
    ids, weights = study.cast.ids, family_weights(study.cast)
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
