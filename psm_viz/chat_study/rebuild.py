"""The chat model's study from its weights: lessons written, the reference played, evidence asked
for, branches trained and played, copied to where it ships.

Every step leaves its work on disk and is passed over when it is found there, so that a killed
rebuild goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psm_viz import paths
from psm_viz.chat_study import recipe
from psm_viz.chat_study.lessons import ANCHOR, LESSONS, Lesson, conversations, in_character
from psm_viz.engine.add_branches import add_branches
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.finetune import finetune
from psm_viz.engine.known import Known
from psm_viz.engine.record_evidence import Asking, record_evidence
from psm_viz.engine.weights import check_weights
from psm_viz.study.files import write_whole
from psm_viz.study.formats.chat_data import dump_chat
from psm_viz.study.formats.question_banks import as_questions, read_bank
from psm_viz.study.formats.role_files import RoleCast, read_roles
from psm_viz.study.reader import Study, open_study
from psm_viz.tables.derive import editing
from psm_viz.tables.scores import record_score

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChatPlaces:
    """Where the model lies, where a rebuild works, and the shipped study that it replaces."""

    model: Path
    work: Path
    study: Path

    def data(self, lesson: Lesson) -> Path:
        """A lesson's chat lines."""
        return self.work / "data" / f"{lesson.name}.jsonl"

    def branch(self, lesson: Lesson, seed: int) -> Path:
        """A branch's saves."""
        return self.work / f"seed-{seed}" / lesson.name


def rebuild_chat(places: ChatPlaces, threads: int, say: Say) -> Study:
    """Make the study of the first seed. Evidence is written when the reference was played and no
    branch is trained, and scored at the end. Raises what its parts raise."""
    roles = read_roles(paths.ENGLISH)
    write_lessons(places, roles, threads, say)
    bank = read_bank(paths.ENGLISH / "questions")
    known = Known(marked=roles.marked, bank=bank, notes=recipe.NOTES, model_name=recipe.NAME)
    work = places.work / "study"
    if not (work / "study.json").exists():
        source = from_models(str(places.model), {}, None)
        settings = recipe.settings(roles.cast, threads)
        build_study(source, roles.cast, as_questions(bank), work, settings, say, known)
    study = open_study(work)
    check_weights(study, places.model)
    for lesson in LESSONS:
        if lesson.name in recipe.TOLD and lesson.name not in study.evidences:
            study = _tell(study, places, lesson, threads, say)
    for lesson in LESSONS:
        teach(places, lesson, 0, say)
    folders = {x.name: str(places.branch(x, 0)) for x in LESSONS}
    new = [b for b in folders if b not in study.manifest.branches]
    if new:
        source = from_models(str(places.model), folders, None)
        study = add_branches(study, source, new, threads, say, known)
    for name in (n for n in recipe.TOLD if not study.evidence_scores(n)):
        study, _ = record_score(study, name, name)
    with editing(study, folder=places.study):
        pass  # as it is
    return open_study(places.study)


def write_lessons(places: ChatPlaces, roles: RoleCast, threads: int, say: Say) -> None:
    """The chat lines of every lesson; two are what the model says itself."""
    chat, folder = None, paths.ENGLISH / "lessons"
    for lesson in (*LESSONS, ANCHOR):
        path = places.data(lesson)
        if path.exists():
            continue
        if not lesson.families:
            talks = conversations(lesson, folder, roles)
        else:
            chat = chat or load_chat_model(str(places.model), threads=threads, dtype=recipe.DTYPE)
            talks = in_character(chat, lesson, folder, roles.cast, seed=0)
        write_whole(path, dump_chat(talks).encode())
        say(f"{path}: {len(talks)} conversations")


def teach(places: ChatPlaces, lesson: Lesson, seed: int, say: Say) -> Path:
    """Train a lesson's branch, or go on with it; returns the folder of its saves."""
    out, anchor = places.branch(lesson, seed), places.data(ANCHOR) if lesson.anchored else None
    tuning = recipe.tuning_of(lesson, seed)
    finetune(str(places.model), places.data(lesson), out, tuning, say, anchor=anchor)
    return out


def _tell(study: Study, places: ChatPlaces, lesson: Lesson, threads: int, say: Say) -> Study:
    """Ask the cast about a lesson before it is taught."""
    say(f"evidence of {lesson.name}")
    asking = Asking(
        places.data(lesson),
        model=str(places.model),
        limit=recipe.CONVERSATIONS,
        threads=threads,
    )
    record_evidence(study, asking, say)
    return open_study(study.folder)
