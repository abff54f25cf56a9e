"""The verb `export`: a study in the field's forms, or the figures of its pages."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.cli import export_views


def add_verbs(verbs: Any) -> None:
    """Add `export`."""
    e = verbs.add_parser(
        "export",
        help="figures of pages, or a study in the field's forms: CSV, safetensors, AnnData",
        description="Write what a finished study holds into a new folder (columns and forms: "
        "docs/formats.md). What the study does not have is left out and told.",
    )
    e.add_argument("--study", type=Path, metavar="DIR", help="default: the shipped one")
    e.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new or empty")
    e.add_argument(
        "--what",
        metavar="WORD,WORD",
        help="points, drift, projections, neighbours, families, belief, talks, conduct, evidence, "
        "axis, traits, vectors, roles, beliefs, role-vectors, h5ad; or all (default: all but the "
        "last three)",
    )
    e.add_argument("--format", metavar="WORD,WORD", help="of tables: csv (default) or parquet")
    e.add_argument(
        "--checkpoint", nargs="+", action="extend", default=[], metavar="ID", help="default: all"
    )
    e.add_argument("--layer", type=int, metavar="N", help="default: all")
    e.add_argument("--pooling", metavar="P", help="default: all")
    export_views.add_options(e)
    e.set_defaults(run=export)


def export(options: argparse.Namespace) -> None:
    """Export, and print what was written."""
    if export_views.asked_for_figures(options):
        export_views.write_figures(options)
        return
    from psm_viz.study.reader import open_study
    from psm_viz.tables.export import Wanted, listed, total
    from psm_viz.tables.export import export as write
    from psm_viz.tables.export_frames import Part

    words = tuple(w.strip() for w in (options.what or "").split(",") if w.strip())
    part = Part(tuple(options.checkpoint), options.layer, options.pooling)
    done = write(
        open_study(options.study or paths.from_here(paths.STUDY)),
        options.out,
        Wanted(words, options.format or "csv", part),
    )
    for line in listed(done):
        print(line)
    print(f"{options.out}: {total(done)}.")
