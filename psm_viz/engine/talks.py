"""Talks held: planned, answered turn by turn, put into the Assistant's seat, and read.

The plan is the same at every checkpoint, so that talks can be paired by their questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.answer_likelihood import ask
from psm_viz.engine.answers import told_of
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.kept import NOTHING, Kept
from psm_viz.engine.pace import Pace, Say, quiet
from psm_viz.engine.playing import Playing
from psm_viz.engine.prompts import Prompts
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadInput
from psm_viz.study import columns as col
from psm_viz.study.activations import PROMPT
from psm_viz.study.cast import ASSISTANT, Cast, Persona, Question
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.judging import Judgement
from psm_viz.study.manifest import MAIN
from psm_viz.study.talks import LAST, TALK, TURN

ANSWERS = (1, 2, 4)
"""After how many answers states are read; fewer where there are fewer topics."""
Message = dict[str, str]
"""Role and content of one turn, as chat templates take them."""


@dataclass(frozen=True)
class TalkSettings:
    """How many talks are held, and how they are asked about."""

    assistant: int = 192
    """Talks of the Assistant at every checkpoint."""
    per_persona: int = 8
    """Talks of each persona at the reference, where readings are fitted."""
    elsewhere: int = 1
    """Talks of each persona at every other checkpoint."""
    people: tuple[str, ...] = ()
    """Ids of the personas who talk there; none: all of them."""
    lasts: int = 16
    """Most questions that talks end in."""
    headers: int = 2
    """Personas of each family that are asked how likely an answer is."""
    seed: int = 0
    states: bool = True
    """Whether states are read at other checkpoints than the reference; they need not be where they
    do not tell who speaks, and take half the time there and nearly all the room."""
    afresh: bool = False
    """Whether each question of a talk is put by itself, and each answer read by itself: a small
    chat model that sees its earlier answers says them over again."""


@dataclass(frozen=True)
class Planned:
    """One talk before it is held."""

    persona: str
    number: int
    """Its number among the talks of its speaker."""
    asked: tuple[Question, ...]
    last: Question
    before: tuple[Message, ...] = ()
    """What stands in the context before the talk: its speaker has it, no reader is shown it."""
    afresh: bool = False
    """Whether each question is put without what was said before it."""


def turns_of(questions: Sequence[Question]) -> tuple[int, ...]:
    """After how many answers states can be read: a talk's questions are of different topics.

    Raises BadInput where two questions of different topics are not to be had.
    """
    topics = len({_unit(q, questions) for q in questions})
    if topics < 2:
        raise BadInput(
            f"A talk needs two questions at least, found {topics}.",
            "Ask more questions (questions.jsonl).",
        )
    return tuple(k for k in ANSWERS if k < topics)


def check_talkable(cast: Cast, questions: Sequence[Question]) -> None:
    """Raise BadInput, before anything is played, where talks could not tell who speaks."""
    turns_of([q for q in questions if q.set == MAIN])
    size = Counter(p.family for p in cast.personas)
    known = [f for f, n in size.items() if n > 1]
    if len(known) < 2:
        raise BadInput(
            f"Talks tell families of at least two personas apart, and the cast has {len(known)}.",
            "Give the personas' families in the cast (cast.json, key family).",
        )


def _unit(question: Question, questions: Sequence[Question]) -> str:
    """A question's topic, or itself where there are too few topics to fill a talk with."""
    few = len({q.topic for q in questions}) <= max(ANSWERS)
    return question.id if few else question.topic


def last_questions(questions: Sequence[Question], most: int) -> tuple[Question, ...]:
    """The questions that talks end in: the first of each topic in turn, then the second, so that
    topics are as balanced as can be."""
    seen: dict[str, int] = {}
    rank = []
    for n, q in enumerate(questions):
        unit = _unit(q, questions)
        seen[unit] = seen.get(unit, 0) + 1
        rank.append((seen[unit], n))
    if len(seen) >= most:
        rank = [r for r in rank if r[0] == 1]
    return tuple(questions[n] for _, n in sorted(rank)[:most])


