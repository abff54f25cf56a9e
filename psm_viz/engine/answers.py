"""What speakers answer: drawn, judged, and kept with the ids that it was drawn as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.pace import Pace, Say, quiet
from psm_viz.engine.playing import Answers, Asking, Playing, askings
from psm_viz.engine.prompts import Words
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import NotFinite
from psm_viz.study import columns as col
from psm_viz.study.activations import RESPONSE
from psm_viz.study.cast import Persona, Question
from psm_viz.study.judging import Judgement

SMALL = {col.VARIANT: np.int8, col.SAMPLE: np.int8, col.TOKENS: np.int16}
"""Numbers of responses.parquet, and the smallest type of each."""


@dataclass(frozen=True)
class Said:
    """What some speakers answered, an answer a row."""

    frame: pd.DataFrame
    """Columns of responses.parquet, and `q`, the question's place."""
    prompts: list[list[int]]
    """list[int] of each prompt."""
    asked: list[str]
    """Whom each prompt asks."""
    of: list[int]
    """Row -> its prompt."""
    answers: list[list[int]]
    """Row -> ids of its answer."""


def texts_read(
    poolings: Sequence[str],
    prompts: Sequence[list[int]],
    of: Sequence[int],
    answers: Sequence[list[int]],
) -> tuple[Sequence[list[int]], Sequence[list[int]] | None]:
    """Prompts and answers that have to be read for these poolings, answer by answer; where no
    answer has to be, each prompt once, since its last token is the same for all its answers."""
    if RESPONSE in poolings:
        return [prompts[k] for k in of], answers
    return prompts, None


def ask_assistant(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    say: Say = quiet,
) -> pd.DataFrame:
    """The Assistant's own answers to every question, without activations: what a checkpoint between
    the ends of its branch says."""
    salt = len(playing.cast.personas)
    found = answers_of(chat, playing, [playing.cast.assistant], questions, salt, say)
    return small(found.frame.drop(columns="q"), SMALL)


def answers_of(
    chat: ChatModel,
    playing: Playing,
    personas: Sequence[Persona],
    questions: Sequence[Question],
    salt: int,
    say: Say,
) -> Said:
    """The answers of some personas: those that are given, else drawn."""
    asked = list(askings(playing, personas, questions))
    prompts = chat.encode([a.prompt(chat.prompts) for a in asked])
    if playing.given is not None:
        made = given_ids(chat.words, playing.given, asked)
    else:
        pace = Pace(say, "drawing answers", len(prompts), "prompts")
        # each group of personas draws from a seed of its own, so a resumed run draws the same
        with told_of("persona", [a.persona.id for a in asked]):
            made = chat.sample(prompts, _salted(playing.sampling, salt), tick=pace)
    rows, of, answers = [], [], []
    for n, (one, samples) in enumerate(zip(asked, made, strict=True)):
        for k, ids in enumerate(samples):
            text = chat.tokenizer.decode(ids, skip_special_tokens=True).strip()
            if playing.given is not None:
                text = playing.given[one.key][k]
            judged = playing.judge(one.question.topic, text) if playing.judge else Judgement()
            rows.append(
                {
                    col.PERSONA: one.persona.id,
                    col.QUESTION: one.question.id,
                    "q": one.number,
                    col.VARIANT: one.variant,
                    col.SAMPLE: k,
                    col.TEXT: text,
                    col.TOKENS: len(ids),
                    col.VALENCE: judged.valence,
                    col.TONE: judged.tone,
                }
            )
            of.append(n)
            answers.append(ids)
    return Said(pd.DataFrame(rows), prompts, [a.persona.id for a in asked], of, answers)


def given_ids(words: Words, given: Answers, asked: Sequence[Asking]) -> list[list[list[int]]]:
    """Ids of given answers, for each asking: as the template writes them after a prompt; none of an
    empty one, which is no answer whatever the template leads it in with."""
    texts = [words.prompts.lead + t for one in asked for t in given[one.key] if t.strip()]
    ids = iter(words.encode(texts))
    return [[next(ids) if t.strip() else [] for t in given[one.key]] for one in asked]


@contextmanager
def told_of(what: str, rows: Sequence[str] = ()) -> Iterator[None]:
    """Inside, a model that gives no numbers is told of with the name of what it was asked for: of
    `rows`, the one of the prompt."""
    try:
        yield
    except NotFinite as e:
        name = f"{what} {rows[e.row]!r}" if len(rows) else what
        raise NotFinite(f"{name}: {e.problem}", e.next_step, e.row) from e


def _salted(sampling: Sampling, salt: int) -> Sampling:
    return replace(sampling, seed=sampling.seed * 10_007 + salt)


def small(frame: pd.DataFrame, numbers: Mapping[str, type]) -> pd.DataFrame:
    """Answers as they are stored: text as categories, and `numbers` in those types, or in the
    smallest that hold their greatest."""
    text = [c for c in frame.columns if frame[c].dtype == object or frame[c].dtype == "str"]
    held = {name: holds(frame[name].to_numpy(), least) for name, least in numbers.items()}
    return frame.astype(dict.fromkeys(text, "category") | held)


def holds(values: np.ndarray, least: type) -> np.dtype:
    """The smallest signed type, no smaller than `least`, that holds these numbers from 0 on: a
    type that does not would turn them into others without a word."""
    if not len(values):
        return np.dtype(least)
    return np.promote_types(least, np.min_scalar_type(-1 - int(values.max())))
