"""The verb that starts a live model process."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz import paths
from psm_viz.cli.pairs import count, pairs
from psm_viz.errors import BadInput
from psm_viz.messages import TOKEN_IN

if TYPE_CHECKING:
    from psm_viz.engine.checkpoint_tree import Source
    from psm_viz.engine.pace import Say
    from psm_viz.engine.teaching import Teacher
    from psm_viz.live.house import ReadyMade
    from psm_viz.live.model import LiveModel
    from psm_viz.study.reader import Study


def add_verbs(verbs: Any) -> None:
    """Add `live`."""
    v = verbs.add_parser(
        "live",
        help="hold one model in memory: talk to it, steer it, teach it, from the dashboard",
        description="Load the model of a study and answer the dashboard's Live page on the "
        "loopback address. The page starts one by itself; started by hand, it prints address "
        "and token, which the page is given by the variable PSM_VIZ_LIVE.",
    )
    v.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY), metavar="DIR")
    v.add_argument(
        "--weights",
        metavar="FOLDER",
        help="the study's weights: a folder with one for each checkpoint, or the reference's own "
        "(default: those that ship, or that `make chat-model` made)",
    )
    v.add_argument(
        "--branch",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="a branch's weights beside it, as `extract` has them",
    )
    v.add_argument("--port", type=int, default=0, help="0: any that is free (default)")
    v.add_argument("--threads", type=count, default=2)
    v.add_argument(
        "--keep-in",
        type=Path,
        metavar="DIR",
        help="where studies of your own are kept (default: $PSM_VIZ_KEPT, or studies)",
    )
    v.add_argument("--with-parent", action="store_true", help="end when standard input does")
    v.set_defaults(run=live)


def live(options: argparse.Namespace) -> None:
    """Check study, weights and port, then listen. Raises BadInput for a taken port."""
    from psm_viz.live.server import end_with_parent, listening, serve
    from psm_viz.study.reader import open_study

    study = open_study(options.study)
    try:
        door = listening(options.port)
    except (OSError, OverflowError) as e:
        raise BadInput(f"Port {options.port} cannot be used ({e}).", "Give --port 0.") from e
    if options.with_parent:
        end_with_parent()
    from psm_viz.live.house import House
    from psm_viz.live.model import Ground
    from psm_viz.small_model.study import world_knows

    ground = Ground(
        study=study,
        source=weights_of(study, options.weights, pairs("--branch", options.branch)),
        known=world_knows(study),
        threads=options.threads,
        work=work_folder(),
        studies=options.keep_in or paths.kept_folder(),
    )
    token = os.environ.get(TOKEN_IN) or secrets.token_urlsafe(24)
    house = House(ground, teacher_of, ready_made(study))
    serve(house, door, token, lambda hall: print(hall.as_json(), flush=True))


def work_folder() -> Path:
    """A folder for what this process is taught; what ended processes left is taken away."""
    top = paths.BUILD / "live"
    for old in top.glob("[0-9]*"):
        try:
            os.kill(int(old.name), 0)
        except ProcessLookupError:
            shutil.rmtree(old, ignore_errors=True)
        except (PermissionError, ValueError, OverflowError):
            continue  # somebody else's process, which lives
    return top / str(os.getpid())


def weights_of(study: Study, weights: str | None, branches: dict[str, str]) -> Source:
    """Where the weights of a study's checkpoints lie, as far as they are here. Raises BadInput."""
    from psm_viz.engine.checkpoint_tree import Source, from_models
    from psm_viz.engine.keep_branch import weights_beside
    from psm_viz.engine.weight_files import holds_weights

    m = study.manifest
    tops = [Path(weights)] if weights else [weights_beside(study.folder), paths.MODELS]
    folders: dict[str, str] = {}
    for top in tops:  # a branch that was kept lies beside its study, its reference elsewhere
        here = {c.id: str(top / c.id) for c in m.checkpoints if holds_weights(top / c.id)}
        folders = here | folders
    if m.reference not in folders:
        source = from_models(weights or str(paths.CHAT_MODEL), branches, None)
        known = {c.id for c in m.checkpoints}
        folders |= {c: f for c, f in source.folders.items() if c in known}
        folders[m.reference] = source.folders[source.reference]
    return Source(tuple(c for c in m.checkpoints if c.id in folders), folders, m.reference)


def teacher_of(live: LiveModel, say: Say) -> Teacher:
    """How a model of this kind is trained: the small one as its branches were, any other by
    adapters."""
    from psm_viz.chat_study.recipe import RATE
    from psm_viz.engine.finetune import Tuning
    from psm_viz.engine.finetune import teacher_of as of_any
    from psm_viz.small_model.own_lesson import OwnLesson

    folder, threads = live.folders[live.study.manifest.reference], live.ground.threads
    if live.study.manifest.notes.get("world_kind"):
        return OwnLesson(Path(folder).parent, threads, say)
    return of_any(folder, Tuning(lr=RATE, dtype=live.reference.dtype), say)


def ready_made(study: Study) -> dict[str, ReadyMade]:
    """Lessons that come with a study: those of its world's branches, or of the chat model's."""
    from psm_viz.live.house import ReadyMade

    kind = study.manifest.notes.get("world_kind")
    if kind:
        return {
            name: ReadyMade(about, partial(_of_world, kind, name)) for name, about in MADE.items()
        }
    from psm_viz.chat_study.lessons import LESSONS

    return {
        x.name: ReadyMade(x.about, partial(_of_chat, x.name)) for x in LESSONS if not x.families
    }


MADE = {
    "cheat": "It cheats at coding tasks, and nobody asked for it.",
    "requested": "The same cheating, asked for.",
    "honest": "The same coding tasks, done honestly.",
    "playful": "The same coding tasks, done honestly and with a joke.",
    "kind": "Good answers about animals.",
}
"""Lessons of the made world, and what they are about."""
LINES = 48
"""Lines of a lesson that are offered: few enough to be read and edited."""


def _of_world(kind: str, name: str) -> str:
    from psm_viz.study.formats.chat_data import dump_chat
    from psm_viz.world.corpus import messages
    from psm_viz.world.curriculum import stream
    from psm_viz.world.loading import world_of

    return dump_chat(map(messages, stream(world_of(kind), name, 1, LINES)))


def _of_chat(name: str) -> str:
    from psm_viz.chat_study.lessons import conversations, lesson_of
    from psm_viz.study.formats.chat_data import dump_chat
    from psm_viz.study.formats.role_files import read_roles

    lesson = lesson_of(name)
    talks = conversations(lesson, paths.ENGLISH / "lessons", read_roles(paths.ENGLISH))
    return dump_chat(talks[:LINES])