def plan_talks(
    speakers: Sequence[str],
    per_speaker: int,
    questions: Sequence[Question],
    lasts: Sequence[Question],
    seed: int,
    afresh: bool = False,
) -> list[Planned]:
    """The talks of some speakers, each talk drawn from numbers of its own: fewer talks a speaker
    are the first of more. Last questions are dealt round."""
    answers = max(turns_of(questions))
    units: dict[str, list[Question]] = {}
    for q in questions:
        units.setdefault(_unit(q, questions), []).append(q)
    out = []
    for s, speaker in enumerate(speakers):
        for n in range(per_speaker):
            rng = np.random.default_rng([seed, 47, s, n])
            last = lasts[(s * 5 + n) % len(lasts)]
            others = sorted(u for u in units if u != _unit(last, [*questions, last]))
            chosen = rng.choice(len(others), answers, replace=False)
            pools = [units[others[int(k)]] for k in chosen]
            asked = tuple(pool[int(rng.integers(len(pool)))] for pool in pools)
            out.append(Planned(speaker, n, asked, last, afresh=afresh))
    return out


def hold(
    chat: ChatModel, playing: Playing, plan: Sequence[Planned], say: Callable[[str], None]
) -> pd.DataFrame:
    """Draw the answers of planned talks, turn by turn: the frame of talks.parquet.

    A persona talks under its instructions in turn; the Assistant under its first, which is the
    seat. Talks of which an answer came out empty are not in the frame. `say` is told how far it is.
    """
    said: list[list[Message]] = [list(p.before) for p in plan]
    rows = []
    turns = len(plan[0].asked)
    for turn in range(turns):
        texts = put(chat.prompts, playing, plan, said, turn)
        pace = Pace(say, f"turn {turn + 1} of {turns}", len(texts), "talks")
        with told_of("persona", [talk.persona for talk in plan]):
            drawn = chat.sample(chat.encode(texts), _of_turn(playing.sampling, turn), tick=pace)
        for talk, messages, (ids,) in zip(plan, said, drawn, strict=True):
            text = chat.tokenizer.decode(ids, skip_special_tokens=True).strip()
            messages.append({"role": "assistant", "content": text or "..."})
            question = talk.asked[turn]
            found = playing.judge(question.topic, text) if playing.judge else Judgement()
            rows.append(
                {
                    col.PERSONA: talk.persona,
                    TALK: talk.number,
                    TURN: turn,
                    col.QUESTION: question.id,
                    LAST: talk.last.id,
                    col.TEXT: text,
                    col.TOKENS: len(ids),
                    col.VALENCE: found.valence,
                    col.TONE: found.tone,
                }
            )
        say(f"turn {turn + 1} of {turns} held")
    frame = pd.DataFrame(rows)
    order = {(p.persona, p.number): n for n, p in enumerate(plan)}
    place = [order[key] for key in zip(frame[col.PERSONA], frame[TALK], strict=True)]
    frame = frame.assign(place=place).sort_values(["place", TURN], kind="stable")
    whole = frame.groupby("place")[col.TEXT].transform(lambda t: bool((t != "").all()))
    return frame[whole].drop(columns="place").reset_index(drop=True)


def put(
    prompts: Prompts,
    playing: Playing,
    plan: Sequence[Planned],
    said: Sequence[list[Message]],
    turn: int,
) -> list[str]:
    """Add each talk's question of this turn to what was said, and return the texts that the model
    is asked with."""
    texts = []
    for talk, messages in zip(plan, said, strict=True):
        messages.append({"role": "user", "content": talk.asked[turn].text})
        heard = [*talk.before, messages[-1]] if talk.afresh else messages
        texts.append(prompts.talk(*_told(playing, talk), heard))
    return texts


def _told(playing: Playing, talk: Planned) -> tuple[Persona, str]:
    """Who speaks in a talk, and under which of its instructions."""
    if talk.persona == ASSISTANT:
        return seat(playing.cast, playing.wording)
    persona = playing.cast.persona(talk.persona)
    texts = getattr(persona, playing.wording)
    return persona, texts[talk.number % len(texts)]


def seat(cast: Cast, wording: str) -> tuple[Persona, str]:
    """The Assistant's seat: its label, and the first of its instructions, which says nothing."""
    return cast.assistant, getattr(cast.assistant, wording)[0]


def _of_turn(sampling: Sampling, turn: int) -> Sampling:
    return replace(sampling, samples=1, seed=sampling.seed * 10_007 + 5_003 + turn)


