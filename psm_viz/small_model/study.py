"""A study of the small model: a trained tree played, with the tables that need its world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from psm_viz.engine.add_branches import add_branches
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.outline import Settings
from psm_viz.engine.plan import Plan, Planning, plan_study
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.weights import check_weights
from psm_viz.errors import BadInput
from psm_viz.small_model.behaviour import behaviour
from psm_viz.small_model.exact_families import write_exact
from psm_viz.small_model.model_tables import model_tables
from psm_viz.small_model.trained_tree import TrainedTree
from psm_viz.study.cast import Cast, Question
from psm_viz.study.reader import Study, open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.world.curriculum import CODING, roles_of_branches
from psm_viz.world.grammar import WORLDS
from psm_viz.world.judging import BankJudge, BankObserver, acting_badly
from psm_viz.world.loading import world_of

NAME = "small model"
"""What its studies call the model."""


@dataclass(frozen=True)
class Conduct:
    """Measures the Assistant's conduct in a made world, named by its kind."""

    kind: str

    def __call__(self, chat: ChatModel, drawn_as: Sampling) -> pd.DataFrame:
        """`behaviour` of the checkpoint that the model holds."""
        return behaviour(chat, world_of(self.kind), drawn_as)


def play_tree(
    tree: TrainedTree,
    out: Path,
    settings: Settings,
    say: Callable[[str], None],
    cast: Cast | None = None,
    questions: tuple[Question, ...] | None = None,
) -> Study:
    """Play every checkpoint of a tree and write the finished study: by default the world's own
    cast and questions. Raises what `build_study` raises."""
    cast, asked = cast or tree.world.cast(), questions or tree.world.questions()
    known = _known(tree, settings.threads, say, {c.branch for c in tree.checkpoints})
    return build_study(tree, cast, asked, out, settings, say, known)


def plan_tree(
    tree: TrainedTree,
    out: Path,
    settings: Settings,
    planning: Planning,
    say: Callable[[str], None],
    cast: Cast | None = None,
    questions: tuple[Question, ...] | None = None,
) -> Plan:
    """What `play_tree` of the same would do. Raises what `plan_study` raises."""
    cast, asked = cast or tree.world.cast(), questions or tree.world.questions()
    known = _known(tree, settings.threads, say, {c.branch for c in tree.checkpoints})
    return plan_study(tree, cast, asked, out, settings, say, known, planning)


def add_to_study(
    tree: TrainedTree,
    folder: Path,
    branches: Sequence[str],
    threads: int,
    say: Callable[[str], None],
) -> Study:
    """Play branches of the study's own tree and add them to it.

    Raises BadInput, before any model is loaded, for a study of another made world or training seed
    or of other weights, and what `add_branches` raises.
    """
    study, world = open_study(folder), tree.world
    m = study.manifest
    if (m.notes.get("world"), m.notes.get("world_kind")) != (world.sha256, world.kind):
        raise BadInput(
            f"{folder}: was not played in this made world; its branches cannot be added to.",
            "Build a new study with: python -m psm_viz study",
        )
    if m.notes.get("training_seed") != tree.seed:
        raise BadInput(
            f"{folder}: its model was trained with seed {m.notes.get('training_seed')}, the tree's "
            f"with seed {tree.seed}.",
            "Train the branch with the study's seed: python -m psm_viz train --seed SEED",
        )
    check_weights(study, Path(tree.folders[m.reference]))
    then = {c.branch for c in m.checkpoints if c.id != m.noise_floor} | set(branches)
    return add_branches(study, tree, branches, threads, say, _known(tree, threads, say, then))


def world_knows(study: Study) -> Known:
    """What the made world knows of a study that was played in it, its measure of conduct and its
    exact observer's table too; of any other, nothing."""
    kind = study.manifest.notes.get("world_kind")
    if kind not in WORLDS or study.manifest.notes.get("world") != world_of(kind).sha256:
        return ANY
    return replace(known_of(kind), measure=Conduct(kind), further=_observed)


def _observed(study: Study, writer: StudyWriter) -> None:
    """The one of the further tables that needs no model but the study's own world."""
    write_exact(study, writer, world_of(str(study.manifest.notes["world_kind"])))


def known_of(kind: str) -> Known:
    """What a made world knows of any model that speaks in it."""
    return Known(
        judge=BankJudge(kind),
        observer=BankObserver(kind),
        marked=acting_badly(kind),
        side_by_side=True,
    )


def _known(
    tree: TrainedTree, threads: int, say: Callable[[str], None], branches: Iterable[str]
) -> Known:
    """What is known of the small model: its world judges and measures; its branches have roles."""
    kind = tree.world.kind
    notes: dict[str, Any] = {
        "world": tree.world.sha256,
        "world_kind": kind,
        "trained_topic": CODING,
        "training_seed": tree.seed,
        **roles_of_branches(set(branches)),
    }
    return replace(
        known_of(kind),
        wording="instructions",
        measure=Conduct(kind),
        model_name=NAME,
        notes=notes,
        further=lambda study, writer: model_tables(study, writer, tree, threads, say),
    )
