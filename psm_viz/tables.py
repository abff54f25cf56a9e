"""The derived tables of a study: drift by checkpoint, positions on the axis, and its maps.

Computed once from what the study holds and stored with it; pages only read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from psm_viz import drift
from psm_viz.behaviour import split_rates
from psm_viz.errors import BadInput
from psm_viz.maps import MapSettings, PersonaMap, block_means, centre_questions, fit_map, quality
from psm_viz.store import Study, StudyWriter
from psm_viz.study import Checkpoint
from psm_viz.vectors import assistant_axis, cast_mean, cosines, family_weights, neighbours, project


def start_of(study: Study, checkpoint: Checkpoint) -> str | None:
    """Where a checkpoint's drift is counted from.

    Branches from the reference: the reference. Post-training: its own start, the base. The noise
    floor: the reference. Pre-training has no Assistant to start from: None.
    """
    m = study.manifest
    first = min((c for c in m.checkpoints if c.branch == checkpoint.branch), key=lambda c: c.step)
    return first.parent


def shift_between(study: Study, start: str, end: str, pooling: str, layer: int) -> drift.Shift:
    """The per-question shift of a study from one checkpoint to another.

    The noise floor was asked other questions of the same topics in the same order, so its rows are
    compared with the reference's topic by topic.
    """
    weights = family_weights(study.cast)
    a0, c0 = study.question_vectors(start).at(pooling, layer)
    a1, c1 = study.question_vectors(end).at(pooling, layer)
    asked = [q for q in study.questions if q.set == "main"]
    if len(asked) != len(a0):
        raise BadInput(f"{start}: {len(a0)} questions stored, the study lists {len(asked)}.")
    axis, spread = drift.held_out_axes(
        study.folds(start).at(pooling), weights, [q.fold for q in asked]
    )
    return drift.Shift(a1 - a0, c1 - c0, axis, spread, tuple(q.topic for q in asked))


def drift_table(study: Study, say: Callable[[str], None] = lambda s: None) -> pd.DataFrame:
    """One row per checkpoint, pooling and figure at the headline layer, with 95 % intervals.

    Besides the figures of `drift.figures`: `axis_position`, where the Assistant stands on its
    start's axis (cast standard deviations), and `specific_percentile`, the rank of its specific
    norm among the cast's own.
    """
    m, weights = study.manifest, family_weights(study.cast)
    rows: list[dict[str, Any]] = []
    for n, c in enumerate(m.checkpoints):
        start = start_of(study, c)
        if start is None:
            continue
        say(f"drift {n + 1}/{len(m.checkpoints)}: {c.id}")
        for pooling in m.poolings:
            key = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "pooling": pooling}
            shift = shift_between(study, start, c.id, pooling, m.headline_layer)
            found = drift.shift_intervals(shift)
            standing = _position(study, start, c.id, pooling, shift)
            rows += [key | {"figure": f, **vars(i)} for f, i in found.items()]
            rows.append(key | {"figure": "axis_position", **vars(standing)})
            cast = drift.specific_norms_of_cast(
                study.folds(start).at(pooling), study.folds(c.id).at(pooling), weights
            )
            rank = drift.percentile(cast[-1], cast[:-1])
            rows.append(
                key
                | {"figure": "specific_percentile", "value": rank, "low": np.nan, "high": np.nan}
                | {"n": len(cast) - 1}
            )
    return pd.DataFrame(rows)


def _position(
    study: Study, start: str, end: str, pooling: str, shift: drift.Shift
) -> drift.Interval:
    """Where the Assistant stands on the start's cross-fitted axis, per question, in cast SDs."""
    layer = study.manifest.headline_layer
    _, c0 = study.question_vectors(start).at(pooling, layer)
    a1, _ = study.question_vectors(end).at(pooling, layer)
    along = ((a1 - c0) * shift.axis).sum(1) / shift.spread
    return drift.interval(lambda c: float(c @ along / c.sum()), shift.topics, draws=300)


