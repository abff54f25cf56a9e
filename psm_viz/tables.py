"""The derived tables of a study: drift by checkpoint, positions on the axis, preservation, rates.

Computed once from what the study holds and stored with it; pages only read them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from psm_viz import drift
from psm_viz.behaviour import split_rates
from psm_viz.errors import BadInput
from psm_viz.store import Study
from psm_viz.study import Checkpoint
from psm_viz.vectors import assistant_axis, cast_mean, family_weights, project


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
