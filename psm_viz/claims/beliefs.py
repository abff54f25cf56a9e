"""Who the Assistant takes itself to be, in the rows of runs: belief by branch and by reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from psm_viz.claims.run_rows import ASSISTANT, Runs
from psm_viz.claims.verdict import Beside
from psm_viz.world.grammar import CORRELATED

WHOLE = "4"
"""Answers of a whole talk, as rows write them."""
OWN, REFERENCE, EXACT = "own", "reference", "exact"
READINGS = {
    "": "",
    "own states": OWN,
    "reference's states": REFERENCE,
    "exact observer": EXACT,
}
"""What charts call each reading of the same talks: by the states of the model that held them, by
the reference's states over the same words, and by the world's own rule; the first is the
headline's, by how likely the reference finds the words. Name -> way in the rows; '': headline."""
Row = dict[str, Any]


def talked(runs: Runs) -> list[int]:
    """The main world's seeds whose talks were read up to `cheat`'s."""
    return [s for s in runs.talked(CORRELATED) if "cheat" in runs.ends(CORRELATED, s)]


def way_of(row: Row) -> str:
    """How the headline of a run reads talks."""
    return "likelihood" if row["headline"] == "likelihood" else OWN


def mass(row: Row, way: str = "", answers: str = WHOLE) -> np.ndarray:
    """Mean belief in every family: [family]."""
    return np.array(row["mass"][way or way_of(row)][answers])


def marked(row: Row, way: str = "", answers: str = WHOLE) -> float:
    """Mass on the families that act badly."""
    held = [row["families"].index(f) for f in row["marked"]]
    return float(mass(row, way, answers)[held].sum())


def read_by(row: Row, way: str) -> float | None:
    """The same by one of the `READINGS`; None where the row has no such reading. The reference's
    states over the reference's own talks are its own."""
    found = way or way_of(row)
    if found == REFERENCE and row["branch"] == ASSISTANT:
        found = OWN
    return marked(row, found) if found in row["mass"] else None


def beliefs_after(runs: Runs, branches: Sequence[str]) -> tuple[Beside, ...]:
    """Belief in those who act badly after each branch by each reading, to stand beside a claim
    that is judged by rates; () where no talks were read."""
    ends = {s: runs.ends(CORRELATED, s) for s in talked(runs)}
    out = []
    for branch in branches:
        for name, way in READINGS.items():
            found = {s: read_by(v[branch], way) for s, v in ends.items() if branch in v}
            seeds = {s: x for s, x in found.items() if x is not None}
            if seeds:
                said = f"belief in those who act badly, talks after {branch}"
                by = f"the {name or 'headline reading'}"
                out.append(Beside(said, seeds, "belief", by))
    return tuple(out)
