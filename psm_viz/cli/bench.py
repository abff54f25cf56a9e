"""The verb that measures speed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import quiet, say
from psm_viz.cli.report import fill


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
    b.add_argument("--threads", type=count, default=2, help="of --model (2)")
    b.add_argument(
        "--live", action="store_true", help="instead: a live model process answers, reads, learns"
    )
    b.add_argument("--search", action="store_true", help="instead: a search in 300,000 answers")
    b.add_argument("--pages", action="store_true", help="instead: every page, cold, warm, settled")
    b.add_argument("--only", nargs="+", default=[], metavar="PAGE", help="of --pages: some pages")
    b.add_argument(
        "--motion", action="store_true", help="instead: frames while a map or slider is dragged"
    )
    b.add_argument(
        "--large",
        action="store_true",
        help="instead: a large study (see `enlarge`) opened, searched, scrubbed; memory",
    )
    b.add_argument(
        "--crowd", action="store_true", help="instead: 20 sessions and 2 browsers at once"
    )
    b.add_argument("--minutes", type=float, default=5.0, help="of --crowd (5)")
    b.add_argument(
        "--bytes",
        action="store_true",
        help="instead: the same figures exported by three processes, compared byte by byte",
    )
    b.add_argument(
        "--into", type=Path, help="write what is printed into its block of a file (docs/speed.md)"
    )
    b.add_argument("--block", help="of --into: the block's name (default: that of the measure)")
    b.add_argument("--json", action="store_true")
    b.set_defaults(run=bench)


def bench(options: argparse.Namespace) -> None:
    """Measure what is asked for, in one run, and print it."""
    found, as_text = _measured(options)
    print(json.dumps(found, indent=2) if options.json else as_text(found))
    if options.into:
        name = options.block or as_text.__module__.rpartition("bench_")[2]
        fill(options.into, {name: f"```\n{as_text(found)}\n```"})


Measured = tuple[dict[str, Any], Callable[[dict[str, Any]], str]]
"""What was measured, and what makes lines of it."""


def _measured(options: argparse.Namespace) -> Measured:
    study, told = options.study, quiet if options.json else say
    if options.model:
        from psm_viz.cli import bench_model

        return bench_model.model(options.model, options.threads, told), bench_model.as_text
    if options.live:
        from psm_viz.cli import bench_live

        return bench_live.live(study, told), bench_live.as_text
    if options.tables:
        from psm_viz.cli import bench_tables

        return bench_tables.tables(study), bench_tables.as_text
    if options.drift:
        from psm_viz.cli import bench_drift

        return bench_drift.drift(study), bench_drift.as_text
    if options.search:
        from psm_viz.cli import bench_search

        return bench_search.measured(study), bench_search.as_text
    if options.bytes:
        from psm_viz.cli import bench_bytes

        return bench_bytes.same_bytes(study), bench_bytes.as_text
    return _in_browsers(options)


def _in_browsers(options: argparse.Namespace) -> Measured:
    study = options.study
    if options.pages:
        from psm_viz.cli import bench_pages

        return bench_pages.pages(study, options.repeats, options.only), bench_pages.as_text
    if options.motion:
        from psm_viz.cli import bench_motion

        return bench_motion.motion(study), bench_motion.as_text
    if options.large:
        from psm_viz.cli import bench_large

        return bench_large.large(study), bench_large.as_text
    if options.crowd:
        from psm_viz.cli import bench_crowd

        return bench_crowd.crowd(study, options.minutes), bench_crowd.as_text
    from psm_viz.cli import bench_startup

    return bench_startup.first_map(study, options.repeats), bench_startup.as_text
