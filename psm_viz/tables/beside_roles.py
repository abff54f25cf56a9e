"""What axes and trait vectors that lie beside role vectors have to do with the roles' own axis."""

from __future__ import annotations

import numpy as np

from psm_viz.errors import BadInput
from psm_viz.stats.vectors import assistant_axis, cosines
from psm_viz.study.formats.role_vectors import Other, RoleVectors


def beside_roles(
    found: RoleVectors, rows: dict[int, int], layer: int, blocks: int | None
) -> list[str]:
    """A line a file: what it is, and its cosine with the Assistant minus the plain mean of the
    folder's roles at `layer`, or why there is none.

    `rows` are the layers of the roles' rows, `blocks` how many the model has where that is known.
    """
    return [
        f"{other.file}: {other.words}, no role; {_compared(other, found, rows, layer, blocks)}"
        for other in found.others
    ]


def _compared(
    other: Other, found: RoleVectors, rows: dict[int, int], layer: int, blocks: int | None
) -> str:
    at = found.values[:, rows[layer]].astype(np.float64)
    try:
        row = _row(other, found, rows[layer], layer, blocks)
        axis = assistant_axis(at[-1], at[:-1], np.full(len(at) - 1, 1 / (len(at) - 1)))
        own = other.values[row].astype(np.float64)
        cosine = float(cosines(own[None], axis[None])[0, 0])
    except BadInput as e:
        return f"not compared. {e.problem}"
    return (
        f"cosine {cosine:+.3f} with the axis of these roles (the Assistant minus their mean) at "
        f"layer {layer}, its row {row}"
    )


def _row(other: Other, found: RoleVectors, row: int, layer: int, blocks: int | None) -> int:
    """The row of `layer`: the roles' own where an axis has as many as they, or each has one; else
    as the form has it. Raises BadInput where that cannot be known."""
    (n, width), (total, d) = other.values.shape, found.values.shape[1:]
    if width != d:
        raise BadInput(f"It has {width} dimensions, the roles have {d}.")
    if n == total and (n == 1 or not other.trait):
        return row
    first = 1 if other.trait else 0
    if n == 1:
        raise BadInput("It has one row and does not say of which layer.")
    if blocks is not None and n != blocks + first:
        raise BadInput(f"It has {n} rows; of a model of {blocks} layers {blocks + first} are due.")
    if layer + first >= n:
        raise BadInput(f"It has {n} rows, of which none is layer {layer}.")
    return layer + first
