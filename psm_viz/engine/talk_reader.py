"""One talk read while it is under way: who in a study's cast would have said its answers.

The readings are the study's own, fitted to its talks of one, two, four answers: so many of the last
answers are read as they know, with the questions before them. Where a talk is not told which of the
study's last questions it ends in, it is read after each of them and beliefs are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from psm_viz.engine.answer_likelihood import ask_of_one
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.exchange_reader import ExchangeReader
from psm_viz.engine.growing_texts import GrowingTexts
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.pace import Tick, silent
from psm_viz.engine.talk_states import moved_by, of_reference
from psm_viz.engine.talk_work import settings_of, work_of
from psm_viz.engine.talks import (
    Message,
    asked_likelihoods,
    exchanges,
    read_likelihoods,
    read_states,
    seat,
)
from psm_viz.errors import BadInput
from psm_viz.stats.belief import StateReading, softmax
from psm_viz.stats.belief_likelihood import evidence_of
from psm_viz.study.cast import ASSISTANT, Persona, Question
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.talks import EXACT, LIKELIHOOD, OWN, REFERENCE
from psm_viz.tables.belief_readings import fit_readings

Belief = dict[str, float]
"""Family -> mass; masses sum to one."""


@dataclass(frozen=True)
class Heard:
    """What a talk says of who speaks."""

    answers: int
    """How many of the last answers were read; 0: none, all families count alike."""
    belief: Mapping[str, Belief]
    """Way of reading (`own`, `reference`, `likelihood`, `exact`) -> belief."""
    headline: str
    """The way that sentences go by."""
    far: Mapping[str, float] = field(default_factory=dict)
    """Way of reading states -> distance to the nearest family over the limit that 95 % of the
    cast's talks keep: above 1 'none of these'."""


