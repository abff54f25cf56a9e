"""States of talks, read by the weights of a checkpoint and by the reference's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.pace import Say, quiet
from psm_viz.engine.talk_work import TalkWork
from psm_viz.engine.talks import Message, conversations, read_states, seat
from psm_viz.stats.belief import centre_of
from psm_viz.study import columns as col
from psm_viz.study.cast import ASSISTANT, Question
from psm_viz.study.talks import CAST, OWN, REFERENCE, TALK, States, TalkNote, Talks


@dataclass(frozen=True)
class Read:
    """What other checkpoints need of the reference's own talks: those of the cast that they read
    too, and the reference's states after them."""

    talks: list[list[Message]]
    lasts: list[Question]
    states: np.ndarray
    note: TalkNote


def of_reference(talks: Talks, work: TalkWork, note: TalkNote) -> Read:
    """The cast's first talks at the reference, as many as other checkpoints hold."""
    said = talks.said(CAST)
    wanted = {(p.persona, p.number) for p in work.first_of_reference()}

    def held(frame: pd.DataFrame) -> np.ndarray:
        each = zip(frame[col.PERSONA].astype(str), frame[TALK], strict=True)
        return np.array([(who, int(n)) in wanted for who, n in each])

    first = held(talks.speakers(CAST))
    some, lasts = conversations(said[held(said)], work.by_id)
    own = talks.states[CAST, OWN]
    states = np.stack([own.at(k, note.layer)[first] for k in note.turns], axis=1)
    return Read(some, lasts, states, note)


def start_states(chat: ChatModel, work: TalkWork, layers: Sequence[int]) -> np.ndarray:
    """States of the last questions without any talk before them: [last, layer, d_model]."""
    at = seat(work.playing.cast, work.playing.wording)
    empty: list[list[Message]] = [[] for _ in work.lasts]
    return read_states(chat, at, empty, work.lasts, [0], layers)[:, 0]


def states_elsewhere(
    chat: ChatModel,
    work: TalkWork,
    read: Read,
    held: tuple[list[list[Message]], list[Question], int],
    say: Callable[[str], None],
) -> tuple[dict[tuple[str, str], States], np.ndarray]:
    """States of talks by the weights that `chat` holds and by the reference's, and what those make
    of the reference's talks; of `held`, talks and their last questions, so many are the cast's."""
    note, (talks, lasts, n) = read.note, held
    at, layers = seat(work.playing.cast, work.playing.wording), [note.layer]
    moved, states = moved_by(chat, work, read, say), {}
    for by in (OWN, REFERENCE):
        if by == REFERENCE:
            chat.swap(Path(work.folders[work.reference]))
        own = read_states(chat, at, talks[n:], lasts[n:], note.turns, layers, say)
        states[ASSISTANT, by] = States(own, note.turns, (note.layer,))
        if n:
            cast = read_states(chat, at, talks[:n], lasts[:n], note.turns[-1:], layers, say)
            states[CAST, by] = States(cast, note.turns[-1:], (note.layer,))
    return states, moved


def moved_by(
    chat: ChatModel, work: TalkWork, read: Read, say: Say = quiet
) -> Float[np.ndarray, "last turn d_model"]:
    """How far the weights that `chat` holds move the states of the reference's own talks of the
    cast: mean after each last question."""
    note, at = read.note, seat(work.playing.cast, work.playing.wording)
    again = read_states(chat, at, read.talks, read.lasts, note.turns, [note.layer], say)[:, :, 0]
    return _mean_after(again - read.states, read.lasts, note)


def _mean_after(x: np.ndarray, lasts: Sequence[Question], note: TalkNote) -> np.ndarray:
    """Mean of rows [talk, turn, d_model] after each last question: [last, turn, d_model]."""
    number = np.array([note.lasts.index(q.id) for q in lasts])
    weight, n = np.ones(len(x)), len(note.lasts)
    return np.stack([centre_of(x[:, k], number, weight, n) for k in range(x.shape[1])], axis=1)
