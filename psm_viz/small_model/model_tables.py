"""Tables that need the model itself: the base in context, what branches had to learn, steering,
words or weights. Made when a study of the small model is played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.words_or_weights import words_or_weights
from psm_viz.small_model.answer_masses import Reader
from psm_viz.small_model.exact_families import write_exact
from psm_viz.small_model.in_context import in_context_rows
from psm_viz.small_model.lesson_cost import lessons_table
from psm_viz.small_model.recipe import Recipe
from psm_viz.small_model.steering_rates import pushes_of, steering_table
from psm_viz.small_model.trained_tree import TrainedTree
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.world.grammar import World


def model_tables(
    study: Study, writer: StudyWriter, tree: TrainedTree, threads: int, say: Callable[[str], None]
) -> None:
    """Make these tables for a study of the small model and write them beside the others."""
    world, m = tree.world, study.manifest
    folders = {k: Path(v) for k, v in tree.folders.items()}
    say("who the exact observer takes the Assistant for")
    write_exact(study, writer, world)
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
    recipe = Recipe(seed=tree.seed, world=world.kind)
    writer.write_table("lessons", lessons_table(world, recipe, folders, list(ends)))
    say("steering: the axis and the branches' arrows beside random directions")
    chat.swap(folders[m.reference])
    steered = steering_table(chat, world, str(m.notes["trained_topic"]), pushes_of(study, ends))
    writer.write_table("steering", steered)
    writer.write_table("words_or_weights", words_or_weights(study, chat, folders, ends, say))


def in_context_table(chat: ChatModel, world: World) -> pd.DataFrame:
    """The base beside the ideal observer in context, under both unnamed labels."""
    frames, reader = [], Reader(chat.hf, chat.tokenizer, world)
    for label in (world.rules["unnamed_label"], world.rules["assistant_label"]):
        rows = in_context_rows(reader, per_condition=48, seed=11, label=label)
        frames.append(pd.DataFrame(rows).assign(label=label))
    return pd.concat(frames, ignore_index=True)
