"""The blocks of the model card that come from files: utterances, what runs took, aims."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from psm_viz.claims.coherence import fitting_lines
from psm_viz.claims.report import aim_lines, lesson_lines, run_list
from psm_viz.claims.run_rows import Runs, load_runs, world_of
from psm_viz.claims.tries import tries_table
from psm_viz.paths import RUNS
from psm_viz.world.grammar import CORRELATED

SAMPLE = 50


def blocks(folder: Path = RUNS) -> dict[str, str]:
    """Block name -> Markdown."""
    runs = load_runs(folder)
    return {
        "utterances": utterances(),
        "runs": _fenced([*_cost(runs), "", *lesson_lines(runs)]),
        "tries": tries_table(),
        "aims": _fenced([*aim_lines(runs), "", *fitting_lines(runs)]),
    }


def utterances(n: int = SAMPLE, seed: int = 0) -> str:
    """`n` utterances of the banks, held-out ones among them, drawn by a seed."""
    world = world_of(CORRELATED)
    bank = [u for t in world.topics.values() for u in (*t.utterances, *t.held_out)]
    drawn = np.random.default_rng(seed).choice(len(bank), n, replace=False)
    lines = ["| topic | valence, tone | utterance |", "|---|---|---|"]
    for i in sorted(map(int, drawn)):
        u = bank[i]
        kind = f"{u.valence}, {u.tone}{' (held out)' if u.held_out else ''}"
        lines.append(f"| {u.topic} | {kind} | {u.text} |")
    return "\n".join(lines)


def _cost(runs: Runs) -> list[str]:
    if not runs.rows:
        return ["No runs yet."]
    lines = ["Run (world, seed): checkpoints read, minutes of training"]
    for r in run_list(runs):
        lines.append(
            f"  {r['world']:<13} {r['seed']}: {len(r['checkpoints'])}, {r['minutes']:.1f} minutes"
        )
    return lines


def _fenced(lines: list[str]) -> str:
    return "\n".join(["```", *lines, "```"])
