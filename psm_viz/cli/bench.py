"""The verb that measures speed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from psm_viz import paths


def add_verbs(verbs: Any) -> None:
    """Add `bench`."""
    b = verbs.add_parser("bench", help="start-up to first painted map, beside a bare chart")
    b.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    b.add_argument("--repeats", type=int, default=5)
    b.add_argument("--tables", action="store_true", help="instead: derived tables, 60 checkpoints")
    b.add_argument(
        "--drift", action="store_true", help="instead: the Drift page's slider and steps"
    )
    b.add_argument(
        "--model",
        type=Path,
        nargs="?",
        const=Path("build/chat-model"),
        help="instead: reading, drawing and weighing with a chat model, beside the libraries' own "
        "ways (default: the one of `make chat-model`); some minutes",
    )
    b.add_argument("--threads", type=int, default=2, help="of --model (2)")
    b.add_argument("--search", action="store_true", help="instead: a search in 300,000 answers")
    b.add_argument("--json", action="store_true")
    b.set_defaults(run=bench)


def bench(options: argparse.Namespace) -> None:
    """Start the real server and a real browser, several times, and print medians and ratios."""
    if options.model:
        from psm_viz.cli import bench_model
        from psm_viz.cli.progress import quiet, say

        ran = bench_model.model(options.model, options.threads, quiet if options.json else say)
        print(json.dumps(ran, indent=2) if options.json else bench_model.as_text(ran))
        return
    if options.tables:
        from psm_viz.cli import bench_tables

        timed = bench_tables.tables(options.study)
        print(json.dumps(timed, indent=2) if options.json else bench_tables.as_text(timed))
        return
    if options.drift:
        from psm_viz.cli import bench_drift

        found = bench_drift.drift(options.study)
        print(json.dumps(found, indent=2) if options.json else bench_drift.as_text(found))
        return
    if options.search:
        from psm_viz.cli import bench_search

        searched = bench_search.measured(options.study)
        print(json.dumps(searched, indent=2) if options.json else bench_search.as_text(searched))
        return
    from psm_viz.cli.bench_startup import as_text, first_map

    found = first_map(options.study, options.repeats)
    print(json.dumps(found, indent=2) if options.json else as_text(found))
