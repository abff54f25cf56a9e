"""A lesson of one's own: what is asked of whoever trains a model on chat lines, and what it tells
while it does. Plain values, no torch.

Whoever teaches meets `Teacher`: for any chat model `engine.finetune.teacher_of`, for the small
model `small_model.own_lesson.OwnLesson`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from psm_viz.errors import BadInput, NotFinite


@dataclass(frozen=True)
class Teaching:
    """How long a lesson is, and how often the model is saved meanwhile."""

    steps: int
    """Optimizer steps."""
    every: int
    """Steps between two saves; the last step is saved as well."""
    seed: int = 0
    """Of the order in which conversations are read."""

    def __post_init__(self) -> None:
        """Raise BadInput for numbers that make no lesson."""
        if self.steps < 1:
            raise BadInput(f"{self.steps} steps of training: expected at least 1.")
        if not 1 <= self.every <= self.steps:
            raise BadInput(
                f"A save every {self.every} steps of {self.steps}: expected 1 to {self.steps}."
            )
        if self.seed < 0:
            raise BadInput(f"Seed {self.seed}: expected 0 or more.")

    @property
    def saves(self) -> tuple[int, ...]:
        """The steps that are saved, the last of them the lesson's end."""
        return (*range(self.every, self.steps, self.every), self.steps)


@dataclass(frozen=True)
class Step:
    """A step that was taken."""

    done: int
    """How many steps are taken, this one among them."""
    steps: int
    """How many there will be."""
    loss: float
    """Mean cross-entropy of the answers' tokens that the step read, in nats, before it."""
    left: float
    """Seconds that the rest will take, looks at saves included."""


@dataclass(frozen=True)
class Told:
    """Who is told of steps and saves. What either raises ends the training; saves stay."""

    on_step: Callable[[Step], None] = lambda step: None
    on_save: Callable[[int, Path], None] = lambda step, folder: None


NOBODY = Told()


@runtime_checkable
class Teacher(Protocol):
    """Trains a model on a file of chat data."""

    def __call__(
        self,
        data: Path,
        out: Path,
        teaching: Teaching,
        told: Told = NOBODY,
    ) -> None:
        """Train on `data` and save the model as `save_in(out, step)` at each of `teaching.saves`.

        `told` hears of every step, and of every save once it is whole. What it raises ends the
        training: no half save is left, and those that are done stay. Raises BadFile for
        data that cannot be read, BadInput for data that teach nothing and for a folder that holds
        another lesson, NotFinite where a loss is no number.
        """
        ...


def save_in(out: Path, step: int) -> Path:
    """The folder of a save, named as the Trainer of transformers names it."""
    return out / f"checkpoint-{step}"


def check_step(step: int, next_step: str, *numbers: float) -> None:
    """Raise NotFinite where a step's loss or the size of its gradient is no number."""
    if not all(map(math.isfinite, numbers)):
        raise NotFinite(
            f"The loss or gradient of step {step} is no number; earlier saves stay.", next_step
        )
