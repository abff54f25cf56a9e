"""A talk held elsewhere, read turn by turn: where the model stands on a study's Assistant axis, and
who in the study's cast would have said what was said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from psm_viz.engine.answer_likelihood import Rendered, encoded, rendered, unknown_token
from psm_viz.engine.chat_model import ChatModel, load_as_played
from psm_viz.engine.open_model import place_of
from psm_viz.engine.talk_work import as_played
from psm_viz.engine.talks import Message, read_likelihoods
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.stats.axis_scale import AxisScale, axis_scale
from psm_viz.stats.belief import softmax
from psm_viz.stats.belief_likelihood import LikelihoodReading, evidence_of
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import Persona, family_weights
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.formats.transcripts import Transcript, answers_of
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.tables.belief_readings import fit_likelihoods, who_talks

TOKENS = 2**13
"""Most tokens read at once: a long talk is read answer by answer."""


@dataclass(frozen=True)
class Turn:
    """One answer, and what was read after it."""

    words: str
    axis: Mapping[str, float]
    """Pooling -> where the model stands, in standard deviations of the study's cast; none where the
    answer ends beyond the model's context."""
    answers: int = 0
    """How many of the last answers the belief is read from; 0: there is none."""
    belief: Mapping[str, float] | None = None
    """Family -> mass: who would have said these answers."""
    notes: tuple[str, ...] = ()
    """What could not be read, and why."""


@dataclass(frozen=True)
class Ground:
    """What talks are read by: a study's axis and the readings of its own talks."""

    study: Study
    scales: Mapping[str, AxisScale]
    """Pooling -> the reference's axis at the headline layer."""
    places: Mapping[str, tuple[float, float, float]]
    """Pooling -> the least and the largest place of the cast's personas at the reference, and the
    Assistant's."""
    readings: Mapping[int, LikelihoodReading]
    """By number of answers; none where the study has held no talks."""
    without: str = ""
    """Why there is no belief."""


def ground_of(study: Study) -> Ground:
    """The scales and readings of a study. Raises BadInput where it has no Assistant axis at its
    headline layer."""
    m = study.manifest
    vectors, weights = study.vectors(m.reference), family_weights(study.cast)
    scales, places = {}, {}
    for pooling in vectors.poolings:
        if vectors.holds(pooling, m.headline_layer):
            own = vectors.at(pooling, m.headline_layer)
            scale = axis_scale(own, weights)
            if not scale.spread > 1e-9 * np.abs(own).max():  # what is equal differs by rounding
                raise BadInput(
                    f"{study.folder}: all personas stand at one point of the Assistant axis.",
                    "Give the cast personas that differ (cast.json) and extract it again.",
                )
            z = scale.of(own)
            scales[pooling] = scale
            places[pooling] = (float(z[:-1].min()), float(z[:-1].max()), float(z[-1]))
    if not scales:
        raise BadInput(
            f"{study.folder}: {m.reference} has no vectors at the headline layer.",
            "Ask the cast: python -m psm_viz extract --model FOLDER --out DIR",
        )
    return Ground(study, scales, places, *_readings(study))


def _readings(study: Study) -> tuple[dict[int, LikelihoodReading], str]:
    """The readings of likelihoods by number of answers, or why there are none."""
    note = study.talk_note
    if note is None:
        return {}, f"This study has held no talks. {HOLD_TALKS}"
    try:
        talks = study.talks(study.manifest.reference)
        who = who_talks(talks, study.cast, note.lasts)
        found = fit_likelihoods(note, study.cast, talks, who)
    except BadInput as e:
        return {}, str(e)
    return {k: reading for k, (reading, _) in found.items()}, ""


def read_transcripts(
    study: Study,
    transcripts: Sequence[Transcript],
    model: str,
    other: str | None = None,
    threads: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Ground, list[list[Turn]]]:
    """Read talks by a study's reference `model`; with `other`, the states are that model's and the
    likelihoods still the reference's.

    Raises BadInput for a model that is not the reference, for another depth or width, and for a
    talk that the chat template refuses; UnknownName for models that are not there, and what
    `load_chat_model` raises.
    """
    ground = ground_of(study)
    if other is not None:
        place_of(other)  # a mistyped folder is told before anything is read
    chat = load_as_played(study, model, threads)
    out: list[list[Turn]] = []
    for t in transcripts:
        with _named(t):
            out.append(_beliefs(chat, ground, t.conversation, say))
    if other is not None:
        say(f"reading the states of {other}")
        chat.swap(other)
    for t, turns in zip(transcripts, out, strict=True):
        with _named(t):
            places = _places(chat, ground, t.conversation)
        for k, (axis, notes) in enumerate(places):
            turns[k] = replace(turns[k], axis=axis, notes=(*notes, *turns[k].notes))
    return ground, out


