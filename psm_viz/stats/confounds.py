"""Could a figure be read off something dull: how long answers are, how large activations are,
or which words are read rather than which weights read them?
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadInput
from psm_viz.stats.checks import finite
from psm_viz.stats.resampling import Estimate, estimate, signed_root

CELLS = (("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"))
"""(whose text, whose weights)."""
UNTOLD = 0.025
"""Share of draws without a shift above which shares of that shift are not said."""


@dataclass(frozen=True)
class Correlation:
    """Pearson's r of a projection with something dull, 'length' or 'norm'.

    `within` personas each row counts from its persona's mean. `rows` were used, `left_out` held a
    value that is not a number; the interval resamples the `personas`. A constant has no
    correlation: NaN.
    """

    confound: str
    within: bool
    r: Estimate
    rows: int
    left_out: int
    personas: int


@dataclass(frozen=True)
class TwoByTwo:
    """Words or weights: the shift bb - aa taken apart, per question (text first, weights second).

    `words` = mean over weights of (text b - text a), `weights` = mean over texts of (weights b -
    weights a), `interaction` = bb - ba - ab + aa, `total` = bb - aa = words + weights: cross-fitted
    norms, residual-stream units, below zero for 'no more than noise'. The shares are the parts of
    the total along itself and sum to 1; NaN where the total is not told from zero.
    """

    words: Estimate
    weights: Estimate
    interaction: Estimate
    total: Estimate
    words_share: Estimate
    weights_share: Estimate
    questions: int
    topics: int


def correlations(
    values: Float[np.ndarray, " row"],
    length: Float[np.ndarray, " row"],
    norm: Float[np.ndarray, " row"],
    groups: Sequence[Hashable],
    *,
    draws: int = 300,
    seed: int = 0,
) -> tuple[Correlation, ...]:
    """A projection's correlation with response length and activation norm, over all rows and
    within personas: four figures, in that order.

    `groups` names each row's persona. Rows with a value that is not a number are counted and left
    out, for each pair of columns on its own. Raises BadInput for columns of different lengths or
    without rows.
    """
    if not len(values) == len(length) == len(norm) == len(groups):
        raise BadInput(
            f"Columns of different lengths: {len(values)} projections, {len(length)} lengths, "
            f"{len(norm)} norms, {len(groups)} personas."
        )
    if not len(values):
        raise BadInput("There is no row to correlate.")
    code = {g: i for i, g in enumerate(dict.fromkeys(groups))}
    index = np.array([code[g] for g in groups])
    out = []
    for name, column in (("length", length), ("norm", norm)):
        usable = np.isfinite(values) & np.isfinite(column)
        who = np.unique(index[usable], return_inverse=True)[1]
        x, y = (np.asarray(v, dtype=np.float64)[usable] for v in (values, column))
        personas = len(np.unique(who))
        picks = _picks(personas, draws, seed)
        for within in (False, True):
            r = _correlation(x, y, who, personas, picks, within)
            out.append(Correlation(name, within, r, len(x), int((~usable).sum()), personas))
    return tuple(out)


def two_by_two(
    cells: Mapping[tuple[str, str], Float[np.ndarray, "question d_model"]],
    topics: Sequence[str],
    *,
    draws: int = 300,
    seed: int = 0,
) -> TwoByTwo:
    """Take a shift apart into the words that are read and the weights that read them.

    `cells` holds every question's vector for the four (text, weights) of `CELLS`. Squares and
    shares are products between questions of different topics; intervals resample topics (none
    below three). Raises BadInput for a missing cell, unequal shapes, fewer than two topics or
    values that are not finite.
    """
    missing = [k for k in CELLS if k not in cells]
    if missing or len({cells[k].shape for k in CELLS}) > 1:
        found = {k: cells[k].shape for k in CELLS if k in cells}
        raise BadInput(f"Words or weights needs four cells of one shape {CELLS}, found {found}.")
    aa, ab, ba, bb = (finite(np.asarray(cells[k], np.float64), f"cell {k}") for k in CELLS)
    if len(topics) != len(aa):
        raise BadInput(f"{len(aa)} questions with {len(topics)} topics' names.")
    index = np.unique(np.asarray(topics, dtype=str), return_inverse=True)[1]
    n = len(np.unique(index))
    if n < 2:
        raise BadInput("Cross-fitted figures need questions of at least two topics, found one.")
    words, weights = ((ba - aa) + (bb - ab)) / 2, ((ab - aa) + (bb - ba)) / 2
    total, both = bb - aa, bb - ba - ab + aa
    # Every product is wanted for the data (each topic once, first row) and for every draw.
    counts = np.vstack([np.ones(n), _picks(n, draws, seed) if n > 2 else np.empty((0, n))])

    def norm(x: np.ndarray) -> Estimate:
        square = _products(x, x, index, counts)
        return _first(signed_root(square))

    square = _products(total, total, index, counts)
    size = max(float((c**2).sum(1).mean()) for c in (aa, ab, ba, bb))
    known = square[np.isfinite(square)]
    # A shift of rounding size, or one that vanishes in too many draws, has no shares.
    there = square[0] > 1e-20 * size and (known <= 0).mean() <= UNTOLD
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = [
            _first(_products(x, total, index, counts) / square if there else square * np.nan)
            for x in (words, weights)
        ]
    return TwoByTwo(
        norm(words), norm(weights), norm(both), norm(total), *shares, questions=len(aa), topics=n
    )


def _picks(groups: int, draws: int, seed: int) -> np.ndarray:
    """How often every group is drawn, with replacement: [draw, group]."""
    if not groups:
        return np.empty((draws, 0))
    even = np.full(groups, 1 / groups)
    return np.random.default_rng(seed).multinomial(groups, even, draws).astype(float)


def _first(values: np.ndarray) -> Estimate:
    """The first value with the interval of the others."""
    return estimate(values[0], values[1:])


def _products(x: np.ndarray, y: np.ndarray, index: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of x_q . y_q' over pairs of questions of different topics, under each row of counts.

    counts [draw, topic]: a topic drawn twice is never paired with its own copy. NaN for a draw
    of one single topic.
    """
    n = counts.shape[1]
    member = (np.arange(n)[:, None] == index).astype(float)
    sums, sizes = (member @ x) @ (member @ y).T, member.sum(1)
    pairs = np.outer(sizes, sizes)
    np.fill_diagonal(sums, 0.0)
    np.fill_diagonal(pairs, 0.0)
    over = np.einsum("ct,tu,cu->c", counts, pairs, counts)
    found = np.einsum("ct,tu,cu->c", counts, sums, counts)
    return np.divide(found, over, out=np.full(len(counts), np.nan), where=over > 0)


