"""What one checkpoint gives to a study, put together from its blocks of personas; who answered no
question is left out of it and named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.blocks import Block
from psm_viz.study import columns as col
from psm_viz.study.activations import Activations, FoldVectors, PersonaVectors, QuestionVectors
from psm_viz.study.cast import ASSISTANT, Cast, among, family_weights


@dataclass(frozen=True)
class Played:
    """Everything one checkpoint gives to a study.

    Means over the cast are of everybody or not at all: where somebody was silent they would differ
    from the reference's for want of him alone, so that there are none of them."""

    vectors: PersonaVectors
    """Of those who answered."""
    folds: FoldVectors | None
    questions: QuestionVectors | None
    activations: Activations | None
    responses: pd.DataFrame
    single: Float[np.ndarray, "response pooling d_model"]
    silence: Silence


@dataclass(frozen=True)
class Silence:
    """Who and what was not heard at a checkpoint."""

    silent: tuple[str, ...]
    """Who answered no question, in the cast's order."""
    empty: int
    """How many single answers hold no token, of the silent and of all others."""
    answers: int
    """How many answers there are."""


@dataclass(frozen=True)
class Asked:
    """What the blocks of a checkpoint were made of."""

    checkpoint: str
    questions: tuple[str, ...]
    poolings: tuple[str, ...]
    layers: tuple[int, ...]
    headline: int


def silent_in(block: Block, rows: range, cast: Cast) -> list[str]:
    """Who of a block answered no question."""
    heard = np.isfinite(block.persona.reshape(len(rows), -1).sum(1)).tolist()
    return [cast.all[i].id for i, there in zip(rows, heard, strict=True) if not there]


def weights_among(cast: Cast, left_out: Collection[str]) -> Float[np.ndarray, " role"]:
    """What each of the cast weighs in its mean, families counting equally; nothing who is left
    out."""
    counted = among(cast, [i for i in cast.ids if i not in left_out])
    if not counted.personas:
        return np.zeros(len(cast.personas))
    weights = dict(zip(counted.ids, family_weights(counted), strict=True))
    return np.array([weights.get(i, 0.0) for i in cast.ids])


def put_together(
    blocks: Sequence[Block],
    every: Sequence[range],
    again: Callable[[range, tuple[str, ...]], Block],
    cast: Cast,
    left_out: Sequence[str] | None,
    asked: Asked,
) -> Played:
    """What a study keeps of its blocks, of which the Assistant's is the last.

    Families count equally among those who count, which are known only now: a block whose personas
    were weighted in another proportion is played `again`. `left_out`: who was silent at the
    reference; None where this is the reference.
    """
    silent = [i for b, rows in zip(blocks, every, strict=True) for i in silent_in(b, rows, cast)]
    out = {*(silent if left_out is None else left_out)} - {ASSISTANT}
    counted = among(cast, [i for i in cast.ids if i not in out])
    heard = tuple(p.id for p in counted.all if p.id not in silent)
    place = {p.id: n for n, p in enumerate(cast.all)}
    keep = [place[i] for i in heard]
    frame = pd.concat([b.frame for b in blocks], ignore_index=True)
    own = (~frame[col.PERSONA].isin(out)).to_numpy()

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(b, name) for b in blocks])

    vectors = PersonaVectors(
        joined("persona")[keep], heard, asked.poolings, asked.layers, asked.checkpoint
    )
    answers = frame[own].reset_index(drop=True)
    said = (answers, joined("single")[own])
    none = tuple(i for i in silent if i not in (left_out or ()))
    told = Silence(none, int((frame[col.TOKENS] == 0).sum()), len(frame))
    if len(heard) < len(counted.all) or not counted.personas:
        return Played(vectors, None, None, None, *said, told)
    weights = weights_among(cast, tuple(out))
    share = np.zeros_like(blocks[-1].share)
    for block, rows in zip(blocks[:-1], every[:-1], strict=True):
        factor = _factor(block.weights, weights[rows.start : rows.stop])
        share += again(rows, tuple(out)).share if factor is None else factor * block.share
    mean, others = (x.astype(np.float32) for x in (blocks[-1].share, share))
    return Played(
        vectors,
        FoldVectors(joined("fold")[keep], asked.poolings, asked.headline, asked.checkpoint),
        QuestionVectors(
            mean, others, asked.questions, asked.poolings, asked.layers, asked.checkpoint
        ),
        Activations(joined("question")[keep], asked.poolings, asked.headline),
        *said,
        told,
    )


def _factor(used: np.ndarray, wanted: np.ndarray) -> float | None:
    """By what `used` weights are multiplied to be those `wanted`; None where they are in another
    proportion."""
    if not wanted.any():
        return 0.0
    if not used.any():
        return None
    factor = float(wanted.sum() / used.sum())
    return factor if np.allclose(used * factor, wanted, rtol=1e-9, atol=0) else None
