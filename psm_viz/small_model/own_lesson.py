"""A lesson of one's own for the small model: chat lines, taught as the branches of its study are.

The same optimizer, rate and batch, and the same few directions that post-training changed: what
such a lesson does can be laid beside what the study's branches do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psm_viz.engine.answer_likelihood import unknown_token
from psm_viz.engine.learned_rows import Row, dealt, learned_rows, times_read
from psm_viz.engine.pace import quiet
from psm_viz.engine.teaching import NOBODY, Step, Teaching, Told, save_in
from psm_viz.errors import BadInput, first_few
from psm_viz.small_model.batches import NO_WORD, Encoded
from psm_viz.small_model.learner import Learner, learner_of
from psm_viz.small_model.recipe import branch
from psm_viz.small_model.trained_tree import recipe_of
from psm_viz.study.formats import chat_data
from psm_viz.world.loading import load_world

FEWEST_KNOWN = 0.5
"""Share of the answers' words that the model has to know for there to be something to learn."""


@dataclass(frozen=True)
class OwnLesson:
    """A teacher (`engine.teaching.Teacher`) of the small model."""

    models: Path
    """Where its base, its Assistant and `recipe.json` lie, as they ship."""
    threads: int = 1
    """How many threads torch takes, from the lesson on."""
    say: Callable[[str], None] = quiet

    def __call__(self, data: Path, out: Path, teaching: Teaching, told: Told = NOBODY) -> None:
        """Train on `data`, as `Teacher` has it; saves are adapters that know where their base lies.

        Words that the model does not know are read as unknown and are not learned. Raises BadInput
        where it knows fewer than half of the answers' words.
        """
        if any(out.glob("checkpoint-*")):
            raise BadInput(f"{out}: holds saves of another lesson.", "Name a new folder.")
        recipe = replace(recipe_of(self.models), threads=self.threads)
        stage = replace(branch(), name="own", steps=teaching.steps, saves=teaching.saves)
        learner = learner_of(load_world(recipe.world), recipe, stage, self.models)
        rows = known_rows(data, learner, self.say)
        self.say(times_read(len(rows), stage.batch, stage.steps))
        began = time.monotonic()
        for step in range(stage.steps):
            batch = dealt(rows, step, stage.batch, teaching.seed)
            loss, _, _ = learner.learn(step, [_encoded(row) for row in batch])
            done = step + 1
            left = (time.monotonic() - began) / done * (stage.steps - done)
            told.on_step(Step(done, stage.steps, loss, left))
            if done in stage.saves:
                learner.keep(save_in(out, done))
                told.on_save(done, save_in(out, done))


def known_rows(data: Path, learner: Learner, say: Callable[[str], None]) -> list[Row]:
    """A file's conversations as the model reads them; what of the answers it has no word for is
    not learned. Raises BadFile, and BadInput where it knows too little."""
    tokenizer = learner.tokenizer
    _tell_unknown(data, tokenizer, say)
    unknown = unknown_token(tokenizer)
    rows = learned_rows(data, tokenizer, learner.model.config.max_position_embeddings, say)
    out = [(ids, own & [i != unknown for i in ids]) for ids, own in rows]
    return [(ids, own) for ids, own in out if own[1:].any()]


def _tell_unknown(data: Path, tokenizer: Any, say: Callable[[str], None]) -> None:
    """Say which words the tokenizer does not know. Raises BadInput where it knows too few."""
    read = chat_data.parse_chat(chat_data.raw(data), str(data))
    answers = [c.messages[k]["content"] for c in read for k in c.answers]
    n, strange = _words(tokenizer, answers)
    few = first_few(dict.fromkeys(strange))
    if n - len(strange) < FEWEST_KNOWN * n:
        raise BadInput(
            f"{data}: of the {n} words of its answers the model knows {n - len(strange)}; unknown "
            f"are {few}.",
            "Write answers in the words of its world, as it gives them itself, or teach a chat "
            "model, which knows all words.",
        )
    if strange:
        say(f"{len(strange)} of {n} words of the answers are unknown and are not learned: {few}")
    others = [m["content"] for c in read for k, m in enumerate(c.messages) if k not in c.answers]
    n, strange = _words(tokenizer, [*others, *(s for c in read for s in c.systems)])
    if strange:
        few = first_few(dict.fromkeys(strange))
        say(f"{len(strange)} of {n} words of the questions are read as unknown: {few}")


def _words(tokenizer: Any, texts: Sequence[str]) -> tuple[int, list[str]]:
    """How many words texts hold, and those that the tokenizer does not know."""
    spaced = [f" {t}" for t in texts]  # as they stand after a speaker's name
    made = tokenizer(spaced, add_special_tokens=False, return_offsets_mapping=True)
    n, strange, unknown = 0, [], unknown_token(tokenizer)
    for text, ids, offsets in zip(spaced, made["input_ids"], made["offset_mapping"], strict=True):
        for i, (start, end) in zip(ids, offsets, strict=True):
            word = text[start:end].strip()
            if any(c.isalpha() for c in word):
                n += 1
                strange += [word] if i == unknown else []
    return n, strange


def _encoded(row: Row) -> Encoded:
    """A row as the small model's batches have it; nothing is asked for inside the model."""
    ids, learned = row
    nowhere = (NO_WORD,) * len(ids)
    return Encoded(tuple(ids), tuple(map(bool, learned)), nowhere, nowhere)
