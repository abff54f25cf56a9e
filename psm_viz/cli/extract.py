"""The verb `extract`: any model plays a cast, and the study is written to disk."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.pairs import numbers, pair, share
from psm_viz.cli.progress import minutes_since, say
from psm_viz.engine.sampling import CUT
from psm_viz.errors import BadInput

if TYPE_CHECKING:
    from psm_viz.engine.talks import TalkSettings
    from psm_viz.study.cast import Question
    from psm_viz.study.formats.question_banks import Asked
    from psm_viz.study.formats.role_files import RoleCast
    from psm_viz.study.reader import Study

ROLES = ("benign", "twin", "other_role")
"""Nulls that a branch may be for the others: a harmless lesson, the same answers asked for, or the
same in another's role."""
WANTED = "For example: --template-kwargs '{\"enable_thinking\": false}'"


def add_verbs(verbs: Any) -> None:
    """Add `extract`."""
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
    e.add_argument("--topic", help="topic of the questions that the branches were trained on")
    e.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="ROLE=BRANCH",
        help=f"which branch is a null for the others: {', '.join(ROLES)} (may be repeated)",
    )
    e.add_argument("--layer", type=int, help="headline layer (default: chosen, or the middle)")
    e.add_argument("--out", type=Path, required=True, help="folder of the study")
    e.add_argument("--name", help="the study's name (default: the folder's)")
    _add_playing(e)
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
    e.set_defaults(run=extract)


def _add_playing(e: argparse.ArgumentParser) -> None:
    """How answers are drawn and read."""
    e.add_argument(
        "--ask",
        choices=("all", "ends", "reference"),
        default="all",
        help="where the whole cast answers every question: at all checkpoints, at the ends of "
        "branches, or at the reference alone; elsewhere the Assistant alone is (needs --talks)",
    )
    e.add_argument(
        "--layers", type=numbers, metavar="0,1,...", help="layers read and kept (default: all)"
    )
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
    e.add_argument(
        "--talks",
        type=int,
        nargs="?",
        const=192,
        metavar="N",
        help="hold talks too, for maps of belief: so many of the Assistant at every checkpoint "
        "(default: 192)",
    )
    e.add_argument(
        "--persona-talks",
        type=numbers,
        metavar="A,B",
        help="with --talks: each persona's talks at the reference and elsewhere (default: 8,1)",
    )


def extract(options: argparse.Namespace) -> None:
    """Play the cast at every checkpoint and write the study with its tables and maps."""
    began = time.monotonic()
    if options.add:
        made = _add(options)
        n = len(made.manifest.checkpoints)
        say(f"{options.out}: now {n} checkpoints, {minutes_since(began)}.")
        return
    made = _play(options)
    if made is None:
        return
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


def _play(options: argparse.Namespace) -> Study | None:
    """Play a trained tree, or any model with its branches; of a share there is no study yet."""
    from psm_viz.engine.build_study import Settings, build_study
    from psm_viz.engine.checkpoint_tree import from_models
    from psm_viz.engine.known import Known
    from psm_viz.engine.shards import play_shard
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
        ask=options.ask,
        layers=options.layers,
        talks=_talks(options),
    )
    if options.tree:
        tree = from_tree(options.tree)
        cast = _cast(options.cast).cast if options.cast else None
        questions = _questions(options.questions).asked if options.questions else None
        return play_tree(tree, options.out, settings, say, cast, questions)
    branches = dict(pair("--branch", b) for b in options.branch)
    source = from_models(options.model, branches, options.revision)
    roles = _cast(options.cast or paths.ENGLISH)
    bank = _questions(options.questions or paths.ENGLISH / "questions")
    known = Known(marked=roles.marked, bank=bank.written, notes=_notes(options))
    made = (source, roles.cast, bank.asked, options.out, settings)
    if options.shard:
        n = play_shard(*made, options.shard, say, known)
        say(
            f"{options.out}: share {options.shard[0]} of {options.shard[1]} played at {n} "
            "checkpoints. When all shares are, give the command without --shard."
        )
        return None
    if options.engine == "ray":
        from psm_viz.engine.ray_cluster import play_shares

        play_shares(*made, options.workers, say, known)
    return build_study(*made, say, known)


def _cast(path: Path) -> RoleCast:
    """A cast.json, or a folder of role files."""
    from psm_viz.study.cast import load_cast
    from psm_viz.study.formats.role_files import RoleCast, read_roles

    return read_roles(path) if path.is_dir() else RoleCast(load_cast(path), ())


@dataclass(frozen=True)
class _Bank:
    """What is asked, and the answers that were written for it."""

    asked: tuple[Question, ...]
    written: tuple[Asked, ...] = ()


def _questions(path: Path) -> _Bank:
    """A questions.jsonl, or a folder of questions with answers written for them."""
    from psm_viz.study.cast import load_questions
    from psm_viz.study.formats.question_banks import as_questions, read_bank

    if not path.is_dir():
        return _Bank(load_questions(path))
    written = read_bank(path)
    return _Bank(as_questions(written), written)


def _notes(options: argparse.Namespace) -> dict[str, str]:
    """What the study is told of its branches: the trained topic, and which branch is which null."""
    roles = dict(pair("--role", r, "ROLE", "BRANCH") for r in options.role)
    if unknown := sorted(set(roles) - set(ROLES)):
        raise BadInput(f"--role {unknown[0]}: unknown.", f"Choose from: {', '.join(ROLES)}.")
    return roles | ({"trained_topic": options.topic} if options.topic else {})


def _told(text: str) -> dict[str, Any]:
    """What the chat template is told, from JSON. Raises BadInput."""
    try:
        found = json.loads(text)
    except ValueError as e:
        raise BadInput(f"--template-kwargs {text}: is no JSON ({e}).", WANTED) from e
    if not isinstance(found, dict):
        raise BadInput(f"--template-kwargs {text}: expected an object.", WANTED)
    return found


def _talks(options: argparse.Namespace) -> TalkSettings | None:
    """How talks are held. Raises BadInput for counts that hold none."""
    from psm_viz.engine.talks import TalkSettings

    if options.talks is None:
        return None
    each = options.persona_talks or (TalkSettings.per_persona, TalkSettings.elsewhere)
    if len(each) != 2 or min(options.talks, *each) < 1:
        raise BadInput(
            f"--talks {options.talks}, --persona-talks {','.join(map(str, each))}: expected counts "
            "from 1, two of a persona's: at the reference and elsewhere.",
            "For example: --talks 192 --persona-talks 8,1",
        )
    first, elsewhere = each
    return TalkSettings(options.talks, first, elsewhere, seed=options.seed)
