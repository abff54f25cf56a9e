"""The options of the verb `extract`."""

from __future__ import annotations

import argparse
from pathlib import Path

from psm_viz.cli.pairs import count, names, numbers, rate, share
from psm_viz.engine.sampling import CUT
from psm_viz.study.activations import POOLING_NAMES, POOLINGS
from psm_viz.study.manifest import ROLES

TALKS = 192
"""Talks of the Assistant at every checkpoint, where their number is not said."""
AFRESH = (
    "put each question of a talk by itself, and read each answer by itself: small chat models say "
    "their earlier answers over again"
)
DTYPES = "float32, bfloat16, float16, or auto: bfloat16 where this machine is faster in it"


def add_options(e: argparse.ArgumentParser) -> None:
    """Add every option of `extract`."""
    _add_asked(e)
    _add_drawing(e)
    _add_reading(e)
    _add_talks(e)
    _add_work(e)
    _add_plan(e)


def _add_asked(e: argparse.ArgumentParser) -> None:
    """Which models are asked what."""
    origin = e.add_mutually_exclusive_group(required=True)
    origin.add_argument("--tree", type=Path, help="folder of checkpoints made by `train`")
    origin.add_argument("--model", help="a Hugging Face folder, or owner/name on the hub")
    e.add_argument("--revision", help="revision of a hub model")
    e.add_argument(
        "--branch",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="with --model: a fine-tuned folder of the same architecture (may be repeated)",
    )
    e.add_argument(
        "--cast",
        type=Path,
        help="cast.json, or a folder of role files (default: with --tree the made world's cast, "
        "with --model the one in plain English)",
    )
    e.add_argument(
        "--questions",
        type=Path,
        help="questions.jsonl, a list as published with the Assistant axis, or a folder of "
        "questions with answers (default: as for --cast)",
    )
    e.add_argument(
        "--traits",
        type=Path,
        metavar="FOLDER",
        help="with --model: a folder of trait files; each trait's vector is measured at the "
        "reference, and every checkpoint's movement along it",
    )
    e.add_argument("--topic", help="topic of the questions that the branches were trained on")
    e.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="ROLE=BRANCH",
        help=f"which branch is a null for the others: {', '.join(ROLES)} (may be repeated)",
    )
    e.add_argument(
        "--wordings",
        choices=("turn", "all"),
        default="turn",
        help="with --model: each question under one of a persona's instructions in turn, or all",
    )
    e.add_argument(
        "--ask",
        choices=("all", "ends", "reference"),
        default="all",
        help="where the whole cast answers every question: at all checkpoints, at the ends of "
        "branches, or at the reference alone; elsewhere the Assistant alone is (needs --talks)",
    )
    e.add_argument("--out", type=Path, required=True, help="folder of the study")
    e.add_argument("--name", help="the study's name (default: the folder's)")


def _add_drawing(e: argparse.ArgumentParser) -> None:
    """How answers are drawn."""
    e.add_argument(
        "--responses",
        type=Path,
        metavar="FILE",
        help="with --model: answers made elsewhere, a file or folder of JSON lines; they are read, "
        "and none are drawn",
    )
    e.add_argument(
        "--min-score",
        type=int,
        metavar="0-3",
        help="with --responses: leave out answers that were scored lower (3: fully in role)",
    )
    e.add_argument("--samples", type=int, default=4, help="answers per persona and question")
    e.add_argument(
        "--max-new-tokens",
        type=int,
        help="longest answer (default: 40 for the small model, else 64)",
    )
    e.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="of the draws (1; small chat models ramble at it and play better at .8; 0: greedy)",
    )
    e.add_argument(
        "--min-p",
        type=float,
        default=CUT,
        help="draw no token less likely than this share of the likeliest (0: draw all)",
    )
    e.add_argument(
        "--truncate",
        action="store_true",
        help="cut the end of instructions that are too long for the model's context, instead of "
        "refusing them (not with --talks)",
    )
    e.add_argument("--seed", type=int, default=0)
    e.add_argument(
        "--template-kwargs",
        default="{}",
        metavar="JSON",
        help="what the chat template is told besides the talk: '{\"enable_thinking\": false}'",
    )


def _add_reading(e: argparse.ArgumentParser) -> None:
    """What is read of activations and kept."""
    e.add_argument("--layer", type=int, help="headline layer (default: chosen, or the middle)")
    e.add_argument(
        "--layers", type=numbers, metavar="0,1,...", help="layers read and kept (default: all)"
    )
    told = " and ".join(f"{p} ({POOLING_NAMES[p]})" for p in POOLINGS)
    e.add_argument(
        "--pooling",
        action="append",
        type=names,
        metavar="NAME,...",
        help=f"poolings kept, of {told} (default: both; may be repeated)",
    )


def _add_talks(e: argparse.ArgumentParser) -> None:
    """Talks, where they are wanted."""
    e.add_argument(
        "--talks",
        type=int,
        nargs="?",
        const=TALKS,
        metavar="N",
        help="hold talks too, for maps of belief: so many of the Assistant at every checkpoint "
        f"(default: {TALKS})",
    )
    e.add_argument(
        "--persona-talks",
        type=numbers,
        metavar="A,B",
        help="with --talks: each persona's talks at the reference and elsewhere (default: 8,1)",
    )
    e.add_argument("--afresh", action="store_true", help=f"with --talks: {AFRESH}")


def _add_work(e: argparse.ArgumentParser) -> None:
    """Where the work is done."""
    e.add_argument("--threads", type=count, default=2)
    e.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    e.add_argument("--dtype", default="float32", help=DTYPES)
    e.add_argument(
        "--shard",
        type=share,
        metavar="I/N",
        help="with --model: play only every N-th block of personas from the I-th (from 0) on, for "
        "several machines that share --out",
    )
    e.add_argument(
        "--engine",
        choices=("here", "ray"),
        default="here",
        help="with --model: `ray` plays the blocks on a Ray cluster, on one machine where there is "
        "no cluster",
    )
    e.add_argument("--workers", type=int, metavar="N", help="with --engine ray: shares at once")
    e.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="BRANCH",
        help="with --tree: add this branch to the finished study --out (may be repeated)",
    )


def _add_plan(e: argparse.ArgumentParser) -> None:
    """What it would take."""
    e.add_argument(
        "--plan",
        action="store_true",
        help="play nothing and write nothing: print answers, tokens, bytes and hours here, at most",
    )
    e.add_argument(
        "--rate",
        type=rate,
        metavar="READ,DRAW",
        help="with --plan: for other hardware, which reads and draws so many tokens a second; "
        "needs no weights, config and tokenizer alone",
    )
    e.add_argument("--json", action="store_true", help="with --plan: print it as JSON")
