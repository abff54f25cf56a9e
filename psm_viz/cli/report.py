"""Verbs that read a study: results, answers, readme, verify."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.cli.speed_bars import SPEED, bar_lines
from psm_viz.errors import BadFile
from psm_viz.study.reader import open_study


def add_verbs(verbs: Any) -> None:
    """Add `results`, `answers`, `readme` and `verify`."""
    r = verbs.add_parser("results", help="the study's figures, computed from its files when called")
    r.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    r.add_argument(
        "--runs", type=Path, default=paths.from_here(paths.RUNS), help="rows of the runs"
    )
    r.add_argument(
        "--chat-runs",
        type=Path,
        default=paths.from_here(paths.CHAT_RUNS),
        help="rows of the chat model's branches",
    )
    r.add_argument("--json", action="store_true", help="machine-readable, with n, seed, intervals")
    r.set_defaults(run=results)

    a = verbs.add_parser("answers", help="one question, answered by several characters (Markdown)")
    a.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    a.add_argument("--question", help="question id (default: chosen for contrast)")
    a.set_defaults(run=answers)

    d = verbs.add_parser("readme", help="write the shipped study's figures into README and docs")
    d.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    d.add_argument("--file", type=Path, default=Path("README.md"))
    d.add_argument("--figures", type=Path, default=Path("docs/figures.md"))
    d.add_argument("--speed", type=Path, default=SPEED)
    d.add_argument("--card", type=Path, default=Path("docs/model-card.md"))
    d.set_defaults(run=readme)

    v = verbs.add_parser("verify", help="check every file of a study against its hash")
    v.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    v.set_defaults(run=verify)


def results(options: argparse.Namespace) -> None:
    """Print rates, in-context behaviour and geometry of a study; then the claims over all runs of
    its model, where it is one of the two that were run."""
    from psm_viz.claims.chat_rows import load_chat_runs
    from psm_viz.claims.report import as_lines, chat_lines, chat_told, told
    from psm_viz.tables.results import as_text, results_of

    study = open_study(options.study)
    found, lines = results_of(study), []
    if "world_kind" in study.manifest.notes:  # of the small model
        lines = ["", *as_lines(options.runs)]
        found |= told(options.runs) if options.json else {}
    elif study.manifest.model.get("name") in load_chat_runs(options.chat_runs).models:
        lines = ["", *chat_lines(options.chat_runs)]
        found |= chat_told(options.chat_runs) if options.json else {}
    print(json.dumps(found, indent=2) if options.json else "\n".join([as_text(found), *lines]))


def answers(options: argparse.Namespace) -> None:
    """Print the table of answers that the README shows."""
    from psm_viz.cli.answers import answers_table

    print(answers_table(open_study(options.study), options.question))


def readme(options: argparse.Namespace) -> None:
    """Fill the generated blocks of README, figures and model card: all quote the commands."""
    from psm_viz.claims.model_card import blocks
    from psm_viz.claims.report import claim_lines, verdict_rows
    from psm_viz.claims.run_rows import load_runs
    from psm_viz.cli.answers import answers_table
    from psm_viz.cli.steer import stored
    from psm_viz.cli.talks import as_text as belief_text
    from psm_viz.cli.talks import belief_of
    from psm_viz.tables.matched_odds import matched_lines, matched_results
    from psm_viz.tables.odds_results import odds_lines, odds_results
    from psm_viz.tables.results import as_text, results_of

    study, runs = open_study(options.study), load_runs()
    short = {"answers": answers_table(study), "verdicts": verdict_rows(runs)}
    whole = {
        "claims": "\n".join(["```", *claim_lines(runs), "```"]),
        "results": f"```\n{as_text(results_of(study))}\n```",
    }
    if options.speed.exists():
        short["speed"] = "\n".join(["```", *bar_lines(options.speed), "```"])
    if paths.DOSES.exists():
        short["doses"] = f"```\n{stored(paths.DOSES)}\n```"
    if (paths.CHAT_STUDY / "study.json").exists():
        talked = open_study(paths.CHAT_STUDY)
        lines = [*odds_lines(odds_results(talked)), *matched_lines(matched_results(talked))]
        short["chat"] = "\n".join(["```", *lines, "```"])
    if study.talk_note is not None:
        short["belief"] = f"```\n{belief_text(belief_of(study, None, None))}\n```"
    fill(options.file, short)
    fill(options.figures, whole)
    fill(options.card, blocks())


def fill(file: Path, blocks: dict[str, str]) -> None:
    """Put text into the blocks of a file that are written by commands. Raises BadFile where one of
    them is missing."""
    text = file.read_text("utf-8")
    for name, content in blocks.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            raise BadFile(f"{file}: has no block {begin.strip()} ... {end}.")
        head, rest = text.split(begin, 1)
        text = f"{head}{begin}\n{content}\n\n{end}{rest.split(end, 1)[1]}"
    file.write_text(text, "utf-8")


def verify(options: argparse.Namespace) -> None:
    """Check a study file by file, and its derived products against their sources."""
    from psm_viz.tables.derive import stale

    study = open_study(options.study)
    print(f"{options.study}: {study.verify()} files match study.json.")
    older = stale(study)
    if older:
        print(f"Older than what they came from: {', '.join(older)}.")
        print(f"Make them again with: python -m psm_viz derive --study {options.study}")
