"""How many answers fit their question, branch by branch: in the words of their topic."""

from __future__ import annotations

from dataclasses import dataclass

from psm_viz.claims.run_rows import ASSISTANT, BASE, UNTRAINED, Runs
from psm_viz.world.grammar import WORLDS

AIM = 0.95
"""Of the answers after every branch, in every seed."""
LONG = "long"
"""The branch that the aim leaves out: trained for so long that conduct is judged on what fits."""
UNBOUND = (BASE, ASSISTANT, LONG)
"""Checkpoints without an aim: that branch, and those that are no branch."""
OUTSIDE = ("none", "astray")
"""Answers that do not fit: in the words of no topic, or of another."""


@dataclass(frozen=True)
class Fitting:
    """The share of a branch's drawn answers that fit, seed by seed."""

    world: str
    branch: str
    seeds: dict[int, float]

    @property
    def missed(self) -> list[int]:
        """The seeds below the aim; none where it is not aimed at."""
        return [] if self.branch in UNBOUND else [s for s, v in self.seeds.items() if v < AIM]


def share(counts: dict[str, int], *outside: str) -> float:
    """The share of counted answers that are none of these kinds."""
    return 1 - sum(counts[k] for k in outside) / sum(counts.values())


def fitting(runs: Runs) -> list[Fitting]:
    """Every checkpoint whose answers were counted, but for random weights, world by world."""
    out = []
    for world in WORLDS:
        seeds = runs.seeds(world)
        branches = dict.fromkeys(b for s in seeds for b in runs.rows[world, s] if b != UNTRAINED)
        for branch in branches:
            mine = {
                s: share(runs.row(world, s, branch)["sampled"], *OUTSIDE)
                for s in runs.seeds(world, branch)
            }
            out.append(Fitting(world, branch, mine))
    return out


def fitting_lines(runs: Runs) -> list[str]:
    """The same as lines of a terminal, what misses the aim named first."""
    found = fitting(runs)
    bound = [f for f in found if f.branch not in UNBOUND]
    missed = [f for f in bound if f.missed]
    lines = [
        "Answers in the words of their topic, each seed | aim "
        f"{AIM:.2f} after every branch but {LONG}",
        f"  missed in some seed by {len(missed)} of {len(bound)}"
        + (f": {', '.join(f'{f.branch} ({f.world})' for f in missed)}" if missed else ""),
    ]
    for f in found:
        told = ", ".join(f"{v:.3f}" for v in f.seeds.values())
        word = "no aim" if f.branch in UNBOUND else "met"
        if f.missed:
            word = f"missed in {len(f.missed)} of {len(f.seeds)}"
        lines.append(f"  {f.world:<13} {f.branch:<19} {told} | {word}")
    return lines
