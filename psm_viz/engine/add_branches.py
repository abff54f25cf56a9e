"""New branches of the same tree added to a finished study, without playing the others again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.jobs import Job, Play, play_all
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.weights import check_weights
from psm_viz.errors import BadInput
from psm_viz.small_model.model_tables import modelled_tables
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study, open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import write_derived
from psm_viz.world.curriculum import roles_of_branches
from psm_viz.world.grammar import load_world


def extend(
    source: Source, folder: Path, branches: list[str], threads: int, say: Callable[[str], None]
) -> Study:
    """Play the checkpoints of these branches as the study was played, and derive it again.

    Tables that need the model are made anew. A killed run goes on after its last finished
    checkpoint. Raises BadInput, before any model is loaded, for a study of another made world or
    training seed and for branches that the tree has not or the study has.
    """
    study = open_study(folder)
    m, world = study.manifest, source.world or load_world()
    if (m.notes.get("world"), m.notes.get("world_kind")) != (world.sha256, world.kind):
        raise BadInput(
            f"{folder}: was not played in this made world; its branches cannot be added to.",
            "Build a new study with: python -m psm_viz study",
        )
    if m.notes.get("training_seed") != source.training_seed:
        raise BadInput(
            f"{folder}: its model was trained with seed {m.notes.get('training_seed')}, the tree's "
            f"with seed {source.training_seed}.",
            "Train the branch with the study's seed: python -m psm_viz train --seed SEED",
        )
    check_weights(study, Path(source.folders[m.reference]))
    have = {c.id for c in m.checkpoints}
    new = [c for c in source.checkpoints if c.branch in branches and c.id not in have]
    missing = set(branches) - {c.branch for c in source.checkpoints}
    if missing or not new:
        what = f"has no branch {sorted(missing)[0]!r}" if missing else "brings nothing new"
        raise BadInput(f"The tree {what}.", "Name branches that `train` made and the study lacks.")
    writer = StudyWriter(folder)
    writer.begin_from(study, {"add": [c.id for c in new]})
    generation = m.generation
    # a study older than a field was drawn with the field's default
    drawn = {f.name for f in fields(Sampling)} & set(generation)
    sampling = Sampling(**{k: generation[k] for k in drawn})
    chat = load_chat_model(source.folders[m.reference], threads=threads)
    play = Play(chat, study.cast, sampling, generation["wording"], world)
    main = tuple(q for q in study.questions if q.set == MAIN)
    jobs = [
        Job(source.folders[c.id], c.id, m.headline_layer, main, sampling, keep=False)
        for c in new
        if not writer.has(c.id)
    ]
    play_all(play, jobs, study.vectors(m.reference), threads, writer, say)
    # the tree's order and descent; vectors made elsewhere and the noise floor last
    kept = have | {c.id for c in new}
    ordered = [c for c in source.checkpoints if c.id in kept]
    in_tree = {c.id for c in ordered}
    ordered += [c for c in m.checkpoints if c.id not in in_tree]
    branches_now = {c.branch for c in ordered if c.id != m.noise_floor}
    manifest = replace(
        m,
        checkpoints=tuple(ordered),
        notes=m.notes | roles_of_branches(branches_now),
    )
    draft = writer.open_partial(manifest, study.cast, study.questions)
    modelled_tables(draft, writer, source, threads, say)
    draft = writer.open_partial(manifest, study.cast, study.questions)
    write_derived(draft, writer, say)
    return writer.finish(manifest, study.cast, study.questions)
