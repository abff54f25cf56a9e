"""The rows that runs left: their files, and one world's seeds side by side as arrays."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.errors import BadFile
from psm_viz.paths import RUNS
from psm_viz.study.files import plain, write_whole
from psm_viz.world.curriculum import CODING, PRETRAINING, row_of
from psm_viz.world.grammar import CORRELATED, WORLDS
from psm_viz.world.loading import world_of
from psm_viz.world.observer import Observer, Spill, likeness_of, spill

NAME = re.compile(r"([a-z-]+)-(\d+)(\.inner|\.belief)?\.jsonl?\.gz")
PACKED = ".gz"
"""Ending of files that are compressed: rows repeat themselves, to a fourth of their size."""
DIGITS = 5
"""Decimals that a row keeps of a number: finer than anything read from it."""
KEYS = ("checkpoint", "branch", "world_sha256")
"""What every row names."""
UNTRAINED, BASE, ASSISTANT = PRETRAINING[0], PRETRAINING[-1], "assistant"
"""Branches of a run that are no lesson: random weights, pre-trained, post-trained."""
AGAIN_PLAYED, SHOTS = "again", "shots"
"""Rows of beliefs that no training made: the reference asked other questions, with other draws; and
the reference with so many answers of `cheat` in its context."""


@dataclass(frozen=True)
class Runs:
    """Rows by (world, seed) and branch, and what activations showed by (world, seed)."""

    rows: dict[tuple[str, int], dict[str, dict[str, Any]]]
    inner: dict[tuple[str, int], dict[str, Any]]
    beliefs: dict[tuple[str, int], dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Beliefs by (world, seed) and checkpoint."""
    folder: Path = RUNS

    def seeds(self, world: str, *branches: str) -> list[int]:
        """Seeds of a world that hold all these branches, in order."""
        return sorted(
            s for (w, s), rows in self.rows.items() if w == world and set(branches) <= set(rows)
        )

    def inside(self, world: str) -> dict[int, dict[str, Any]]:
        """What activations showed of a world, by seed in order; {} where none were read."""
        return {s: v for (w, s), v in sorted(self.inner.items()) if w == world}

    def talked(self, world: str) -> list[int]:
        """Seeds of a world whose talks were read, in order."""
        return sorted(s for (w, s), rows in self.beliefs.items() if w == world and rows)

    def ends(self, world: str, seed: int) -> dict[str, dict[str, Any]]:
        """The beliefs of a run at the end of each branch, and of what no training made: by branch
        the row of the last step."""
        rows = sorted(self.beliefs.get((world, seed), {}).values(), key=lambda r: r["step"])
        return {r["branch"]: r for r in rows}

    def row(self, world: str, seed: int, branch: str) -> dict[str, Any]:
        """One row."""
        return self.rows[world, seed][branch]

    def rates(self, world: str, seed: int, branch: str, key: str = "seen") -> np.ndarray:
        """P(bad) of the Assistant, mean over questions: [topic], topics of conduct in order."""
        found = self.row(world, seed, branch)["rates"][key]
        return np.array([np.mean(found[t]) for t in topics(world)])

    @cached_property
    def spills(self) -> dict[int, Spill]:
        """Each seed's spill-over matrix scored, of the main world's seeds that have all its rows.

        Read off once: fitting the explanations is what takes time in the claims.
        """
        names = topics()
        branches = [row_of(t) for t in names]
        world = world_of(CORRELATED)
        alike = likeness_of(world)
        out = {}
        for s in self.seeds(CORRELATED, BASE, ASSISTANT, *branches):
            trained = np.stack([self.rates(CORRELATED, s, b) for b in branches])
            base, assistant = (self.rates(CORRELATED, s, b) for b in (BASE, ASSISTANT))
            out[s] = spill(observer_of(CORRELATED), alike, base, assistant, trained)
        return out


