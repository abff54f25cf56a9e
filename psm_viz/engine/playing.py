"""How a cast is played, and all that it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.prompts import Prompts
from psm_viz.engine.sampling import Sampling
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT, Cast, Persona, Question
from psm_viz.study.judging import Judge

Key = tuple[str, str, int]
"""Persona, question and which of the persona's instructions."""
Answers = Mapping[Key, tuple[str, ...]]
"""What was answered."""


@dataclass(frozen=True)
class Playing:
    """How a cast is played: what stays the same from checkpoint to checkpoint. Made of plain
    values, so that it can be sent to another process."""

    cast: Cast
    sampling: Sampling
    wording: str = "prose"
    """Which of a persona's texts is its instruction: `prose` (role files), or `instructions`
    (headers that the small model knows)."""
    judge: Judge | None = None
    """Judges each answer, where somebody can."""
    measure: Callable[[ChatModel, Sampling], pd.DataFrame] | None = None
    """Measures the Assistant's conduct at a checkpoint: the frame of behaviour.parquet."""
    side_by_side: bool = False
    """Whether the model is so small that several checkpoints are better played at once."""
    in_turn: bool = False
    """Whether each question is asked under one of a persona's instructions, dealt round, instead of
    under all of them; the Assistant is always asked under all."""
    poolings: tuple[str, ...] = POOLINGS
    """The poolings that are kept."""
    given: Answers | None = None
    """Answers made elsewhere, which are read; None: answers are drawn."""
    left_out: tuple[str, ...] | None = None
    """Ids of those who answered nothing at the reference: they are no part of the study, and weigh
    nothing in the cast's means. None: this is the reference."""


@dataclass(frozen=True)
class Asking:
    """A question put to somebody under one of their instructions."""

    persona: Persona
    question: Question
    number: int
    """The question's place among those asked."""
    variant: int
    """Which of the persona's instructions."""
    instruction: str

    @property
    def key(self) -> Key:
        """What its answers are known by."""
        return self.persona.id, self.question.id, self.variant

    def prompt(self, prompts: Prompts) -> str:
        """The text that a model is asked with, up to its answer."""
        return prompts.one(self.persona, self.instruction, self.question.text)


def askings(
    playing: Playing, personas: Sequence[Persona], questions: Sequence[Question]
) -> Iterator[Asking]:
    """All that is asked of these speakers, in the order of the answers; where answers are given,
    what has some."""
    for p in personas:
        wordings = getattr(p, playing.wording)
        dealt = playing.in_turn and p.id != ASSISTANT
        for variant, instruction in enumerate(wordings):
            for number, q in enumerate(questions):
                one = Asking(p, q, number, variant, instruction)
                if playing.given is not None:
                    wanted = one.key in playing.given
                else:
                    wanted = not dealt or number % len(wordings) == variant
                if wanted:
                    yield one


def answers_to(playing: Playing, asking: Asking) -> int:
    """How many answers there will be."""
    return playing.sampling.samples if playing.given is None else len(playing.given[asking.key])