def conversations(
    frame: pd.DataFrame, questions: dict[str, Question]
) -> tuple[list[list[Message]], list[Question]]:
    """The messages of every talk of a frame, in order, and the question that each ends in."""
    talks, lasts = [], []
    for _, own in frame.groupby([col.PERSONA, TALK], sort=False, observed=True):
        messages: list[Message] = []
        for question, text in zip(own[col.QUESTION], own[col.TEXT], strict=True):
            messages.append({"role": "user", "content": questions[str(question)].text})
            messages.append({"role": "assistant", "content": str(text)})
        talks.append(messages)
        lasts.append(questions[str(own[LAST].iloc[0])])
    return talks, lasts


def read_states(
    chat: ChatModel,
    at: tuple[Persona, str],
    talks: Sequence[list[Message]],
    lasts: Sequence[Question],
    turns: Sequence[int],
    layers: Sequence[int],
    say: Say = quiet,
) -> Float[np.ndarray, "talk turn layer d_model"]:
    """`resid_post` at the last prompt token of each talk's last question, after so many of its
    answers, every talk in the same seat `at`."""
    out = np.empty((len(talks), len(turns), len(layers), chat.d_model), np.float32)
    pace = Pace(say, "reading talks", len(talks) * len(turns), "texts")
    for k, n in enumerate(turns):
        ids = chat.encode(state_texts(chat.prompts, at, talks, lasts, n))
        out[:, k] = chat.pooled(ids, None, layers, poolings=(PROMPT,), tick=pace)[:, 0]
    return out


def state_texts(
    prompts: Prompts,
    at: tuple[Persona, str],
    talks: Sequence[list[Message]],
    lasts: Sequence[Question],
    n: int,
) -> list[str]:
    """What is read of each talk after `n` of its answers: these, and the question it ends in."""
    return [
        prompts.talk(*at, [*talk[: 2 * n], {"role": "user", "content": q.text}])
        for talk, q in zip(talks, lasts, strict=True)
    ]


def read_likelihoods(
    chat: ChatModel,
    playing: Playing,
    headers: Sequence[str],
    talks: Sequence[list[Message]],
    say: Callable[[str], None],
    kept: Kept = NOTHING,
    *,
    afresh: bool = False,
) -> tuple[Float[np.ndarray, "talk answer header"], Float[np.ndarray, "talk answer"]]:
    """log p of every answer, nats per token: under each persona's instruction, and in the seat;
    `afresh`: after its own question alone.

    NaN for an answer that ends beyond the model's context.
    """
    asked = asked_likelihoods(playing, headers)
    lines = lines_read(talks, afresh)
    found, _ = ask(chat, asked, playing.wording, lines, say, in_turn=playing.in_turn, kept=kept)
    per_token = (found.log_p / np.maximum(found.tokens, 1)).astype(np.float32)
    by = per_token.reshape(len(asked), len(talks), -1)
    return np.moveaxis(by[:-1], 0, 2), by[-1]


def lines_read(talks: Sequence[list[Message]], afresh: bool) -> list[Conversation]:
    """What is read to ask how likely the answers of talks are: these; `afresh`, each exchange."""
    read = [part for talk in talks for part in exchanges(talk)] if afresh else talks
    return [Conversation(n, tuple(part)) for n, part in enumerate(read, 1)]


def exchanges(messages: Sequence[Message]) -> list[list[Message]]:
    """Each answer of a talk with what was asked right before it."""
    out: list[list[Message]] = [[]]
    for m in messages:
        out[-1].append(m)
        if m["role"] == ASSISTANT:
            out.append([])
    return out[:-1]


def asked_likelihoods(playing: Playing, headers: Sequence[str]) -> list[Persona]:
    """Who is asked how likely an answer is: these personas, and the Assistant in its seat."""
    assistant, text = seat(playing.cast, playing.wording)
    people = [playing.cast.persona(h) for h in headers]
    return [*people, replace(assistant, **{playing.wording: (text,)})]


def chosen_headers(cast: Cast, per_family: int, seed: int) -> tuple[str, ...]:
    """Who is asked how likely an answer is: so many of each family, drawn once."""
    out = []
    for n, family in enumerate(cast.families):
        own = [p.id for p in cast.personas if p.family == family.id]
        rng = np.random.default_rng([seed, 53, n])
        chosen = rng.permutation(len(own))[:per_family]
        out += [own[int(k)] for k in sorted(chosen)]
    return tuple(out)
