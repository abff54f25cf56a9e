"""What a place on the Assistant axis might be read off instead of the character."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psm_viz.errors import PsmVizError
from psm_viz.stats.confounds import correlations
from psm_viz.study import columns as col
from psm_viz.study.activations import POOLINGS
from psm_viz.study.columns import axis_column, norm_column
from psm_viz.study.reader import Study

CONFOUNDS = {"length": "answer length", "norm": "activation norm"}


def confounds_table(study: Study) -> pd.DataFrame:
    """Correlation of the answers' projection on the axis with their length and activation norm,
    over all answers and within personas: checkpoint, pooling, confound, within, value, low, high,
    n (answers)."""
    rows = []
    for c in study.manifest.checkpoints:
        if not study.holds(c.id, "responses"):
            continue
        said = study.responses(c.id)
        for pooling in POOLINGS:
            if axis_column(pooling) not in said or len(said) < 2:
                continue
            try:
                found = correlations(
                    said[axis_column(pooling)].to_numpy(dtype=np.float64),
                    said[col.TOKENS].to_numpy(dtype=np.float64),
                    said[norm_column(pooling)].to_numpy(dtype=np.float64),
                    list(said[col.PERSONA]),
                )
            except PsmVizError:  # no usable rows: the table says nothing of this checkpoint
                continue
            rows += [
                {
                    "checkpoint": c.id,
                    "pooling": pooling,
                    "confound": CONFOUNDS[r.confound],
                    "within": r.within,
                    **{"value": r.r.value, "low": r.r.low, "high": r.r.high},
                    "n": r.rows,
                }
                for r in found
            ]
    columns = ["checkpoint", "pooling", "confound", "within", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)
