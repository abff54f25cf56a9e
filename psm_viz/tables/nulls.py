"""The nulls that stand beside the headlines, each to be called on its own.

1 the same checkpoint played again; 2 a benign branch; 3 the requested twin; 4 another role trained
instead of the Assistant; 5 random directions of the cast's covariance, each taking its own best
layer; 6 a randomly initialised model; 7 matched-norm random steering; 8 Gaussian data through the
same UMAP. `NULLS` says which headline each one guards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from psm_viz.errors import UnknownName
from psm_viz.stats.vectors import assistant_axis, principal_directions, unit
from psm_viz.study.activations import common_cast
from psm_viz.study.cast import family_weights
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer, Comparison
from psm_viz.tables.map_trials import NOISE

DRAWS = 999


@dataclass(frozen=True)
class Null:
    """A null by its number: what it is, which headline it guards, and where it is drawn."""

    number: int
    name: str
    guards: tuple[str, ...]
    says: str


NULLS = (
    Null(1, "played again", ("every size of drift",), "what measuring alone does"),
    Null(2, "benign branch", ("movement of its own",), "what any training of this size does"),
    Null(3, "requested twin", ("movement of its own", "bad answers"), "the same text, asked for"),
    Null(4, "another role trained", ("movement of its own",), "the lesson without the Assistant"),
    Null(5, "random directions", ("axis beside PC1",), "what any direction the cast uses does"),
    Null(6, "random initialisation", ("map", "axis"), "what an untrained model shows"),
    Null(7, "random steering", ("steering",), "what any vector of this length does"),
    Null(8, "Gaussian data", ("map",), "what UMAP makes of no structure"),
)


def played_again(study: Study, comparer: Comparer, pooling: str) -> Comparison:
    """Null 1: the reference, other questions and another seed. Raises UnknownName without it."""
    floor = study.manifest.noise_floor
    if floor is None:
        raise UnknownName(
            "This study has no noise floor.",
            "Give as many questions of the set 'again' as of 'main' and extract it again.",
        )
    return comparer(study.manifest.reference, floor, pooling)


def branch_null(study: Study, comparer: Comparer, role: str, pooling: str) -> Comparison:
    """Nulls 2, 3 and 4: the end of the branch that the study calls its `benign`, `twin` or
    `other_role`. Raises UnknownName where there is none."""
    m = study.manifest
    branch = m.notes.get(role)
    if branch not in m.fine_tuned:
        raise UnknownName(
            f"This study has no branch noted as {role!r}.",
            "Add one with: python -m psm_viz extract --tree TREE --out STUDY --add BRANCH",
        )
    return comparer(m.reference, m.branch(str(branch))[-1].id, pooling)


@dataclass(frozen=True)
class AxisBesidePC1:
    """|cos(Assistant axis, first principal direction)| at its best layer, beside random directions
    that each take theirs: the figure, the band of 95 % of them and one-sided p."""

    value: float
    layer: int
    band: tuple[float, float]
    p: float


def random_directions_best_layer(
    study: Study, checkpoint: str, pooling: str, draws: int = DRAWS, seed: int = 0
) -> AxisBesidePC1:
    """Null 5, for 'the Assistant axis is the cast's main direction'.

    Each draw is a random combination of the personas' centred vectors, the same combination at
    every layer, so that it has the cast's covariance there; it takes its own best layer, as the
    axis does. Three published axes of this kind lie inside this band (science.md). Raises
    UnknownName, and BadInput where the cast is one point.
    """
    v = study.vectors(checkpoint)
    if study.manifest.check_pooling(pooling) not in v.poolings:
        raise UnknownName(
            f"{checkpoint} has no vectors at {pooling}.", f"It holds {', '.join(v.poolings)}."
        )
    weights = family_weights(common_cast(study.cast, (v,)))
    rng = np.random.default_rng([seed, 43])
    mix = rng.normal(size=(draws, len(v.ids) - 1))
    own, drawn = [], []
    for layer in v.layers:
        x = v.at(pooling, layer).astype(np.float64)
        roles = x[:-1] - x[:-1].mean(0)
        first = principal_directions(x[:-1])[0][0]
        own.append(abs(float(unit(assistant_axis(x[-1], x[:-1], weights)) @ first)))
        drawn.append(np.abs(unit(mix @ roles) @ first))
    best = np.max(drawn, axis=0)
    value = max(own)
    low, high = np.percentile(best, [2.5, 97.5])
    p = float((1 + (best >= value).sum()) / (1 + draws))
    return AxisBesidePC1(value, v.layers[int(np.argmax(own))], (float(low), float(high)), p)


def random_initialisation(study: Study) -> str:
    """Null 6: the checkpoint of the study that was never trained. Raises UnknownName."""
    for c in study.manifest.checkpoints:
        if c.parent is None and c.step == 0 and c.id != study.manifest.reference:
            return c.id
    raise UnknownName("This study holds no randomly initialised checkpoint.")


def random_steering(study: Study) -> pd.DataFrame:
    """Null 7: the band of matched-norm random vectors, isotropic and of the cast's covariance.

    Raises UnknownName where nothing was steered.
    """
    table = study.table("steering")
    return table[table["direction"].astype(str).str.startswith("random")]


def gaussian_map(study: Study) -> pd.DataFrame:
    """Null 8: quality of maps of Gaussian data, a row a seed, beside the cast's. Raises
    UnknownName."""
    trials = study.table("map_trials")
    return trials[trials["data"].astype(str) == NOISE]
