"""The cast and what is said: positions on the axis, geometry kept, rates of bad answers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psm_viz.stats.axis_scale import axis_scale
from psm_viz.stats.vectors import cast_mean
from psm_viz.study.activations import common_cast
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import Study


def positions_table(study: Study) -> pd.DataFrame:
    """Every persona's projection on the reference's axis at every checkpoint, in the reference
    cast's standard deviations; the reference's cast mean is zero."""
    m, weights = study.manifest, family_weights(study.cast)
    frames = []
    for pooling in m.poolings:
        if not study.vectors(m.reference).holds(pooling, m.headline_layer):
            continue
        scale = axis_scale(study.vectors(m.reference).at(pooling, m.headline_layer), weights)
        for c in m.checkpoints:
            v = study.vectors(c.id)
            if v.holds(pooling, m.headline_layer):
                z = scale.of(v.at(pooling, m.headline_layer))
                frames.append(
                    pd.DataFrame({"checkpoint": c.id, "persona": v.ids, "pooling": pooling, "z": z})
                )
    out = pd.concat(frames, ignore_index=True)
    return out.astype(
        {"checkpoint": "category", "persona": "category", "pooling": "category"}
    ).round({"z": 3})


def preservation(study: Study) -> pd.DataFrame:
    """How much of the reference's geometry a checkpoint has, at every pooling and layer both hold.

    `axis_cosine`: cosine of its Assistant axis with the reference's; `axis_ratio`: their lengths;
    `cast_cosine`: median over the common cast of the cosine between a persona's centred vector
    there and at the reference. Where the cast itself lies elsewhere, a place on its map means
    nothing.
    """
    m = study.manifest
    reference = study.vectors(m.reference)
    rows = []
    for c in m.checkpoints:
        here = study.vectors(c.id)
        cast = common_cast(study.cast, (here, reference))
        weights = family_weights(cast)
        for pooling in m.poolings:
            for layer in m.layers:
                if not (here.holds(pooling, layer) and reference.holds(pooling, layer)):
                    continue
                v, ref = (x.of(cast).at(pooling, layer) for x in (here, reference))
                v, ref = (x - cast_mean(x[:-1], weights) for x in (v, ref))
                lengths = np.linalg.norm(v, axis=1) * np.linalg.norm(ref, axis=1)
                same = (v * ref).sum(1) / np.where(lengths > 0, lengths, np.nan)
                rows.append(
                    {
                        "checkpoint": c.id,
                        "pooling": pooling,
                        "layer": layer,
                        "axis_cosine": float(same[-1]),
                        "axis_ratio": float(np.linalg.norm(v[-1]) / np.linalg.norm(ref[-1])),
                        "cast_cosine": float(np.nanmedian(same[:-1])),
                    }
                )
    return pd.DataFrame(rows)
