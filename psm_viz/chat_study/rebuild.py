"""The chat model's study from its weights: lessons written, the reference played, evidence asked
for, branches trained and played, and a row of figures for the end of each.

Every step leaves its work on disk and is passed over when it is found there, so that a killed
rebuild goes on where it stopped. What is finished ships at once: the reference first, then every
few branches. Another machine goes on from what shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from psm_viz import paths
from psm_viz.chat_study import recipe
from psm_viz.chat_study.lessons import ANCHOR, LESSONS, Lesson, conversations, in_character
from psm_viz.chat_study.rows import likeness, row_of
from psm_viz.claims.chat_rows import KEYS, chat_file
from psm_viz.claims.run_rows import read_rows, write_rows
from psm_viz.engine.adapters import adapter_size
from psm_viz.engine.add_branches import add_branches
from psm_viz.engine.build_study import build_study
from psm_viz.engine.chat_model import load_as_played, load_chat_model
from psm_viz.engine.checkpoint_tree import from_models
from psm_viz.engine.finetune import finetune
from psm_viz.engine.known import Known
from psm_viz.engine.precision import AUTO, chosen
from psm_viz.engine.record_evidence import Asking, record_evidence
from psm_viz.engine.weights import check_weights
from psm_viz.study.files import write_whole
from psm_viz.study.formats.chat_data import dump_chat
from psm_viz.study.formats.question_banks import read_bank
from psm_viz.study.formats.role_files import RoleCast, read_roles
from psm_viz.study.reader import Study, open_study
from psm_viz.tables.derive import editing

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChatPlaces:
    """Where the model lies, where a rebuild works, and what ships: the study of seed 0, and the
    rows of every seed."""

    model: Path
    work: Path
    study: Path
    rows: Path

    def data(self, lesson: Lesson) -> Path:
        """A lesson's chat lines."""
        return self.work / "data" / f"{lesson.name}.jsonl"

    def branch(self, lesson: Lesson, seed: int) -> Path:
        """A branch's saves."""
        return self.work / f"seed-{seed}" / lesson.name

    def of_seed(self, seed: int) -> Path:
        """The study of a seed while its branches are added."""
        return self.work / f"seed-{seed}" / "study"


def rebuild_chat(places: ChatPlaces, seed: int, threads: int, say: Say) -> Study:
    """The reference, and upon it the branches of a seed; returns the seed's study.

    Evidence is written when the reference was played and no branch is trained. Seed 0 ships as a
    study, every seed as rows; of other seeds a branch whose row is there is done, whatever became
    of its study. Raises what its parts raise.
    """
    study = _begun(places, seed, threads, say)
    roles = read_roles(paths.ENGLISH)
    known = _known(roles)
    write_lessons(places, roles, threads, precision_of(study), say)
    there = set(study.manifest.branches)
    if seed:
        there |= {r["branch"] for r in read_rows(chat_file(seed, places.rows), KEYS)}
    left = [x for x in LESSONS if x.name not in there]
    _write_rows(study, places, seed, threads, say)
    for n in range(0, len(left), recipe.AT_ONCE):
        some = left[n : n + recipe.AT_ONCE]
        for lesson in some:
            teach(places, lesson, seed, precision_of(study), say)
        folders = {x.name: str(places.branch(x, seed)) for x in some}
        source = from_models(str(places.model), folders, None)
        study = add_branches(study, source, list(folders), threads, say, known)
        if seed == 0:
            _ship(study, places.study)
        _write_rows(study, places, seed, threads, say)
    return study


def _known(roles: RoleCast) -> Known:
    bank = read_bank(paths.ENGLISH / "questions")
    return Known(marked=roles.marked, bank=bank, notes=recipe.NOTES, model_name=recipe.NAME)


def _begun(places: ChatPlaces, seed: int, threads: int, say: Say) -> Study:
    """A seed's study as far as it was made: at first the reference's."""
    if (places.of_seed(seed) / "study.json").exists():
        return open_study(places.of_seed(seed))
    shipped = _shipped(places)
    if seed == 0 and shipped and shipped.manifest.fine_tuned:
        start = shipped
        check_weights(start, places.model)
    else:
        start = the_reference(places, threads, say)
    places.of_seed(seed).parent.mkdir(parents=True, exist_ok=True)
    return _ship(start, places.of_seed(seed))