@contextmanager
def _named(transcript: Transcript) -> Iterator[None]:
    """An error inside says which of a file's two conversations it is about."""
    try:
        yield
    except PsmVizError as e:
        if not transcript.name:
            raise
        raise type(e)(f"The {transcript.name} conversation: {e.problem}", e.next_step) from e


def _seat(study: Study, talk: Conversation) -> tuple[Persona, str]:
    """The Assistant, under the talk's own system messages, or what a study's talks begin with."""
    assistant = study.cast.assistant
    usual = getattr(assistant, study.manifest.generation.get("wording", "instructions"))
    return assistant, "\n\n".join(talk.systems) or (usual[0] if usual else "")


def _places(
    chat: ChatModel, ground: Ground, talk: Conversation
) -> list[tuple[dict[str, float], tuple[str, ...]]]:
    """Where the model stands after each answer, by pooling, and what could not be read."""
    texts = rendered(chat.prompts, *_seat(ground.study, talk), [talk])
    prompts, answers = _parts(chat, texts, len(talk.answers))
    lengths = [len(p) + len(a) for p, a in zip(prompts, answers, strict=True)]
    most = chat.context or max(lengths)
    read = [k for k, n in enumerate(lengths) if n <= most and prompts[k]]
    batch = max(1, TOKENS // max([lengths[k] for k in read], default=1))
    states = chat.pooled(
        [prompts[k] for k in read],
        [answers[k] for k in read],
        [ground.study.manifest.headline_layer],
        batch=batch,
    )[:, :, 0]
    out: list[tuple[dict[str, float], tuple[str, ...]]] = []
    for k, n in enumerate(lengths):
        if k not in read:
            why = f"{n} tokens, and the model reads {most}" if prompts[k] else "it has no token"
            out.append(({}, (f"{why}: its state was not read",)))
            continue
        own = states[read.index(k)]
        along = {
            p: float(scale.of(own[POOLINGS.index(p)][None])[0])
            for p, scale in ground.scales.items()
        }
        strange = answers[k].count(unknown_token(chat.tokenizer))
        why = f"{strange} of its {len(answers[k])} tokens are unknown to the tokenizer"
        known = {p: z for p, z in along.items() if np.isfinite(z)}
        out.append((known, (why,) if strange else ()))
    return out


def _parts(
    chat: ChatModel, texts: Sequence[Rendered], n: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids before each answer and of it, as the model would have drawn it: the tokens that end
    it are no part."""
    prompts: list[list[int]] = [[] for _ in range(n)]
    answers: list[list[int]] = [[] for _ in range(n)]
    for row, place in zip(*encoded(chat.tokenizer, texts), strict=True):
        for number in np.unique(place[place >= 0]):
            at = np.flatnonzero(place == number)
            prompts[number], answers[number] = row[: at[0]], row[at[0] : at[-1] + 1]
            while answers[number] and answers[number][-1] in chat.stops:
                answers[number].pop()
    return prompts, answers


def _beliefs(
    chat: ChatModel, ground: Ground, talk: Conversation, say: Callable[[str], None]
) -> list[Turn]:
    """What each answer says of who speaks, by the reference's likelihoods.

    As many of the last answers are read as the study's readings were fitted to: after three, the
    last two where they know one, two and four.
    """
    note, words = ground.study.talk_note, answers_of(talk)
    if not ground.readings or note is None:
        return [Turn(w, {}) for w in words]
    playing = as_played(ground.study)
    messages: list[Message] = list(talk.messages)
    say(f"asking {len(note.headers)} personas how likely they find {len(words)} answers")
    per_token = read_likelihoods(chat, playing, note.headers, [messages], say, afresh=note.afresh)[
        0
    ]
    out = []
    for k, text in enumerate(words, 1):
        answers = max((n for n in ground.readings if n <= k), default=0)
        heard = per_token[:, k - answers : k].astype(np.float64)
        if not answers or not np.isfinite(heard).all():
            why = "beyond the model's context under some persona: no belief"
            out.append(Turn(text, {}, notes=(why,) if answers else ()))
            continue
        reading = ground.readings[answers]
        mass = softmax(reading.scores(evidence_of(heard)))[0]
        belief = dict(zip(reading.families, map(float, mass), strict=True))
        out.append(Turn(text, {}, answers, belief))
    return out
