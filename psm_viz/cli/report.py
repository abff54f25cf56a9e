"""Verbs that read a study: results, answers, readme, verify."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from psm_viz.errors import BadFile
from psm_viz.store import open_study


def add_verbs(verbs: Any) -> None:
    """Add `results`, `answers`, `readme` and `verify`."""
    r = verbs.add_parser("results", help="the study's figures, computed from its files when called")
    r.add_argument("--study", type=Path, default=Path("data/study"))
    r.add_argument("--json", action="store_true", help="machine-readable, with n, seed, intervals")
    r.set_defaults(run=results)

    a = verbs.add_parser("answers", help="one question, answered by several characters (Markdown)")
    a.add_argument("--study", type=Path, default=Path("data/study"))
    a.add_argument("--question", help="question id (default: chosen for contrast)")
    a.set_defaults(run=answers)

    d = verbs.add_parser("readme", help="write the shipped study's figures into README.md")
    d.add_argument("--study", type=Path, default=Path("data/study"))
    d.add_argument("--file", type=Path, default=Path("README.md"))
    d.set_defaults(run=readme)

    v = verbs.add_parser("verify", help="check every file of a study against its hash")
    v.add_argument("--study", type=Path, default=Path("data/study"))
    v.set_defaults(run=verify)


def results(options: argparse.Namespace) -> None:
    """Print rates, in-context behaviour and geometry of a study."""
    from psm_viz.results import as_text, results_of

    found = results_of(open_study(options.study))
    print(json.dumps(found, indent=2) if options.json else as_text(found))


def answers(options: argparse.Namespace) -> None:
    """Print the table of answers that the README shows."""
    from psm_viz.answers import answers_table

    print(answers_table(open_study(options.study), options.question))


def readme(options: argparse.Namespace) -> None:
    """Fill the README's generated blocks, so that it quotes the commands word for word."""
    from psm_viz.answers import answers_table
    from psm_viz.results import as_text, results_of

    study = open_study(options.study)
    text = options.file.read_text("utf-8")
    blocks = {
        "answers": answers_table(study),
        "results": f"```\n{as_text(results_of(study))}\n```",
    }
    for name, content in blocks.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            raise BadFile(f"{options.file}: has no block {begin.strip()} ... {end}.")
        head, rest = text.split(begin, 1)
        text = f"{head}{begin}\n{content}\n\n{end}{rest.split(end, 1)[1]}"
    options.file.write_text(text, "utf-8")


def verify(options: argparse.Namespace) -> None:
    """Check a study file by file, and its derived products against their sources."""
    from psm_viz.derive import stale

    study = open_study(options.study)
    print(f"{options.study}: {study.verify()} files match study.json.")
    older = stale(study)
    if older:
        print(f"Older than what they came from: {', '.join(older)}.")
        print(f"Make them again with: python -m psm_viz derive --study {options.study}")