class TalkReader:
    """Reads talks by a study's reference, whose weights `reference` holds.

    `source` and `known` are those that the study's talks were held with. Raises BadInput for a
    study that has held no talks, or whose talks tell no families.
    """

    def __init__(
        self, study: Study, reference: ChatModel, source: Source, known: Known = ANY
    ) -> None:
        note = study.talk_note
        if note is None:
            raise BadInput("This study has held no talks, so that none can be read.", HOLD_TALKS)
        self.study, self.reference = study, reference
        self.work = work_of(study, source, settings_of(note), known)
        talks = study.talks(study.manifest.reference)
        self.readings = fit_readings(note, study.cast, talks)
        self._first = of_reference(talks, self.work, note)
        self._moved: dict[str, np.ndarray] = {}

    @property
    def families(self) -> tuple[str, ...]:
        """The families that belief is told of."""
        return self.readings.who.families

    @property
    def headline(self) -> str:
        """The way of reading that sentences go by."""
        return LIKELIHOOD if self.readings.headline == LIKELIHOOD else OWN

    @cached_property
    def lasts(self) -> dict[str, Question]:
        """The questions that the study's talks end in, by id."""
        return {q: self.work.by_id[q] for q in self.readings.note.lasts}

    def prior(self) -> Heard:
        """Before any answer all families count alike."""
        n = len(self.families)
        even = {f: 1.0 / n for f in self.families}
        return Heard(0, {self.headline: even}, self.headline)

    def read(
        self,
        messages: Sequence[Message],
        own: ChatModel,
        checkpoint: str,
        last: str | None = None,
        soon: Callable[[Heard], None] = lambda heard: None,
    ) -> Heard:
        """What the last answers of a talk say, read by the weights of a checkpoint, which `own`
        holds, and by the reference's.

        `last`: id of the question that the talk ends in; None: each of them in turn. `soon` is told
        what the words say, where sentences go by them, before states are read. Raises what
        `ask_of_one` and `ChatModel.pooled` raise.
        """
        k = self._answers_read(spoken(messages))
        if not k:
            return self.prior()
        talk = last_answers(messages, k)
        ids = [last] if last else list(self.lasts)
        belief: dict[str, Belief] = {}
        far: dict[str, float] = {}
        heard = self._by_likelihood(talk, k)
        if heard is not None:
            belief[LIKELIHOOD] = heard
            if self.headline == LIKELIHOOD:
                soon(Heard(k, {LIKELIHOOD: heard}, LIKELIHOOD))
        for way, chat in ((OWN, own), (REFERENCE, self.reference)):
            if way == REFERENCE and checkpoint == self.study.manifest.reference:
                continue  # the same weights
            belief[way], far[way] = self._by_states(talk, chat, checkpoint, way, k, ids)
        exact = self._exactly(talk)
        if exact is not None:
            belief[EXACT] = exact
        # beyond the context nobody's likelihood is known: states are
        way = self.headline if self.headline in belief else OWN
        return Heard(k, belief, way, far)

    def by_words(
        self, talks: Sequence[Sequence[Message]], tick: Tick = silent
    ) -> Float[np.ndarray, "talk family"]:
        """Beliefs of whole talks by how likely the reference finds their words."""
        note = self.readings.note
        if note.afresh:
            per_token = np.stack([self._likelihoods(t, tick)[:-1].T for t in talks])
        else:
            playing = self.work.playing
            told = [list(t) for t in talks]
            per_token = read_likelihoods(
                self.reference, playing, note.headers, told, lambda text: tick(0, 0)
            )[0].astype(np.float64)
        reading = self.readings.likelihood[note.answers][0]
        return softmax(reading.scores(evidence_of(per_token)))

    def _answers_read(self, said: int) -> int:
        """How many answers of a talk with so many are read."""
        return max((n for n in self.readings.note.turns if n <= said), default=0)

    def ahead(self, messages: Sequence[Message], tick: Tick = silent) -> None:
        """Read already what the next answer of a talk will come after, as every persona, so that
        only that answer is left to be read. What `tick` raises ends it; nothing read is lost."""
        k = self._answers_read(spoken(messages) + 1) - 1
        if k > 0 and not self.readings.note.afresh:
            self._likelihoods(last_answers(messages, k), tick)

    def _named(self, mass: np.ndarray) -> Belief:
        return dict(zip(self.families, map(float, mass), strict=True))

    def _by_states(
        self,
        talk: Sequence[Message],
        chat: ChatModel,
        checkpoint: str,
        way: str,
        k: int,
        ids: Sequence[str],
    ) -> tuple[Belief, float]:
        readings = self.readings
        reading, note = readings.states[k][0], readings.note
        at = seat(self.study.cast, self.work.playing.wording)
        asked = [self.lasts[q] for q in ids]
        x = read_states(chat, at, [list(talk)] * len(ids), asked, [k], [note.layer])[:, 0, 0]
        number = np.array([note.lasts.index(q) for q in ids])
        centre = self._centre(reading, chat, checkpoint, way, k)
        states = x.astype(np.float64)
        mass = softmax(reading.scores(states, number, centre)).mean(0)
        distance = float(reading.distance(states, number, centre).mean() / reading.far)
        return self._named(mass), distance

    def _centre(
        self, reading: StateReading, chat: ChatModel, checkpoint: str, way: str, k: int
    ) -> Float[np.ndarray, "last d_model"]:
        """What states are centred by: the cast's mean after each last question, as the weights that
        read them see it."""
        if way == REFERENCE or checkpoint == self.study.manifest.reference:
            return reading.centre
        turn = self.readings.note.turns.index(k)
        return reading.centre + self.moved(chat, checkpoint)[:, turn]

    def moved(self, chat: ChatModel, checkpoint: str) -> Float[np.ndarray, "last turn d_model"]:
        """How far a checkpoint's weights move the states of the reference's own talks of the cast,
        mean after each last question: as the study stored it, or read now."""
        if checkpoint not in self._moved:
            stored, m = None, self.study.manifest
            known = checkpoint in {c.id for c in m.checkpoints}
            if known and self.study.holds(checkpoint, "talks"):
                stored = self.study.talks(checkpoint).moved
            if stored is None or not stored.shape[1]:
                stored = moved_by(chat, self.work, self._first)
            self._moved[checkpoint] = stored.astype(np.float64)
        return self._moved[checkpoint]

    def forget(self, checkpoint: str) -> None:
        """What was read of a checkpoint whose weights have changed is read anew."""
        self._moved.pop(checkpoint, None)

    def _by_likelihood(self, talk: Sequence[Message], k: int) -> Belief | None:
        """By how likely the reference finds these answers as each persona; None beyond its
        context."""
        found = self._likelihoods(talk)
        heard = found[:-1].T[None]  # [talk, answer, header], without the Assistant's seat
        if not np.isfinite(heard).all():
            return None
        reading = self.readings.likelihood[k][0]
        return self._named(softmax(reading.scores(evidence_of(heard)))[0])

    def _likelihoods(
        self, talk: Sequence[Message], tick: Tick = silent
    ) -> Float[np.ndarray, "persona answer"]:
        """log p per token of the answers, as every persona that is asked: each after the talk so
        far, or after its own question alone, as the study's talks were read."""
        if not self.readings.note.afresh:
            playing = self.work.playing
            return ask_of_one(
                self.reference,
                self._people,
                playing.wording,
                Conversation(1, tuple(talk)),
                in_turn=playing.in_turn,
                reader=self._growing,
                tick=tick,
            )
        found = []
        for question, answer in exchanges(talk):
            tick(0, 0)
            found.append(self.exchanges(question["content"], answer["content"]))
        return np.concatenate(found, axis=1)

    @cached_property
    def exchanges(self) -> ExchangeReader:
        """Reads each answer by itself."""
        return ExchangeReader(self.reference, self._people, self.work.playing)

    @property
    def alone(self) -> bool:
        """Whether sentences go by words that are read answer by answer."""
        return self.readings.note.afresh and self.headline == LIKELIHOOD

    @cached_property
    def _people(self) -> list[Persona]:
        """Who is asked, the Assistant last."""
        return asked_likelihoods(self.work.playing, self.readings.note.headers)

    @cached_property
    def _growing(self) -> GrowingTexts:
        return GrowingTexts(self.reference)

    def _exactly(self, talk: Sequence[Message]) -> Belief | None:
        """By the exact observer, where it knows every question of the talk."""
        if self.work.observer is None:
            return None
        topics = {q.text: q.topic for q in self.study.questions}
        asked = [m["content"] for m in talk if m["role"] != ASSISTANT]
        said = [m["content"] for m in talk if m["role"] == ASSISTANT]
        if len(asked) != len(said) or not all(q in topics for q in asked):
            return None
        found = self.work.observer([(topics[q], a) for q, a in zip(asked, said, strict=True)])
        mass = np.array([found.get(f, 0.0) for f in self.families])
        return self._named(mass / mass.sum()) if mass.sum() > 0 else None


def spoken(messages: Sequence[Message]) -> int:
    """How many answers a talk has."""
    return sum(m["role"] == ASSISTANT for m in messages)


def last_answers(messages: Sequence[Message], n: int) -> list[Message]:
    """The last so many answers of a talk, each with what was asked before it. What is asked after
    the last answer is left out."""
    spoken = [k for k, m in enumerate(messages) if m["role"] == ASSISTANT]
    start = spoken[-n - 1] + 1 if len(spoken) > n else 0
    return [dict(m) for m in messages[start : spoken[-1] + 1]]
