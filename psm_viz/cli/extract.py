"""The verb `extract`: any model plays a cast, and the study is written to disk."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.extract_options import add_options
from psm_viz.cli.extract_plan import check_planned, planning_of, print_plan
from psm_viz.cli.pairs import pair, pairs
from psm_viz.cli.progress import minutes_since, quiet, say
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.activations import POOLINGS
from psm_viz.study.manifest import ROLES

if TYPE_CHECKING:
    from psm_viz.engine.checkpoint_tree import Source
    from psm_viz.engine.known import Known
    from psm_viz.engine.outline import Settings
    from psm_viz.engine.talks import TalkSettings
    from psm_viz.study.cast import Cast, Question
    from psm_viz.study.formats.question_banks import Asked
    from psm_viz.study.formats.role_files import RoleCast
    from psm_viz.study.reader import Study

WANTED = "For example: --template-kwargs '{\"enable_thinking\": false}'"


def add_verbs(verbs: Any) -> None:
    """Add `extract`."""
    e = verbs.add_parser("extract", help="a model plays the cast; the study is written to disk")
    add_options(e)
    e.set_defaults(run=extract)


def extract(options: argparse.Namespace) -> None:
    """Play the cast at every checkpoint and write the study with its tables and maps."""
    began = time.monotonic()
    check_planned(options)
    _check_given(options)
    _check_machines(options)
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


def _check_given(options: argparse.Namespace) -> None:
    """Raise BadInput for options that do not go with answers made elsewhere, or need them."""
    if options.min_score is not None and not options.responses:
        raise BadInput("--min-score needs --responses.", "Add --responses, or leave it out.")
    if options.responses and options.tree:
        raise BadInput("--responses is for --model: answers of any model, read by it.")


def _check_machines(options: argparse.Namespace) -> None:
    """Raise BadInput for ways of sharing the work that do not go together."""
    if options.engine == "ray" and (options.tree or options.shard):
        raise BadInput(
            "--engine ray is for --model, and shares the blocks itself.",
            "Leave out --tree and --shard.",
        )
    if options.workers is not None and (options.engine != "ray" or options.workers < 1):
        raise BadInput("--workers: expected at least 1, with --engine ray.")


def _add(options: argparse.Namespace) -> Study:
    """Add branches of a trained tree to a finished study."""
    from psm_viz.small_model.study import add_to_study
    from psm_viz.small_model.trained_tree import from_tree

    if not options.tree:
        raise BadInput("--add needs --tree: it adds branches of a trained tree.")
    return add_to_study(from_tree(options.tree), options.out, options.add, options.threads, say)


def _play(options: argparse.Namespace) -> Study | None:
    """Play a trained tree, or any model with its branches; of a share there is no study yet."""
    from psm_viz.engine.build_study import build_study
    from psm_viz.engine.checkpoint_tree import from_models
    from psm_viz.engine.plan import plan_study
    from psm_viz.engine.preflight import of_settings, refuse
    from psm_viz.engine.shards import play_shard

    settings = _settings(options)
    if options.tree:
        return _play_tree(options, settings)
    branches = pairs("--branch", options.branch)
    source = from_models(options.model, branches, options.revision)
    try:
        cast, questions, known = _asked(options, source)
    except BadFile as e:
        if more := of_settings(settings):
            refuse([e.problem.rstrip("."), *more])
        raise
    made = (source, cast, questions, options.out, settings)
    if options.plan:
        told = quiet if options.json else say
        print_plan(plan_study(*made, told, known, planning_of(options)), options)
        return None
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


def _play_tree(options: argparse.Namespace, settings: Settings) -> Study | None:
    """Play a trained tree, or print the plan of it."""
    from psm_viz.small_model.study import plan_tree, play_tree
    from psm_viz.small_model.trained_tree import from_tree

    tree = from_tree(options.tree)
    cast = _cast(options.cast).cast if options.cast else None
    questions = _questions(options.questions).asked if options.questions else None
    if options.plan:
        told = quiet if options.json else say
        made = (tree, options.out, settings, planning_of(options), told, cast, questions)
        print_plan(plan_tree(*made), options)
        return None
    return play_tree(tree, options.out, settings, say, cast, questions)


def _settings(options: argparse.Namespace) -> Settings:
    """How the cast is played. Raises BadInput."""
    from psm_viz.engine.outline import Settings
    from psm_viz.engine.precision import chosen
    from psm_viz.small_model.behaviour import LONGEST

    usual = LONGEST if options.tree else Settings.max_new_tokens
    return Settings(
        name=options.name or options.out.name,
        layer=options.layer,
        samples=options.samples,
        max_new_tokens=usual if options.max_new_tokens is None else options.max_new_tokens,
        temperature=options.temperature,
        min_p=options.min_p,
        seed=options.seed,
        threads=options.threads,
        device=options.device,
        dtype=chosen(options.dtype, options.device),
        template=_told(options.template_kwargs),
        in_turn=options.tree is None and options.wordings == "turn",
        ask=options.ask,
        layers=options.layers,
        poolings=_poolings(options.pooling),
        truncate=options.truncate,
        talks=_talks(options),
    )


def _poolings(chosen: Sequence[Sequence[str]] | None) -> tuple[str, ...]:
    """The poolings that are kept, in the order of a study. Raises BadInput."""
    wanted = POOLINGS if chosen is None else [name for one in chosen for name in one]
    if strange := [name for name in wanted if name not in POOLINGS]:
        raise BadInput(f"--pooling {strange[0]}: unknown.", f"Choose from: {', '.join(POOLINGS)}.")
    if not wanted:
        raise BadInput("--pooling: names none.", f"Choose from: {', '.join(POOLINGS)}.")
    return tuple(p for p in POOLINGS if p in wanted)


def _asked(options: argparse.Namespace, source: Source) -> tuple[Cast, tuple[Question, ...], Known]:
    """Who is asked what, and what is known of it; with answers made elsewhere, these. Files of such
    answers may say roles and questions themselves. Raises BadInput and what the readers raise."""
    from psm_viz.engine.given import match
    from psm_viz.engine.known import Known
    from psm_viz.study.formats.responses import read_responses
    from psm_viz.study.formats.trait_files import read_traits

    found = read_responses(options.responses, options.min_score) if options.responses else None
    said = found is not None and found.says_all
    roles = (
        None if said and not options.cast else _cast(options.cast or paths.ENGLISH, options.model)
    )
    no_bank = said and not options.questions
    bank = None if no_bank else _questions(options.questions or paths.ENGLISH / "questions")
    known = Known(
        marked=roles.marked if roles else (),
        bank=bank.written if bank else (),
        traits=read_traits(options.traits) if options.traits else (),
        notes=_notes(options),
    )
    cast, asked = roles and roles.cast, bank and bank.asked
    if found is None:
        assert cast is not None and asked is not None  # only answers stand in for them
        return cast, asked, known
    matched = match(found, source, cast, asked)
    return matched.cast, matched.questions, replace(known, given=matched.given)


def _cast(path: Path, model: str = "") -> RoleCast:
    """A cast.json, or a folder of role files, which may call the model by its name."""
    from psm_viz.study.cast import load_cast
    from psm_viz.study.formats.role_files import RoleCast, read_roles

    name = Path(model).resolve().name.removesuffix(".gguf") if model else ""
    return read_roles(path, name) if path.is_dir() else RoleCast(load_cast(path), ())


@dataclass(frozen=True)
class _Bank:
    """What is asked, and the answers that were written for it."""

    asked: tuple[Question, ...]
    written: tuple[Asked, ...] = ()


def _questions(path: Path) -> _Bank:
    """A list of questions, or a folder of questions with answers written for them."""
    from psm_viz.study.formats.question_banks import as_questions, read_bank
    from psm_viz.study.formats.question_lists import load_questions

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
    return TalkSettings(options.talks, first, elsewhere, seed=options.seed, afresh=options.afresh)
