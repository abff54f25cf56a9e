"""What a study is asked for and what it will be made of: known before any model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.given import Given
from psm_viz.engine.jobs import Job
from psm_viz.engine.known import Known
from psm_viz.engine.playing import Playing
from psm_viz.engine.sampling import CUT, Sampling
from psm_viz.engine.talks import TalkSettings
from psm_viz.errors import BadInput
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import Cast, Question
from psm_viz.study.manifest import AGAIN, MAIN, Checkpoint, checkpoint_id

FEWEST_FOR_TRAITS = 10
"""Personas below which traits cannot be read out of sample: five folds of two."""
ASKED = ("all", "ends", "reference")
"""At which checkpoints the whole cast is asked every question."""


@dataclass(frozen=True)
class Settings:
    """How the cast is played. Written into the study."""

    name: str
    layer: int | None = None
    samples: int = 4
    max_new_tokens: int = 64
    temperature: float = 1.0
    """At which answers are drawn; 0: the likeliest token always."""
    min_p: float = CUT
    seed: int = 0
    threads: int = 2
    device: str = "cpu"
    dtype: str = "float32"
    """Precision in which the model is held; figures are made in double."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """What the chat template is told besides the talk."""
    in_turn: bool = False
    """Whether a question is asked under one of a persona's instructions instead of under all."""
    ask: str = "all"
    """At which checkpoints the whole cast is asked every question, one of `ASKED`: `ends` are the
    reference and the last of each branch. At the others the Assistant alone is, and its talks are
    held."""
    layers: tuple[int, ...] | None = None
    """The layers that are read and kept; None: all."""
    poolings: tuple[str, ...] = POOLINGS
    """The poolings that are kept, some of `POOLINGS`."""
    truncate: bool = False
    """Whether instructions too long for the model's context are cut, instead of refused."""
    talks: TalkSettings | None = None
    """How talks are held; None: not at all."""

    def __post_init__(self) -> None:
        """Check what fits together."""
        if self.ask not in ASKED:
            raise BadInput(f"Ask {self.ask!r}: unknown.", f"Choose from: {', '.join(ASKED)}.")
        if self.ask != ASKED[0] and self.talks is None:
            raise BadInput(
                f"--ask {self.ask}: the other checkpoints would hold nothing.",
                "Hold talks there (--talks), or ask everywhere.",
            )
        if self.truncate and self.talks is not None:
            raise BadInput(
                "--truncate cuts the instructions of single questions; a talk is not cut, since "
                "what was said in it is what is read.",
                "Leave out --truncate or --talks.",
            )
        if not self.poolings or self.poolings != tuple(p for p in POOLINGS if p in self.poolings):
            raise BadInput(
                f"Poolings {', '.join(self.poolings) or 'none'}: expected some of "
                f"{', '.join(POOLINGS)}, in that order."
            )

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        longest, many = self.max_new_tokens, self.samples
        return Sampling(self.temperature, longest, many, self.seed, self.min_p)


@dataclass(frozen=True)
class Outline:
    """A study that is not made yet: which checkpoints are asked what, and how."""

    source: Source
    playing: Playing
    questions: tuple[Question, ...]
    settings: Settings
    given: Given | None = None
    """Answers made elsewhere; None: they are drawn."""
    cut: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Persona -> tokens that were cut off the end of each of its instructions."""

    @property
    def cast(self) -> Cast:
        """Who is played."""
        return self.playing.cast

    @property
    def main(self) -> tuple[Question, ...]:
        """The questions that every checkpoint is asked."""
        return tuple(q for q in self.questions if q.set == MAIN)

    @property
    def noise(self) -> str | None:
        """The noise floor's checkpoint, where there are as many other questions as main ones."""
        sets = [q.set for q in self.questions]
        as_many = sets.count(AGAIN) == sets.count(MAIN)
        return checkpoint_id("again", 0) if as_many else None

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints, the noise floor last."""
        own, reference = [*self.source.checkpoints], self.source.reference
        return own + ([Checkpoint(self.noise, "again", 0, reference)] if self.noise else [])

    @property
    def traits(self) -> tuple[str, ...]:
        """The latent traits by which the headline is chosen, the reference being played once more
        for it; none where there are none to read or too few personas to read them from."""
        people = self.cast.personas
        names = tuple(sorted(people[0].traits)) if people else ()
        every = all(tuple(sorted(p.traits)) == names for p in people)
        return names if every and len(people) >= FEWEST_FOR_TRAITS else ()

    def jobs(self, layer: int) -> list[Job]:
        """Every checkpoint to be played, and how; single answers are kept of this layer."""
        reference, drawn = self.source.reference, self.playing.sampling
        whole = asked_at(self.checkpoints, reference, self.noise, self.settings.ask)
        jobs = []
        for c in self.checkpoints:
            again = c.id == self.noise  # the reference, other questions and other draws
            wanted = AGAIN if again else MAIN
            jobs.append(
                Job(
                    folder=self.source.folders[reference if again else c.id],
                    checkpoint=c.id,
                    layer=layer,
                    questions=tuple(q for q in self.questions if q.set == wanted),
                    sampling=replace(drawn, seed=drawn.seed + 1) if again else drawn,
                    # the map is made from these; at every checkpoint they would double the study
                    keep=c.id in (reference, self.noise),
                    alone=c.id not in whole,
                    layers=self.settings.layers,
                    given=self.given and self.given.answers[reference if again else c.id],
                )
            )
        return jobs


def outline_of(
    source: Source, cast: Cast, questions: tuple[Question, ...], settings: Settings, known: Known
) -> Outline:
    """What a study of these is made of."""
    if known.given:
        check_given(settings)
        if known.traits:
            raise BadInput(
                "Traits are measured on answers under their own instructions, which were not made "
                "elsewhere.",
                "Leave out --traits or --responses.",
            )
    playing = replace(
        known.playing(cast, settings.sampling),
        in_turn=settings.in_turn,
        poolings=settings.poolings,
    )
    return Outline(source, playing, questions, settings, known.given)


def check_given(settings: Settings) -> None:
    """Raise BadInput where answers are made elsewhere and more is asked for than reading them."""
    if settings.talks is not None:
        raise BadInput(
            "Answers that were made elsewhere are single ones; no talks are held with them.",
            "Leave out --talks or --responses.",
        )
    if settings.truncate:
        raise BadInput(
            "Answers that were made elsewhere are read under the instructions that they were given "
            "under, which are not cut; those that are too long are left out.",
            "Leave out --truncate.",
        )


def asked_at(
    plan: Sequence[Checkpoint], reference: str, noise: str | None, where: str
) -> set[str | None]:
    """The checkpoints at which the whole cast is asked."""
    if where == "all":
        return {c.id for c in plan}
    if where == "reference":
        return {reference}  # no other is compared with it by means, so no floor is needed
    ends = {c.branch: c.id for c in sorted(plan, key=lambda c: c.step)}
    return {reference, noise, *ends.values()}
