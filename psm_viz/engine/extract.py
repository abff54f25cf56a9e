"""The model plays the whole cast: prompts -> answers -> pooled `resid_post` -> means.

Activations are reduced block by block of personas (`engine.blocks`), so memory stays that of a few
personas whatever the size of the cast; only the headline layer's single responses are kept, for
their scalars.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.answers import SMALL, answers_of, small, texts_read, told_of
from psm_viz.engine.blocks import Block, Keeping, blocks_of, read_block, write_block
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.pace import Pace, Say, named, quiet
from psm_viz.engine.playing import Playing
from psm_viz.errors import BadInput
from psm_viz.processes import time_left
from psm_viz.stats.axis_scale import axis_scale
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study import columns as col
from psm_viz.study.activations import (
    Activations,
    FoldVectors,
    PersonaVectors,
    QuestionVectors,
)
from psm_viz.study.cast import Cast, Question, family_weights
from psm_viz.study.columns import axis_column, norm_column


@dataclass(frozen=True)
class Played:
    """Everything one checkpoint gives to a study."""

    vectors: PersonaVectors
    folds: FoldVectors
    questions: QuestionVectors
    activations: Activations
    responses: pd.DataFrame
    single: Float[np.ndarray, "response pooling d_model"]


def play_cast(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    checkpoint: str,
    headline_layer: int,
    *,
    layers: Sequence[int] | None = None,
    say: Say = quiet,
    keeping: Keeping | None = None,
) -> Played | None:
    """Put every question to every persona and to the Assistant, and pool what the model does.

    `say` is told how far it is, how fast it goes and how long it takes. What is kept is read
    instead of played; None where blocks are wanting that others play. An empty answer is left out.
    Raises BadInput for a persona that answers no question, and NotFinite where the model gives no
    numbers.
    """
    wanted = tuple(range(chat.n_layers)) if layers is None else tuple(layers)
    if headline_layer not in wanted:
        raise BadInput(f"The headline layer {headline_layer} is not among layers {wanted}.")
    done, keeping = [], keeping or Keeping()
    every = list(blocks_of(playing.cast))
    told = _Speakers(named(say, checkpoint), every, keeping)
    for number, rows in enumerate(every):
        folder = keeping.place(rows)
        if folder is not None and folder.exists():
            done.append(read_block(folder))
        elif keeping.mine(number):
            asked = (chat, playing, questions, rows, wanted, headline_layer)
            with told_of(checkpoint):
                done.append(play_block(*asked, told.within))
            if folder is not None:
                write_block(done[-1], folder)
            told.played(rows, len(done[-1].frame))
    if len(done) < len(every):
        return None
    return _put_together(done, playing, questions, (wanted, headline_layer), checkpoint)


class _Speakers:
    """Says how many speakers of a checkpoint have answered, how fast that went, and how long those
    that are left here will take."""

    def __init__(self, say: Say, every: Sequence[range], keeping: Keeping):
        self._say, self._total = say, every[-1].stop
        mine = [rows for n, rows in enumerate(every) if keeping.mine(n)]
        places = [(rows, keeping.place(rows)) for rows in mine]
        self._left = sum(len(rows) for rows, at in places if at is None or not at.exists())
        self._began, self._done, self._answers = time.monotonic(), 0, 0

    def within(self, text: str) -> None:
        """What is said inside a block."""
        self._say(f"{text} (this block)")

    def played(self, rows: range, answers: int) -> None:
        """A block of speakers is done."""
        self._done += len(rows)
        self._answers += answers
        took = max(time.monotonic() - self._began, 1e-9)
        left = time_left(took / self._done * (self._left - self._done))
        rate = self._answers / took * 60
        self._say(f"{rows.stop} of {self._total} speakers, {rate:,.0f} answers a minute, {left}")


def play_block(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    rows: range,
    layers: Sequence[int],
    headline: int,
    say: Say = quiet,
) -> Block:
    """Some personas' answers, and the means of what they do."""
    cast, at, weights = playing.cast, list(layers).index(headline), family_weights(playing.cast)
    personas, folds = [cast.all[i] for i in rows], [q.fold for q in questions]
    said = answers_of(chat, playing, personas, questions, rows.start, say)
    frame = said.frame
    prompts, answers = texts_read(playing.poolings, said.prompts, said.of, said.answers)
    pace = Pace(say, "reading", len(prompts), "texts")
    who = list(frame[col.PERSONA]) if answers is not None else said.asked
    with told_of("persona", who):
        pooled = chat.pooled(prompts, answers, layers, poolings=playing.poolings, tick=pace)
    if answers is None:
        pooled = pooled[said.of]
    persona: list[np.ndarray] = []
    fold: list[np.ndarray] = []
    question: list[np.ndarray] = []
    share = np.zeros((len(questions), *pooled.shape[1:]))
    for i in rows:
        own = frame[col.PERSONA].to_numpy() == cast.all[i].id
        q_index = frame.loc[own, "q"].tolist()
        means = by_question(pooled[own], q_index, len(questions), cast.all[i].id)
        persona.append(means.mean(0))
        fold.append(mean_by_group(means[:, :, at], folds, max(folds) + 1))
        question.append(means[:, :, at])
        share += means * (weights[i] if i < len(weights) else 1.0)
    return Block(
        frame.drop(columns="q"),
        np.array(persona, dtype=np.float32),
        np.array(fold, dtype=np.float32),
        np.array(question, dtype=np.float32),
        share,
        pooled[:, :, at],
    )


