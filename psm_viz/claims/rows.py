"""The rows that runs left, as arrays: one world's seeds side by side."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.errors import BadFile
from psm_viz.observer import Observer, Spill, spill
from psm_viz.recipe import PRETRAINING
from psm_viz.world.grammar import CORRELATED, WORLDS, World, load_world
from psm_viz.world.stages import CODING, row_of

FOLDER = Path(__file__).parents[2] / "data" / "runs"
NAME = re.compile(r"([a-z-]+)-(\d+)(\.inner)?\.jsonl?")
BASE, ASSISTANT = PRETRAINING[-1], "assistant"


@dataclass(frozen=True)
class Runs:
    """Rows by (world, seed) and branch, and what activations showed by (world, seed)."""

    rows: dict[tuple[str, int], dict[str, dict[str, Any]]]
    inner: dict[tuple[str, int], dict[str, Any]]

    def seeds(self, world: str, *branches: str) -> list[int]:
        """Seeds of a world that hold all these branches, in order."""
        return sorted(
            s for (w, s), rows in self.rows.items() if w == world and set(branches) <= set(rows)
        )

    def inner_seeds(self, world: str) -> list[int]:
        """Seeds of a world whose activations were read."""
        return sorted(s for w, s in self.inner if w == world)

    def row(self, world: str, seed: int, branch: str) -> dict[str, Any]:
        """One row."""
        return self.rows[world, seed][branch]

    def rates(self, world: str, seed: int, branch: str, key: str = "seen") -> np.ndarray:
        """P(bad) of the Assistant, mean over questions: [topic], topics of conduct in order."""
        found = self.row(world, seed, branch)["rates"][key]
        return np.array([np.mean(found[t]) for t in topics(world)])


@lru_cache(maxsize=len(WORLDS))
def world_of(kind: str) -> World:
    """A world, read once."""
    return load_world(kind)


@lru_cache(maxsize=len(WORLDS))
def observer_of(kind: str) -> Observer:
    """A world's ideal observer."""
    return Observer.of(world_of(kind))


def topics(kind: str = CORRELATED) -> list[str]:
    """The topics of conduct."""
    return list(world_of(kind).conduct)


def held_out(trained: str = CODING) -> np.ndarray:
    """Which topics of conduct a branch did not train on: [topic]."""
    return np.array([t != trained for t in topics()])


def load_runs(folder: Path = FOLDER) -> Runs:
    """Read every run's files in a folder; none is no error. Raises BadFile naming file and line."""
    rows: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    inner: dict[tuple[str, int], dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json*")) if folder.is_dir() else []:
        name = NAME.fullmatch(path.name)
        if not name or name[1] not in WORLDS:
            raise BadFile(f"{path}: expected WORLD-SEED.jsonl or WORLD-SEED.inner.json.")
        key = (name[1], int(name[2]))
        try:
            if name[3]:
                inner[key] = json.loads(path.read_text("utf-8"))
            else:
                lines = path.read_text("utf-8").splitlines()
                found = [json.loads(line) for line in lines]
                rows[key] = {str(r["branch"]): r for r in found}
        except (ValueError, KeyError, TypeError) as e:
            raise BadFile(
                f"{path}: expected JSON rows with their branch ({e}).",
                f"Make it again: python -m psm_viz run --world {key[0]} --seed {key[1]}",
            ) from e
    return Runs(rows, inner)


def spill_of(runs: Runs, seed: int) -> Spill | None:
    """One seed's spill-over matrix scored, or None while rows of it are missing."""
    names = topics()
    branches = [row_of(t) for t in names]
    if seed not in runs.seeds(CORRELATED, BASE, ASSISTANT, *branches):
        return None
    world = world_of(CORRELATED)
    loads = np.array([[world.topics[t].loads.get(k, 0.0) for k in world.traits] for t in names])
    trained = np.stack([runs.rates(CORRELATED, seed, b) for b in branches])
    base, assistant = (runs.rates(CORRELATED, seed, b) for b in (BASE, ASSISTANT))
    return spill(observer_of(CORRELATED), loads, base, assistant, trained)