def _correlation(
    x: np.ndarray, y: np.ndarray, who: np.ndarray, n: int, picks: np.ndarray, within: bool
) -> Estimate:
    """Pearson's r from per-persona sums, for the rows as they are and under every resampling."""
    if len(x) < 2:
        return Estimate(np.nan)
    floors = [1e-20 * float((v**2).sum()) for v in (x, y)]  # what rounding leaves of a constant
    x, y = x - x.mean(), y - y.mean()
    columns = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)
    member = (np.arange(n)[:, None] == who).astype(float)
    sums = member @ columns  # [persona, column]
    if within:  # each persona's own mean taken off before anything is added up
        own = sums[:, 1:3] / sums[:, :1]
        x, y = x - own[who, 0], y - own[who, 1]
        sums = member @ np.stack([np.ones(len(x)), 0 * x, 0 * y, x * x, y * y, x * y], axis=1)
    count, sx, sy, xx, yy, xy = (np.vstack([np.ones(n), picks]) @ sums).T
    vx, vy, both = xx - sx**2 / count, yy - sy**2 / count, xy - sx * sy / count
    there = (vx > floors[0]) & (vy > floors[1])
    r = np.full(len(vx), np.nan)
    r[there] = np.clip(both[there] / np.sqrt(vx[there] * vy[there]), -1.0, 1.0)
    if n < 2 or np.isnan(r[0]):  # a resampling may not give an interval to what has no value
        r[1:] = np.nan
    return _first(r)
