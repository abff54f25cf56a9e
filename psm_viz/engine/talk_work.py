"""What is the same for the talks of all checkpoints of a study: who is asked what, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.outline import Outline
from psm_viz.engine.playing import Playing
from psm_viz.engine.sampling import Sampling, sampling_of
from psm_viz.engine.talks import (
    Planned,
    TalkSettings,
    check_talkable,
    last_questions,
    plan_talks,
)
from psm_viz.study.cast import ASSISTANT, Question
from psm_viz.study.judging import Observer
from psm_viz.study.manifest import AGAIN, MAIN
from psm_viz.study.reader import Study
from psm_viz.study.talks import TalkNote


@dataclass(frozen=True)
class TalkWork:
    """What is the same for the talks of all checkpoints of a study; made of plain values."""

    playing: Playing
    settings: TalkSettings
    questions: tuple[Question, ...]
    reference: str
    folders: Mapping[str, str]
    noise_floor: str | None = None
    marked: tuple[str, ...] = ()
    observer: Observer | None = None
    layers: tuple[int, ...] | None = None
    """The layers that are read at the reference; None: all."""
    alone: bool = False
    """Whether the Assistant's talks alone are held at other checkpoints than the reference: nearly
    half of the time goes to the cast's."""

    @property
    def by_id(self) -> dict[str, Question]:
        """All questions, those of the noise floor too."""
        return {q.id: q for q in self.questions}

    @property
    def main(self) -> tuple[Question, ...]:
        """The questions that talks are made of."""
        return tuple(q for q in self.questions if q.set == MAIN)

    @property
    def lasts(self) -> tuple[Question, ...]:
        """The questions that talks end in."""
        return last_questions(self.main, self.settings.lasts)

    def plans(self, checkpoint: str) -> tuple[list[Planned], list[Planned]]:
        """The talks of cast and Assistant, none of the cast where the Assistant's alone are held.
        The noise floor asks other questions of the same topics, and ends in the same."""
        s = self.settings
        many = s.per_persona if checkpoint == self.reference else s.elsewhere
        of = (self.main, self.lasts)
        cast = plan_talks(self.playing.cast.ids, many, *of, s.seed, s.afresh)
        if checkpoint != self.reference and s.people:
            cast = [p for p in cast if p.persona in s.people]
        if checkpoint != self.reference and self.alone:
            cast = []
        own = plan_talks([ASSISTANT], s.assistant, *of, s.seed + 1, s.afresh)
        if checkpoint != self.noise_floor:
            return cast, own
        other = _others(self.questions)
        return tuple(  # type: ignore[return-value]
            [replace(t, asked=tuple(other[q.id] for q in t.asked)) for t in plan]
            for plan in (cast, own)
        )

    def first_of_reference(self) -> list[Planned]:
        """The reference's own talks of the cast that other checkpoints read too: as many as they
        hold."""
        who, few = self.settings.people or self.playing.cast.ids, self.settings.elsewhere
        every = self.plans(self.reference)[0]
        return [p for p in every if p.persona in who and p.number < few]

    def sampling(self, checkpoint: str) -> Sampling:
        """How answers are drawn; the noise floor draws from another seed."""
        drawn = self.playing.sampling
        return replace(drawn, seed=drawn.seed + 1) if checkpoint == self.noise_floor else drawn


def _others(questions: Sequence[Question]) -> dict[str, Question]:
    """For each main question one of the noise floor's, of the same topic and place."""
    again: dict[str, list[Question]] = {}
    for q in questions:
        if q.set == AGAIN:
            again.setdefault(q.topic, []).append(q)
    out, seen = {}, dict.fromkeys(again, 0)
    for q in questions:
        if q.set == MAIN and q.topic in again:
            out[q.id] = again[q.topic][seen[q.topic] % len(again[q.topic])]
            seen[q.topic] += 1
        elif q.set == MAIN:
            out[q.id] = q
    return out


def work_of(study: Study, source: Source, settings: TalkSettings, known: Known) -> TalkWork:
    """What talks of a study are held with: its cast and questions, played as they were.

    Raises BadInput where talks could not tell who speaks.
    """
    m = study.manifest
    check_talkable(study.cast, study.questions)
    playing = as_played(study, known)
    folders = dict(source.folders)
    if m.noise_floor:
        folders[m.noise_floor] = source.folders[m.reference]
    return TalkWork(
        playing=playing,
        settings=settings,
        questions=study.questions,
        reference=m.reference,
        folders=folders,
        noise_floor=m.noise_floor,
        marked=known.marked,
        observer=known.observer,
        layers=m.layers,
    )


def as_played(study: Study, known: Known = ANY) -> Playing:
    """How the cast of a study was played, to be played so again."""
    generation = study.manifest.generation
    drawn = sampling_of(generation)
    known = replace(known, wording=generation.get("wording", "instructions"))
    in_turn = bool(generation.get("in_turn"))
    return replace(known.playing(study.cast, drawn), in_turn=in_turn)


def work_for(outline: Outline, known: Known = ANY) -> TalkWork:
    """What talks of a study that is being made are held with, where its settings want talks."""
    source, settings = outline.source, outline.settings.talks
    assert settings is not None
    folders = dict(source.folders)
    if outline.noise:
        folders[outline.noise] = source.folders[source.reference]
    return TalkWork(
        playing=outline.playing,
        settings=settings,
        questions=outline.questions,
        reference=source.reference,
        folders=folders,
        noise_floor=outline.noise,
        marked=known.marked,
        observer=known.observer,
        layers=outline.settings.layers,
    )


def settings_of(note: TalkNote) -> TalkSettings:
    """The settings that talks were held with, to hold more like them at other checkpoints, where
    the note itself says who is asked about answers."""
    return TalkSettings(
        assistant=note.assistant,
        per_persona=note.per_persona,
        elsewhere=note.elsewhere,
        lasts=len(note.lasts),
        people=note.people,
        seed=note.seed,
        states=note.states,
        afresh=note.afresh,
    )