UNMEASURED = (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
"""What rows of another version, or half a row, raise where a figure is made of them."""


RUN_AGAIN = "python -m psm_viz run --world W --seed N, then inner"
"""What makes the rows of a run."""


@contextmanager
def figures_of(folder: Path, again: str = RUN_AGAIN) -> Iterator[None]:
    """Make figures of a folder's rows inside: raises BadFile where a row lacks what a figure
    needs, with the command that makes it again."""
    try:
        yield
    except UNMEASURED as e:
        raise BadFile(
            f"{folder}: the rows of the runs lack something that a figure needs "
            f"({type(e).__name__}: {e}).",
            f"They may be of an older version. Delete them and make them again: {again}",
        ) from e


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


def row_file(kind: str, seed: int, folder: Path = RUNS) -> Path:
    """Where a run's rows stand."""
    return folder / f"{kind}-{seed}.jsonl{PACKED}"


def inner_file(kind: str, seed: int, folder: Path = RUNS) -> Path:
    """Where the figures from a run's activations stand."""
    return folder / f"{kind}-{seed}.inner.json{PACKED}"


def belief_file(kind: str, seed: int, folder: Path = RUNS) -> Path:
    """Where the beliefs of a run's talks stand."""
    return folder / f"{kind}-{seed}.belief.jsonl{PACKED}"


def read_rows(
    path: Path, keys: Sequence[str] = KEYS, again: str | None = None
) -> list[dict[str, Any]]:
    """A run's rows in the order of its file; [] where there is none.

    Every row names its `keys`. Raises BadFile naming the line that is no row, and the command that
    makes the file again (`again`; None: the run that the file's name tells).
    """
    if not path.exists():
        return []
    out = []

    def bad(line: int, what: str) -> BadFile:
        return BadFile(
            f"{path}, line {line}: expected a JSON object with texts {', '.join(keys)} ({what}).",
            f"Delete the file and make it again: {again or _again(path)}",
        )

    try:
        text = unpacked(path)
    except UNREADABLE as e:
        raise BadFile(
            f"{path}: cannot be unpacked ({e}).",
            f"Delete the file and make it again: {again or _again(path)}",
        ) from e
    for n, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line.decode("utf-8"))
        except ValueError as e:
            raise bad(n, str(e)) from e
        if not isinstance(row, dict):
            raise bad(n, f"found {type(row).__name__}")
        for key in keys:
            if not isinstance(row.get(key), str):
                raise bad(n, f"{key} is {row[key]!r}" if key in row else f"no {key}")
        out.append(row)
    return out


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a run's rows, whole or not at all, each number to `DIGITS`."""
    write_whole(path, packed(path, "".join(f"{_line(r)}\n" for r in rows)))


def write_figures(path: Path, figures: dict[str, Any]) -> None:
    """Write what a run's activations showed, as rows are written."""
    write_whole(path, packed(path, f"{_line(figures)}\n"))


def _line(x: dict[str, Any]) -> str:
    return json.dumps(plain(x, DIGITS), sort_keys=True, separators=(",", ":"))


UNREADABLE = (EOFError, OSError, zlib.error)
"""What a file that is not whole raises when it is unpacked."""


def unpacked(path: Path) -> bytes:
    """What a file holds, as its name says: compressed or as it stands. Raises `UNREADABLE`."""
    return gzip.decompress(path.read_bytes()) if path.suffix == PACKED else path.read_bytes()


def packed(path: Path, text: str) -> bytes:
    """What a file of this name has to hold so that it says `text`: the same bytes every time."""
    data = text.encode()
    return gzip.compress(data, 9, mtime=0) if path.suffix == PACKED else data


def _again(path: Path) -> str:
    """The command that makes a run's file again."""
    name = NAME.fullmatch(path.name)
    which = f"--world {name[1]} --seed {name[2]}" if name else "--world WORLD --seed SEED"
    return f"python -m psm_viz run {which}"


def run_files(folder: Path) -> list[Path]:
    """The files of runs in a folder, in order; what a run is just writing left out."""
    found = sorted(folder.glob("*.json*")) if folder.is_dir() else []
    return [f for f in found if f.suffix != ".partial"]


def load_runs(folder: Path = RUNS) -> Runs:
    """Read every run's files in a folder; none is no error. Raises BadFile naming the file, and
    the line of a row."""
    rows: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    inner: dict[tuple[str, int], dict[str, Any]] = {}
    beliefs: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for path in run_files(folder):
        name = NAME.fullmatch(path.name)
        if not name or name[1] not in WORLDS:
            raise BadFile(
                f"{path}: expected WORLD-SEED.jsonl.gz, .belief.jsonl.gz or .inner.json.gz, "
                f"WORLD one of {', '.join(WORLDS)}.",
                "Move the file elsewhere, or name another folder of runs.",
            )
        key = (name[1], int(name[2]))
        if name[3] == ".belief":
            beliefs[key] = {r["checkpoint"]: r for r in read_rows(path)}
            continue
        if not name[3]:
            found = {r["branch"]: r for r in read_rows(path)}
            if found:  # a run that wrote no row yet is no run
                rows[key] = found
            continue
        try:
            inner[key] = json.loads(unpacked(path))
        except (*UNREADABLE, ValueError) as e:
            raise BadFile(
                f"{path}: expected JSON of what activations showed ({e}).",
                f"Make it again: python -m psm_viz inner --tree build/runs/{key[0]}-{key[1]}",
            ) from e
    return Runs(rows, inner, beliefs, folder)
