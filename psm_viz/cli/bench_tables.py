"""How long the tables of a study of many checkpoints take, in one run."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from psm_viz.study.manifest import Checkpoint, checkpoint_id
from psm_viz.study.reader import Study, open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import TABLES
from psm_viz.tables.making import Making

CHECKPOINTS = 60
MAPS = ("map_trials", "gaussian_map")
"""Fits of UMAP: they do not grow with the checkpoints and are timed apart."""


def widened(study: Study, folder: Path, n: int) -> Study:
    """A copy of the study with copies of its branches' checkpoints under new names, n in all."""
    m = study.manifest
    writer = StudyWriter(folder)
    writer.begin_from(study)
    source = [c for c in m.checkpoints if c.branch in m.fine_tuned]
    more: list[Checkpoint] = []
    for k in range(n - len(m.checkpoints)):
        old = source[k % len(source)]
        branch = f"{old.branch}-copy{k // len(source)}"
        new = Checkpoint(checkpoint_id(branch, old.step), branch, old.step, m.reference)
        at = writer.partial / "checkpoints"
        shutil.copytree(at / old.id, at / new.id)
        more.append(new)
    wide = replace(m, checkpoints=(*m.checkpoints, *more))
    return writer.finish(wide, study.cast, study.questions)


def tables(folder: Path, n: int = CHECKPOINTS) -> dict[str, Any]:
    """Seconds for each derived table of a study widened to n checkpoints, in one process."""
    study = open_study(folder)
    with tempfile.TemporaryDirectory() as work:
        wide = widened(study, Path(work) / "wide", n)
        making = Making(wide, lambda s: None)
        seconds: dict[str, float] = {}
        for product in TABLES:
            began = time.perf_counter()
            product.make(making)
            seconds[product.name] = time.perf_counter() - began
    return {
        "checkpoints": len(wide.manifest.checkpoints),
        "personas": len(wide.cast.personas),
        "seconds": seconds,
        "tables": sum(s for k, s in seconds.items() if k not in MAPS),
        "maps tried": sum(seconds[k] for k in MAPS),
    }


def as_text(found: dict[str, Any]) -> str:
    """The result for a terminal."""
    lines = [
        f"Tables of {found['checkpoints']} checkpoints, {found['personas']} personas: "
        f"{found['tables']:.1f} s; maps tried beside them {found['maps tried']:.1f} s"
    ]
    for name, s in sorted(found["seconds"].items(), key=lambda p: -p[1]):
        lines.append(f"  {name:24s} {s:6.2f} s")
    return "\n".join(lines)
