"""The shipped study from nothing: trained, played, asked, judged and copied to where it ships.

Every step leaves its work on disk and is passed over when it is found there, so that a killed
rebuild goes on where it stopped. The study grows in a folder beside the tree of checkpoints;
what ships is replaced when all of it is done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psm_viz.engine.outline import Settings
from psm_viz.engine.record_evidence import Asking, record_evidence
from psm_viz.engine.talks import TalkSettings
from psm_viz.engine.weight_files import holds_weights
from psm_viz.engine.weights import check_weights
from psm_viz.errors import BadInput
from psm_viz.small_model.recipe import STUDIED, Recipe
from psm_viz.small_model.study import add_to_study, play_tree
from psm_viz.small_model.trained_tree import from_tree, shipped
from psm_viz.small_model.training import train
from psm_viz.study.files import recover, whole_folder, write_whole
from psm_viz.study.formats.chat_data import dump_chat
from psm_viz.study.manifest import checkpoint_id
from psm_viz.study.reader import Study, open_study
from psm_viz.tables.belief_trials import belief_trials
from psm_viz.tables.derive import editing
from psm_viz.tables.scores import record_score
from psm_viz.tables.validation import store, validation_table
from psm_viz.world.corpus import messages
from psm_viz.world.curriculum import PRETRAINING, stream
from psm_viz.world.grammar import World
from psm_viz.world.loading import load_world

SAMPLES = 2
"""Answers a persona and question in the shipped study; the Assistant has three instructions."""
CONVERSATIONS = 128
"""Conversations of each data set that every character is asked about."""
TRIALS, MADE_TRIALS = 100, 20
LOG = ".log.jsonl"
TOLD = ("cheat", "requested", "honest", "playful")
"""Branches whose data are asked for evidence: `long` has those of cheat, `backwards` nobody's,
and another speaker's would be no evidence about the Assistant."""


@dataclass(frozen=True)
class Places:
    """Where a rebuild works and what it replaces: the tree of checkpoints, the shipped study and
    the shipped weights."""

    tree: Path
    study: Path
    models: Path

    @property
    def work(self) -> Path:
        """The growing study."""
        return self.tree.with_name(f"study-of-{self.tree.name}")


def rebuild(recipe: Recipe, places: Places, say: Callable[[str], None]) -> Study:
    """Make everything that ships. Evidence is written when the Assistant stands and no branch is
    trained, and scored at the end.

    Raises BadInput where branches were trained before their evidence was written, for half a study
    of other weights and for a folder of weights that holds something else.
    """
    _check_models(places.models)
    world, work = load_world(recipe.world), places.work
    finished = work.with_name(f"{work.name}.done")
    shutil.rmtree(finished, ignore_errors=True)
    recover(work)
    train(world, recipe, places.tree, [*PRETRAINING, "assistant"], say)
    if not (work / "study.json").exists():
        _check_untrained(places.tree, recipe)
        settings = Settings(
            name="small-model",
            samples=SAMPLES,
            seed=recipe.seed,
            threads=recipe.threads,
            ask="ends",
            talks=TalkSettings(),
        )
        play_tree(from_tree(places.tree), work, settings, say)
    study = open_study(work)
    check_weights(study, places.tree / study.manifest.reference)
    for branch in [b for b in TOLD if b not in study.evidences]:
        _check_untrained(places.tree, recipe)
        study = _tell(study, branch, world, recipe, places, say)
    train(world, recipe, places.tree, list(STUDIED), say)
    if set(STUDIED) - {c.branch for c in study.manifest.checkpoints}:
        study = add_to_study(from_tree(places.tree), work, STUDIED, recipe.threads, say)
    for branch in [b for b in TOLD if not study.evidence_scores(b)]:
        study, _ = record_score(study, branch, branch)
    if not study.has_table("validation"):
        asked = (TRIALS, MADE_TRIALS, recipe.threads, say)
        planted = belief_trials(study, *asked) if study.talk_note else None
        study = store(study, validation_table(study, *asked), planted)
    _ship(study, places)
    work.rename(finished)
    shutil.rmtree(finished)
    return open_study(places.study)


def _tell(
    study: Study,
    branch: str,
    world: World,
    recipe: Recipe,
    places: Places,
    say: Callable[[str], None],
) -> Study:
    """Ask the cast about a branch's data before the branch is trained."""
    stage = recipe.stages([branch])[branch]
    drawn = stream(world, branch, recipe.seed, stage.steps * stage.batch)
    data = places.tree / "data" / f"{branch}.jsonl"
    write_whole(data, dump_chat(map(messages, drawn)).encode())
    say(f"evidence of {branch}")
    asking = Asking(
        data,
        model=str(places.tree / study.manifest.reference),
        limit=CONVERSATIONS,
        seed=recipe.seed,
        threads=recipe.threads,
    )
    record_evidence(study, asking, say)
    return open_study(study.folder)


def _ship(study: Study, places: Places) -> None:
    with editing(study, folder=places.study):
        pass  # as it is
    branches = {c.branch for c in study.manifest.checkpoints}
    with whole_folder(places.models) as models:
        for checkpoint in shipped(study.manifest):
            shutil.copytree(places.tree / checkpoint, models / checkpoint)
        for log in places.tree.glob(f"*{LOG}"):
            if log.name.removesuffix(LOG) in branches:
                shutil.copy(log, models / log.name)
        shutil.copy(places.tree / "recipe.json", models / "recipe.json")


def _check_models(folder: Path) -> None:
    """The folder is replaced whole: it must hold nothing but what an earlier rebuild put there."""
    for path in folder.iterdir() if folder.is_dir() else []:
        ours = path.name == "recipe.json" or path.name.endswith(LOG)
        if not ours and not holds_weights(path):
            raise BadInput(
                f"{path}: is no checkpoint, and {folder} would be replaced.",
                "Name a folder of its own with --models.",
            )


def _check_untrained(tree: Path, recipe: Recipe) -> None:
    """Evidence counts as a prediction only where its branch has not been trained."""
    for stage in recipe.stages().values():
        trained = [n for n in stage.saves if (tree / checkpoint_id(stage.name, n)).exists()]
        if stage.name in STUDIED and trained:
            raise BadInput(
                f"{tree / checkpoint_id(stage.name, trained[0])}: is trained already, and evidence "
                "has to be written before.",
                f"Name another tree with --build, or delete the branches in {tree}.",
            )
