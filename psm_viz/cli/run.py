"""The verbs `run` and `inner`: one world and seed, from random weights to its rows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import say
from psm_viz.world.grammar import CORRELATED, WORLDS


def add_verbs(verbs: Any) -> None:
    """Add `run` and `inner`."""
    r = verbs.add_parser("run", help="train a world's model with its branches; keep a row of each")
    r.add_argument("--world", default=CORRELATED, help=f"one of {', '.join(WORLDS)}")
    r.add_argument("--seed", type=int, default=0)
    r.add_argument("--tree", type=Path, help="folder of checkpoints (default: build/runs/...)")
    r.add_argument(
        "--rows", type=Path, default=paths.from_here(paths.RUNS), help="folder of the rows"
    )
    r.add_argument("--threads", type=count, default=2)
    r.set_defaults(run=run)

    i = verbs.add_parser("inner", help="what a run's activations show: one file beside its rows")
    i.add_argument("--tree", type=Path, required=True, help="the run's folder of checkpoints")
    i.add_argument(
        "--like",
        type=Path,
        default=paths.from_here(paths.STUDY),
        help="the study whose headline pooling and layer all runs are read at",
    )
    i.add_argument("--threads", type=count, default=2)
    i.add_argument(
        "--rows", type=Path, default=paths.from_here(paths.RUNS), help="folder of the rows"
    )
    i.set_defaults(run=inner)


def run(options: argparse.Namespace) -> None:
    """Train and measure, going on where a killed run stopped."""
    from psm_viz.small_model.runs import recipe_of
    from psm_viz.small_model.runs import run as go

    tree = options.tree or Path("build/runs") / f"{options.world}-{options.seed}"
    go(recipe_of(options.world, options.seed, options.threads), tree, say, options.rows)


def inner(options: argparse.Namespace) -> None:
    """Read a run's tree and write the file."""
    from psm_viz.small_model.run_activations import write_inner
    from psm_viz.study.reader import open_study

    m = open_study(options.like).manifest
    at = (m.headline_pooling, m.headline_layer)
    print(write_inner(options.tree, *at, say, options.rows, threads=options.threads))
