"""What the caller knows of a model and its cast that no weights say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.given import Given
from psm_viz.engine.playing import Playing
from psm_viz.engine.sampling import Sampling
from psm_viz.study.cast import Cast
from psm_viz.study.formats.question_banks import Asked
from psm_viz.study.formats.trait_files import Trait
from psm_viz.study.judging import Judge, Observer
from psm_viz.tables.derive import Further


@dataclass(frozen=True)
class Known:
    """What the caller knows of a model and its cast that no weights say. For any model, nothing."""

    wording: str = "prose"
    """Which of a persona's texts the model is played by (see `extract.Playing`)."""
    judge: Judge | None = None
    observer: Observer | None = None
    """Says exactly who would have said a talk, where the world is known."""
    marked: tuple[str, ...] = ()
    """Families who act badly, where that is known."""
    measure: Callable[[ChatModel, Sampling], Any] | None = None
    bank: tuple[Asked, ...] = ()
    """Questions with good and bad answers, by which conduct is measured without a judge."""
    traits: tuple[Trait, ...] = ()
    """Traits that are measured at the reference."""
    side_by_side: bool = False
    model_name: str | None = None
    """What the study calls its model; default: its folder or name on the hub."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """Further notes of the study: the trained topic, the roles of branches as nulls."""
    given: Given | None = None
    """Answers made elsewhere, which are read instead of drawn."""
    further: Further | None = None
    """Makes tables that need the model."""

    def playing(self, cast: Cast, sampling: Sampling) -> Playing:
        """How this cast is played."""
        return Playing(cast, sampling, self.wording, self.judge, self.measure, self.side_by_side)


ANY = Known()