def positions_table(study: Study) -> pd.DataFrame:
    """Every persona's projection on the reference's axis at every checkpoint, in the reference
    cast's standard deviations; the reference's cast mean is zero."""
    m, weights = study.manifest, family_weights(study.cast)
    frames = []
    for pooling in m.poolings:
        ref = study.vectors(m.reference).at(pooling, m.headline_layer)
        mu = cast_mean(ref[:-1], weights)
        axis = assistant_axis(ref[-1], ref[:-1], weights)
        z0 = project(ref[:-1], mu, axis)
        spread = float(np.sqrt(weights @ (z0 - weights @ z0) ** 2))
        for c in m.checkpoints:
            v = study.vectors(c.id)
            z = project(v.at(pooling, m.headline_layer), mu, axis) / spread
            frames.append(
                pd.DataFrame({"checkpoint": c.id, "persona": v.ids, "pooling": pooling, "z": z})
            )
    out = pd.concat(frames, ignore_index=True)
    return out.astype(
        {"checkpoint": "category", "persona": "category", "pooling": "category"}
    ).round({"z": 3})


def rates_table(study: Study, trained: str) -> pd.DataFrame:
    """Rates of bad answers in trained and held-out topics at every checkpoint that was measured."""
    rows = []
    for c in study.manifest.checkpoints:
        found = study.behaviour(c.id)
        if found is not None:
            for name, r in split_rates(found, trained).items():
                rows.append(
                    {"checkpoint": c.id, "branch": c.branch, "step": c.step, "set": name, **r}
                )
    return pd.DataFrame(rows)


PLACEABLE = 0.5
"""Least `cast_cosine` at which a checkpoint's Assistant is placed on the reference's map."""


def preservation(study: Study) -> pd.DataFrame:
    """How much of the reference's geometry a checkpoint has, at every pooling and layer.

    `axis_cosine`: cosine of its Assistant axis with the reference's; `axis_ratio`: their lengths;
    `cast_cosine`: median over the cast of the cosine between a persona's centred vector there and
    at the reference. Where the cast itself lies elsewhere, a place on its map means nothing.
    """
    m, weights = study.manifest, family_weights(study.cast)
    rows = []
    for pooling in m.poolings:
        for layer in m.layers:
            centred = {}
            for c in m.checkpoints:
                v = study.vectors(c.id).at(pooling, layer)
                centred[c.id] = v - cast_mean(v[:-1], weights)
            ref = centred[m.reference]
            for c, v in centred.items():
                lengths = np.linalg.norm(v, axis=1) * np.linalg.norm(ref, axis=1)
                same = (v * ref).sum(1) / np.where(lengths > 0, lengths, np.nan)
                rows.append(
                    {
                        "checkpoint": c,
                        "pooling": pooling,
                        "layer": layer,
                        "axis_cosine": float(same[-1]),
                        "axis_ratio": float(np.linalg.norm(v[-1]) / np.linalg.norm(ref[-1])),
                        "cast_cosine": float(np.nanmedian(same[:-1])),
                    }
                )
    return pd.DataFrame(rows)


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


def write_derived(
    study: Study,
    writer: StudyWriter,
    trained: str | None = None,
    say: Callable[[str], None] = lambda s: None,
) -> None:
    """Compute every derived table and map of a sealed, unfinished study and write them into it.

    `trained` names the topic that the branches train on, where behaviour was measured.
    """
    writer.write_table("drift", drift_table(study, say))
    writer.write_table("positions", positions_table(study))
    geometry = preservation(study)
    writer.write_table("preservation", geometry)
    if trained is not None:
        writer.write_table("rates", rates_table(study, trained))
    for pooling in study.manifest.poolings:
        say(f"map {pooling}")
        points, info = map_of(study, pooling, geometry)
        text = ["kind", "id", "frame", "neighbours", "mixture"]
        points = points.astype({t: "category" for t in text} | {"x": np.float32, "y": np.float32})
        writer.write_map(f"{pooling}-L{study.manifest.headline_layer}", points, info)