def the_reference(places: ChatPlaces, threads: int, say: Say) -> Study:
    """The reference played, with its evidence: found in `work`, taken from what shipped, or made
    and shipped, each part as soon as it is there."""
    folder, shipped = places.work / "reference", _shipped(places)
    if not (folder / "study.json").exists() and shipped:
        _alone(shipped, folder)
    roles = read_roles(paths.ENGLISH)
    if not (folder / "study.json").exists():
        known = _known(roles)
        source = from_models(str(places.model), {}, None)
        cast = recipe.as_played(roles.cast)
        settings = recipe.settings(cast, threads, _chosen(places))
        questions = recipe.questions(read_bank(paths.ENGLISH / "questions"))
        build_study(source, cast, questions, folder, settings, say, known)
    study = open_study(folder)
    alone = not (shipped and shipped.manifest.fine_tuned)
    if not shipped:
        _ship(study, places.study)
    write_lessons(places, roles, threads, precision_of(study), say)
    check_weights(study, places.model)
    for lesson in LESSONS:
        if lesson.name in recipe.TOLD and lesson.name not in study.evidences:
            study = _tell(study, places, lesson, threads, say)
            if alone:
                _ship(study, places.study)
    return study


def _shipped(places: ChatPlaces) -> Study | None:
    """What ships so far, of seed 0."""
    return open_study(places.study) if (places.study / "study.json").exists() else None


def _ship(study: Study, folder: Path) -> Study:
    """A study put in place at a folder, its branches in the order of the lessons."""
    m = study.manifest
    rank = {x.name: n for n, x in enumerate(LESSONS, 1)}
    last = {m.noise_floor: len(rank) + 1}
    ordered = sorted(m.checkpoints, key=lambda c: last.get(c.id, rank.get(c.branch, 0)))
    with editing(study, folder=folder) as edit:
        edit.manifest = replace(m, checkpoints=tuple(ordered))
    return open_study(folder)


def _alone(study: Study, folder: Path) -> None:
    """A study's reference and noise floor in a study of their own."""
    m = study.manifest
    ids = {m.reference, *([m.noise_floor] if m.noise_floor else [])}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with editing(study, folder=folder) as edit:
        edit.writer.keep_checkpoints(ids)
        edit.manifest = replace(m, checkpoints=tuple(c for c in m.checkpoints if c.id in ids))


def _chosen(places: ChatPlaces) -> str:
    """The precision that the reference is played in, tried out once: another trial on a busy
    machine may end otherwise, and a reference in another precision would begin anew."""
    path = places.work / "precision"
    if not path.exists():
        write_whole(path, chosen(AUTO).encode())
    return path.read_text("utf-8")


def precision_of(study: Study) -> str:
    """In which precision the reference was played: all else is done in it, on whatever machine."""
    return str(study.manifest.model["dtype"])


def write_lessons(places: ChatPlaces, roles: RoleCast, threads: int, dtype: str, say: Say) -> None:
    """The chat lines of every lesson; two are what the model says itself."""
    chat, folder = None, paths.ENGLISH / "lessons"
    for lesson in (*LESSONS, ANCHOR):
        path = places.data(lesson)
        if path.exists():
            continue
        if not lesson.families:
            talks = conversations(lesson, folder, roles)
        else:
            chat = chat or load_chat_model(str(places.model), threads=threads, dtype=dtype)
            talks = in_character(chat, lesson, folder, recipe.as_played(roles.cast), seed=0)
        write_whole(path, dump_chat(talks).encode())
        say(f"{path}: {len(talks)} conversations")


def teach(places: ChatPlaces, lesson: Lesson, seed: int, dtype: str, say: Say) -> Path:
    """Train a lesson's branch, or go on with it; returns the folder of its saves."""
    out, anchor = places.branch(lesson, seed), places.data(ANCHOR) if lesson.anchored else None
    tuning = recipe.tuning_of(lesson, seed, dtype)
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


def _write_rows(study: Study, places: ChatPlaces, seed: int, threads: int, say: Say) -> None:
    """Rows of the reference and of every branch's end that has none yet."""
    m, path = study.manifest, chat_file(seed, places.rows)
    done = {r["checkpoint"]: r for r in read_rows(path, KEYS)}
    ends = [m.reference, *(m.branch(b)[-1].id for b in m.fine_tuned)]
    left = [c for c in ends if c not in done]
    if not left:
        return
    chat = load_as_played(study, str(places.model), threads)
    for n, checkpoint in enumerate(left, 1):
        update = 0.0
        if checkpoint != m.reference:
            c = m.checkpoint(checkpoint)
            lesson = next(x for x in LESSONS if x.name == c.branch)
            taught = teach(places, lesson, seed, precision_of(study), say)  # if it is not there
            folder = taught / f"checkpoint-{c.step}"
            chat.swap(folder)
            update = adapter_size(folder)
        wording = m.generation["wording"]
        found = likeness(chat, study.cast, wording, study.questions, m.headline_layer)
        done[checkpoint] = row_of(study, checkpoint, seed, found, update)
        write_rows(path, done.values())
        say(f"{path}: {checkpoint}, {n}/{len(left)}")
