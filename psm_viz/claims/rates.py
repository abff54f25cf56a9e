"""What several claims share: rates side by side, their rise, their dots, a base's in-context R2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from psm_viz.claims.run_rows import ASSISTANT, BASE, Runs, held_out, topics
from psm_viz.claims.verdict import Dot
from psm_viz.stats.metrics import r_squared
from psm_viz.world.curriculum import CODING

Group = tuple[str, str, str]
"""A group of a chart: label, world, branch."""


def each(values: Iterable[float]) -> str:
    """Values of the seeds, in words."""
    said = (f"{x:.2f}".replace("-", "\N{MINUS SIGN}") for x in values)
    return ", ".join(said) or "not measured"


def others(trained: str = CODING) -> list[str]:
    """The topics of conduct that a branch did not train on, in order."""
    return [t for t in topics() if t != trained]


def beside(runs: Runs, world: str, seed: int, *branches: str) -> np.ndarray:
    """Rates at the ends of several branches side by side: [held-out topic, branch]."""
    return np.stack([runs.rates(world, seed, b)[held_out()] for b in branches], axis=1)


def lift(
    runs: Runs, world: str, seed: int, branch: str, trained: str = CODING, who: str = "seen"
) -> np.ndarray:
    """Rate after a branch less that before it, per held-out topic; of the Assistant, or of
    another speaker (`who`, a key of the rows' rates)."""
    after, before = (runs.rates(world, seed, b, who) for b in (branch, ASSISTANT))
    return (after - before)[held_out(trained)]


def reached(pair: np.ndarray) -> float:
    """What reaches others, of what the Assistant learned: rises [topic, (others, Assistant)]."""
    others_, own = pair.mean(0)
    return float(others_ / own)


def rate_dots(runs: Runs, groups: Sequence[Group], trained: str = CODING) -> tuple[Dot, ...]:
    """One dot a seed: the mean rate over held-out topics at the end of each branch."""
    keep = held_out(trained)
    return tuple(
        Dot(label, float(runs.rates(world, s, branch)[keep].mean()), s)
        for label, world, branch in groups
        for s in runs.seeds(world, branch)
    )


def dialogue_r2(runs: Runs, world: str, seed: int, branch: str = BASE) -> float:
    """In-context R2 on the world's own dialogues, against the exact predictive; of the base, or of
    another branch whose row holds them."""
    rows = runs.row(world, seed, branch)["dialogues"]
    model, exact = (np.array([r[k] for r in rows]) for k in ("model", "exact"))
    return r_squared(model, exact)
