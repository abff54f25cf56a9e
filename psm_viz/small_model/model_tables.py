"""Tables that need the model itself: the base in context, what branches had to learn, steering,
words or weights. Made when a study of the small model is played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.words_or_weights import _read, words_or_weights
from psm_viz.small_model.answer_masses import Reader
from psm_viz.small_model.in_context import in_context_rows
from psm_viz.small_model.lesson_cost import lessons_table
from psm_viz.small_model.recipe import Recipe
from psm_viz.small_model.steering_rates import steering
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    pass


def modelled_tables(
    study: Study, writer: StudyWriter, source: Source, threads: int, say: Callable[[str], None]
) -> None:
    """Make these tables for a study of the small model and write them beside the others."""
    world, m = source.world, study.manifest
    assert world is not None
    folders = {k: Path(v) for k, v in source.folders.items()}
    chat = load_chat_model(str(folders[m.reference]), threads=threads)
    say("in context: the base beside the ideal observer")
    base = m.branch(m.checkpoint(m.reference).branch)[0].id
    chat.swap(folders[base])
    writer.write_table("in_context", in_context_table(chat, world))
    # a branch that was imported as vectors has no model to ask
    ends = {b: m.branch(b)[-1].id for b in m.fine_tuned if m.branch(b)[-1].id in folders}
    if not ends:  # a study that its branches are added to later
        return
    say("lessons: starting loss, gradient and update of every branch")
    recipe = Recipe(seed=int(source.training_seed or 0), world=world.kind)
    writer.write_table("lessons", lessons_table(world, recipe, folders, list(ends)))
    say("steering: the axis and the branches' arrows beside random directions")
    writer.write_table("steering", steering(study, world, folders, ends))
    frames, before = [], _read(study, chat, folders[m.reference], m.reference)
    for n, (branch, end) in enumerate(ends.items(), 1):
        say(f"words or weights {n}/{len(ends)}: {branch}")
        frames.append(words_or_weights(study, chat, folders, branch, end, before))
    writer.write_table("words_or_weights", pd.concat(frames, ignore_index=True))


def in_context_table(chat: ChatModel, world: World) -> pd.DataFrame:
    """The base beside the ideal observer in context, under both unnamed labels."""
    frames, reader = [], Reader(chat.hf, chat.tokenizer, world)
    for label in (world.rules["unnamed_label"], world.rules["assistant_label"]):
        rows = in_context_rows(reader, per_condition=48, seed=11, label=label)
        frames.append(pd.DataFrame(rows).assign(label=label))
    return pd.concat(frames, ignore_index=True)
