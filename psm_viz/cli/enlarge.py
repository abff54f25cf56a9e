"""The verb that makes a study as large as wanted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from psm_viz import paths


def add_verbs(verbs: Any) -> None:
    """Add `enlarge`."""
    e = verbs.add_parser(
        "enlarge", help="a study as large as wanted after a real one, to try what pages bear"
    )
    e.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    e.add_argument("--personas", type=int, default=500, help="the Assistant among them (500)")
    e.add_argument("--answers", type=int, default=300_000, help="about (300000)")
    e.add_argument("--out", type=Path, required=True, help="a new folder")
    e.set_defaults(run=enlarge)


def enlarge(options: argparse.Namespace) -> None:
    """Write the study, and say what it holds."""
    from psm_viz.cli.progress import say
    from psm_viz.study.reader import open_study
    from psm_viz.tables import enlarged

    made = enlarged.enlarge(
        open_study(options.study), options.out, options.personas, options.answers, say
    )
    n = sum(len(made.responses(c.id)) for c in made.manifest.checkpoints)
    print(f"{options.out}: {len(made.cast.all)} personas, {n:,} answers. Made: it means nothing.")
