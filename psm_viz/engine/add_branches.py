"""New branches of the same tree added to a finished study, without playing the others again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from psm_viz.engine.answer_odds import measure_odds, odds_as_before
from psm_viz.engine.chat_model import load_as_played
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.hold_talks import hold_all
from psm_viz.engine.jobs import Job, play_all
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.outline import asked_at
from psm_viz.engine.preflight import check_models
from psm_viz.engine.sampling import sampling_of
from psm_viz.engine.silence import merged, notes_of
from psm_viz.engine.talk_work import TalkWork, settings_of, work_of
from psm_viz.engine.weights import weights_sha256
from psm_viz.errors import BadInput
from psm_viz.study.manifest import MAIN, Checkpoint
from psm_viz.study.reader import Study
from psm_viz.tables.derive import editing

SPARED = 64
"""Talks of the Assistant where time is spared: the first of those that are held elsewhere, so that
each has its pair there."""


def add_branches(
    study: Study,
    source: Source,
    branches: Sequence[str],
    threads: int,
    say: Callable[[str], None],
    known: Known = ANY,
    *,
    sparing: bool = False,
) -> Study:
    """Play the checkpoints of these branches as the study was played, and derive it again.

    With `sparing` talks are held at the branches' ends alone, a part of the Assistant's (`SPARED`).
    Tables that need the model are made anew. A killed run goes on after its last finished
    checkpoint. Raises BadInput, before any model is loaded, for branches that the tree has not or
    the study has, and for files of which no model can be played beside the reference.
    """
    m = study.manifest
    have = {c.id for c in m.checkpoints}
    new = [c for c in source.checkpoints if c.branch in branches and c.id not in have]
    missing = set(branches) - {c.branch for c in source.checkpoints}
    if missing or not new:
        what = f"has no branch {sorted(missing)[0]!r}" if missing else "brings nothing new"
        raise BadInput(f"The tree {what}.", "Name branches that `train` made and the study lacks.")
    check_models(source, new)
    sampling = sampling_of(m.generation)
    known = replace(known, wording=m.generation["wording"])
    main = tuple(q for q in study.questions if q.set == MAIN)
    base = source.folders.get(m.reference)
    weights = {c.id: weights_sha256(source.folders[c.id], base) for c in new}
    settings = {"add": [c.id for c in new], "sparing": sparing, "weights": weights}
    with editing(study, say, settings=settings, further=known.further, grows=True) as edit:
        chat = load_as_played(study, source.folders[m.reference], threads)
        whole = asked_at(new, m.reference, None, m.generation.get("ask", "all"))
        how = (m.headline_layer, main, sampling)
        jobs = [
            Job(source.folders[c.id], c.id, *how, alone=c.id not in whole, layers=m.layers)
            for c in new
            if not edit.writer.has(c.id)
        ]
        reference = study.vectors(m.reference)
        playing = known.playing(study.cast, sampling)
        playing = replace(playing, in_turn=bool(m.generation.get("in_turn")), poolings=m.poolings)
        play_all(chat, playing, jobs, reference, threads, edit.writer, say)
        if odds := odds_as_before(study):
            ids = [c.id for c in new]
            measure_odds(chat, odds, source.folders, ids, edit.writer, say)
        if study.talk_note:
            chat.swap(Path(source.folders[m.reference]))
            work, talking = _talks(study, source, new, known, sparing)
            hold_all(chat, work, talking, threads, edit.writer, say)
        order = _in_order(study, source, have | {c.id for c in new})
        found = notes_of(edit.writer, [c.id for c in new], study.cast, m.reference)
        silence = merged(m.notes, found)
        edit.manifest = replace(m, checkpoints=order, notes=m.notes | silence | dict(known.notes))
    return edit.done


def _talks(
    study: Study, source: Source, new: Sequence[Checkpoint], known: Known, sparing: bool
) -> tuple[TalkWork, list[str]]:
    """What talks are held with at new checkpoints, and at which of them."""
    note, reference = study.talk_note, study.manifest.reference
    assert note is not None  # there are talks
    settings = settings_of(note)
    if not sparing:
        return work_of(study, source, settings, known), [c.id for c in new]
    few = replace(settings, assistant=min(SPARED, settings.assistant))
    ends = asked_at(new, reference, None, "ends")
    work = replace(work_of(study, source, few, known), alone=True)
    return work, [c.id for c in new if c.id in ends]


def _in_order(study: Study, source: Source, kept: set[str]) -> tuple[Checkpoint, ...]:
    """The tree's order and descent; vectors made elsewhere and the noise floor last."""
    ordered = [c for c in source.checkpoints if c.id in kept]
    in_tree = {c.id for c in ordered}
    return (*ordered, *(c for c in study.manifest.checkpoints if c.id not in in_tree))
