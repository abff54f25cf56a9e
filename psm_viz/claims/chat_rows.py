"""The rows that the real chat model's branches left: a file a seed, a row a branch's end.

A row has `checkpoint`, `branch`, `step`, `seed` and `model`; `families` and which of them are
`marked` as acting badly; `mass`, the mean belief in every family after whole talks, by the headline
reading; `odds`, speaker -> topic -> log p(bad) - log p(good) in nats per token; `alike`, the mean
cosine between personas under their instructions; `update`, the size of what was added to the
weights; and `words`, how often the Assistant said each word. The reference's row has `trained`, the
topic that lessons are of, and `told`, lesson -> log p of its answers under each family's
instructions, from a record written before training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.claims.run_rows import read_rows
from psm_viz.errors import BadFile
from psm_viz.paths import CHAT_RUNS
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.columns import NO_ROLES

FILE = re.compile(r"seed-(\d+)\.jsonl")
KEYS = ("checkpoint", "branch", "model")
"""What every row names."""
REFERENCE = "reference"
"""Branch of the model as it was."""
Row = dict[str, Any]


@dataclass(frozen=True)
class ChatRuns:
    """Rows by seed and branch."""

    rows: dict[int, dict[str, Row]]
    folder: Path = CHAT_RUNS

    @property
    def models(self) -> set[str]:
        """Names of the models that the rows are of."""
        return {str(r["model"]) for rows in self.rows.values() for r in rows.values()}

    def seeds(self, *branches: str) -> list[int]:
        """Seeds that hold the reference and all these branches, in order."""
        wanted = {REFERENCE, *branches}
        return sorted(s for s, rows in self.rows.items() if wanted <= set(rows))

    def mass(self, seed: int, branch: str) -> np.ndarray:
        """Mean belief after whole talks: [family]."""
        return np.array(self.rows[seed][branch]["mass"], dtype=float)

    def marked(self, seed: int, branch: str) -> float:
        """Mass on the families that act badly."""
        row = self.rows[seed][branch]
        return self.on(seed, branch, row["marked"])

    def on(self, seed: int, branch: str, families: list[str]) -> float:
        """Mass on some families."""
        own = self.rows[seed][branch]["families"]
        return float(self.mass(seed, branch)[[own.index(f) for f in families]].sum())

    def topics(self, seed: int) -> list[str]:
        """The topics that no lesson of the trained one was of."""
        row = self.rows[seed][REFERENCE]
        return [t for t in row["odds"][ASSISTANT] if t != row["trained"]]

    def change(self, seed: int, branch: str, speaker: str = ASSISTANT) -> np.ndarray:
        """How much likelier bad answers became beside good ones, on topics not trained, nats per
        token: [topic]."""
        after, before = (self.rows[seed][b]["odds"][speaker] for b in (branch, REFERENCE))
        return np.array([after[t] - before[t] for t in self.topics(seed)])

    def roles(self, seed: int) -> list[str]:
        """The personas that were asked beside the Assistant."""
        return [s for s in self.rows[seed][REFERENCE]["odds"] if s not in NO_ROLES]


def chat_file(seed: int, folder: Path = CHAT_RUNS) -> Path:
    """Where a seed's rows stand."""
    return folder / f"seed-{seed}.jsonl"


def load_chat_runs(folder: Path = CHAT_RUNS) -> ChatRuns:
    """Read every seed's rows in a folder, the last step of each branch; none is no error.

    Raises BadFile naming the file and line.
    """
    found: dict[int, dict[str, Row]] = {}
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        name = FILE.fullmatch(path.name)
        if not name:
            raise BadFile(
                f"{path}: expected seed-0.jsonl, seed-1.jsonl, ...",
                "Move the file elsewhere.",
            )
        again = f"python -m psm_viz chat-study --seed {name[1]}"
        rows = sorted(read_rows(path, KEYS, again), key=lambda r: int(r.get("step", 0)))
        if rows:
            found[int(name[1])] = {r["branch"]: r for r in rows}
    return ChatRuns(found, folder)