def _put_together(
    blocks: Sequence[Block],
    playing: Playing,
    questions: Sequence[Question],
    layers: tuple[tuple[int, ...], int],
    checkpoint: str,
) -> Played:
    """What a study keeps of its blocks, of which the Assistant's is the last."""
    (every, headline), cast, poolings = layers, playing.cast, playing.poolings
    own = blocks[-1].share.astype(np.float32)
    others = np.sum([b.share for b in blocks[:-1]], axis=0).astype(np.float32)
    ids, asked = tuple(p.id for p in cast.all), tuple(q.id for q in questions)
    persona, fold, question = (
        np.concatenate([getattr(b, name) for b in blocks])
        for name in ("persona", "fold", "question")
    )
    return Played(
        PersonaVectors(persona, ids, poolings, every, checkpoint),
        FoldVectors(fold, poolings, headline, checkpoint),
        QuestionVectors(own, others, asked, poolings, every, checkpoint),
        Activations(question, poolings, headline),
        pd.concat([b.frame for b in blocks], ignore_index=True),
        np.concatenate([b.single for b in blocks]),
    )


def by_question(
    pooled: np.ndarray, asked: Sequence[int], n: int, who: str
) -> Float[np.ndarray, "question pooling layer d_model"]:
    """One speaker's means, empty answers left out; a question to which all were empty has the mean
    of the others. Raises BadInput where it said nothing at all."""
    index = np.asarray(asked)
    said = {q for q in range(n) if np.isfinite(pooled[index == q]).any(axis=0).all()}
    if not said:
        raise BadInput(f"Persona {who!r} answered no question.", "Leave it out of the cast.")
    heard = sorted(said)
    some = np.isin(index, heard)
    out = np.empty((n, *pooled.shape[1:]))
    out[heard] = mean_by_group(
        pooled[some], np.searchsorted(heard, index[some]).tolist(), len(heard)
    )
    out[[q for q in range(n) if q not in said]] = out[heard].mean(0)
    return out


def with_scalars(played: Played, reference: PersonaVectors, cast: Cast) -> pd.DataFrame:
    """The responses with each one's projection on the reference's Assistant axis, in standard
    deviations of the cast along it, and its activation norm; stored small."""
    frame = played.responses.copy()
    weights = family_weights(cast)
    for p, pooling in enumerate(played.vectors.poolings):
        scale = axis_scale(reference.at(pooling, played.folds.layer), weights)
        along = scale.of(played.single[:, p])
        # two decimals are finer than any sampling error here, and a quarter of the size on disk
        frame[axis_column(pooling)] = np.round(along, 2).astype(np.float32)
        norm = np.linalg.norm(played.single[:, p], axis=1)
        frame[norm_column(pooling)] = np.round(norm, 2).astype(np.float32)
    return small(frame, SMALL)
