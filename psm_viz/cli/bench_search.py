"""Speed of a search in many answers: the index, the time of its answers, and a plain scan beside
it, in one run."""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.cli.speed_bars import judged
from psm_viz.study.cast import ASSISTANT, Cast, Question
from psm_viz.study.manifest import Checkpoint, Manifest
from psm_viz.study.reader import Study, open_study
from psm_viz.study.search import Found, Wanted, search
from psm_viz.study.search_index import index_of

ANSWERS, PERSONAS, CHECKPOINTS = 300_000, 500, 60
WORDS = 12
"""Words of a made answer."""
REPEATS = 5
BAR = 300.0
"""Milliseconds that a search may take of the server."""
RARE, COMMON = 400, 3
"""Ranks, by how often it is said, of a word that some answers have, and of one that many have."""


@dataclass(frozen=True)
class MadeAnswers:
    """A study of as many answers as wanted: its persons and questions are those of a real one, over
    and over, its answers are words of the real answers, drawn as often as they occur there."""

    manifest: Manifest
    cast: Cast
    questions: tuple[Question, ...]
    words: np.ndarray
    likely: np.ndarray
    each: int
    """Answers of a persona at a checkpoint."""
    sha256: str = "0" * 64

    def holds(self, checkpoint_id: str, what: str) -> bool:
        """Answers to single questions alone."""
        return what == "responses"

    def responses(self, checkpoint_id: str) -> pd.DataFrame:
        """The same answers each time they are asked for."""
        at = [c.id for c in self.manifest.checkpoints].index(checkpoint_id)
        rng = np.random.default_rng(at)
        n = self.each * len(self.cast.all)
        drawn = rng.choice(self.words, (n, WORDS), p=self.likely)
        return pd.DataFrame(
            {
                "persona": np.repeat([p.id for p in self.cast.all], self.each),
                "question": rng.choice([q.id for q in self.questions], n),
                "text": [" ".join(row) for row in drawn],
                "valence": rng.choice(["good", "bad", "none"], n),
            }
        )

    def talk_answers(self, checkpoint_id: str) -> pd.DataFrame:
        """There are none."""
        return pd.DataFrame()


def made_answers(study: Study, answers: int, personas: int = PERSONAS) -> MadeAnswers:
    """So many answers of so many personas, after a study's own."""
    said = study.responses(study.manifest.reference)["text"].astype(str)
    often = said.str.findall(r"\w+").explode().str.lower().value_counts()
    own = study.cast.personas
    people = [replace(own[k % len(own)], id=f"made-{k}") for k in range(personas - 1)]
    people = [p for p in people if p.id != ASSISTANT]
    saved = tuple(Checkpoint(f"made-{k:04d}", "made", k, None) for k in range(CHECKPOINTS))
    return MadeAnswers(
        replace(study.manifest, checkpoints=saved, reference=saved[0].id, noise_floor=None),
        replace(study.cast, personas=tuple(people)),
        study.questions,
        often.index.to_numpy(str),
        (often / often.sum()).to_numpy(float),
        max(1, answers // (personas * CHECKPOINTS)),
    )


def searches(made: MadeAnswers) -> dict[str, Wanted]:
    """What is searched for: each way a search can be light or heavy."""
    at = min(RARE, len(made.words) // 2)
    rare, common = str(made.words[at]), str(made.words[COMMON])
    return {
        "a word that some answers have": Wanted(rare),
        "two words": Wanted(f"{rare} {made.words[at // 4]}"),
        "a word that many answers have": Wanted(common),
        "the same, at one checkpoint, judged bad": Wanted(
            common, checkpoint=made.manifest.reference, judged="bad"
        ),
        "no answer has all of eight words": Wanted(" ".join(made.words[at : at + 8])),
    }


def measured(folder: Path, answers: int = ANSWERS, personas: int = PERSONAS) -> dict[str, Any]:
    """Milliseconds of searches in so many answers, beside a loop over all of them; seconds and size
    of the index; the most memory of this process."""
    made = made_answers(open_study(folder), answers, personas)
    before = _memory()
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        index = index_of(made, Path(work))
        seconds = time.perf_counter() - began
        size = index.stat().st_size
        found = {
            name: _timed(lambda w=w: search(made, Path(work), w))
            for name, w in searches(made).items()
        }
        after = _memory()
    texts = [t for c in made.manifest.checkpoints for t in made.responses(c.id)["text"]]
    rows = {}
    for name, wanted in searches(made).items():
        ms, result = found[name]
        scan = _timed(lambda w=wanted: _scan(texts, w.words.split()))[0]
        rows[name] = {"ms": round(ms, 1), "scan_ms": round(scan, 1), "found": result.total}
    return {
        "answers": len(texts),
        "personas": len(made.cast.all),
        "index_seconds": round(seconds, 1),
        "index_mb": round(size / 2**20, 1),
        "memory_mb": round(after),
        "memory_before_mb": round(before),
        "searches": rows,
    }


def _timed(do: Callable[[], Any]) -> tuple[float, Any]:
    """Median milliseconds, and what it gives."""
    took: list[float] = []
    out: Found | list[str] | None = None
    for _ in range(REPEATS):
        began = time.perf_counter()
        out = do()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took), out


def _scan(texts: Sequence[str], words: Sequence[str]) -> list[str]:
    """What one would write without an index."""
    return [t for t in texts if all(w in t for w in words)]


def _memory() -> float:
    """The most memory this process has had, in MB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines."""
    lines = [
        f"Search in {found['answers']:,} answers of {found['personas']} personas: index made in "
        f"{found['index_seconds']} s ({found['index_mb']} MB); most memory "
        f"{found['memory_mb']} MB, {found['memory_before_mb']} before it was made"
    ]
    for name, r in found["searches"].items():
        ratio = r["ms"] / r["scan_ms"]
        lines.append(
            f"  {name}: {r['ms']} ms, a plain scan {r['scan_ms']} ms, ratio {ratio:.2f}; "
            f"{r['found']:,} found"
        )
    slowest = max(r["ms"] for r in found["searches"].values())
    met = judged(slowest <= BAR)
    lines.append(f"  the slowest {slowest} ms of the server; at most {BAR:g}: {met}")
    return "\n".join(lines)
