"""The model plays the whole cast: prompts -> answers -> pooled `resid_post` -> means.

Activations are reduced block by block of personas (`engine.blocks`), so memory stays that of a few
personas whatever the size of the cast; only the headline layer's single responses are kept, for
their scalars.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.answers import SMALL, answers_of, small, texts_read, told_of
from psm_viz.engine.blocks import Block, Keeping, blocks_of, read_block, write_block
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.pace import Pace, Say, named, quiet
from psm_viz.engine.played import Asked, Played, put_together, weights_among
from psm_viz.engine.playing import Playing
from psm_viz.errors import BadInput
from psm_viz.processes import time_left
from psm_viz.stats.axis_scale import axis_scale
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study import columns as col
from psm_viz.study.activations import PersonaVectors
from psm_viz.study.cast import Cast, Question, among, family_weights
from psm_viz.study.columns import axis_column, norm_column


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
    instead of played; None where others play a share of the blocks. An empty answer is left out,
    and so is who gives no other. Raises BadInput for a layer that is not read, and NotFinite where
    the model gives no numbers.
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
    if len(done) < len(every) or keeping.shard[1] > 1:
        return None

    def again(rows: range, left_out: tuple[str, ...]) -> Block:
        others = replace(playing, left_out=left_out)
        with told_of(checkpoint):
            block = play_block(chat, others, questions, rows, wanted, headline_layer, told.within)
        if folder := keeping.place(rows):
            write_block(block, folder, anew=True)
        return block

    ids = tuple(q.id for q in questions)
    asked_of = Asked(checkpoint, ids, playing.poolings, wanted, headline_layer)
    return put_together(done, every, again, playing.cast, playing.left_out, asked_of)


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
    cast, at = playing.cast, list(layers).index(headline)
    weights = [*weights_among(cast, playing.left_out or ()), 1.0]  # the Assistant's are its own
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
    share, used = np.zeros((len(questions), *pooled.shape[1:])), np.zeros(len(rows))
    for i in rows:
        own = frame[col.PERSONA].to_numpy() == cast.all[i].id
        q_index = frame.loc[own, "q"].tolist()
        means = by_question(pooled[own], q_index, len(questions))
        persona.append(means.mean(0))
        question.append(means[:, :, at])
        if np.isfinite(means).all():
            fold.append(mean_by_group(means[:, :, at], folds, max(folds) + 1))
            share += means * weights[i]
            used[i - rows.start] = weights[i]
        else:
            fold.append(np.full((max(folds) + 1, *means.shape[1:2], means.shape[3]), np.nan))
    return Block(
        frame.drop(columns="q"),
        np.array(persona, dtype=np.float32),
        np.array(fold, dtype=np.float32),
        np.array(question, dtype=np.float32),
        share,
        used,
        pooled[:, :, at],
    )


def by_question(
    pooled: np.ndarray, asked: Sequence[int], n: int
) -> Float[np.ndarray, "question pooling layer d_model"]:
    """One speaker's means, empty answers left out; a question to which all were empty has the mean
    of the others. NaN where it said nothing at all."""
    index = np.asarray(asked)
    said = {q for q in range(n) if np.isfinite(pooled[index == q]).any(axis=0).all()}
    if not said:
        return np.full((n, *pooled.shape[1:]), np.nan)
    heard = sorted(said)
    some = np.isin(index, heard)
    out = np.empty((n, *pooled.shape[1:]))
    out[heard] = mean_by_group(
        pooled[some], np.searchsorted(heard, index[some]).tolist(), len(heard)
    )
    out[[q for q in range(n) if q not in said]] = out[heard].mean(0)
    return out


def with_scalars(played: Played, reference: PersonaVectors, cast: Cast, layer: int) -> pd.DataFrame:
    """The responses with each one's projection on the reference's Assistant axis, in standard
    deviations of the cast along it, and its activation norm; stored small."""
    frame = played.responses.copy()
    weights = family_weights(among(cast, reference.ids))
    for p, pooling in enumerate(played.vectors.poolings):
        scale = axis_scale(reference.at(pooling, layer), weights)
        along = scale.of(played.single[:, p])
        # two decimals are finer than any sampling error here, and a quarter of the size on disk
        frame[axis_column(pooling)] = np.round(along, 2).astype(np.float32)
        norm = np.linalg.norm(played.single[:, p], axis=1)
        frame[norm_column(pooling)] = np.round(norm, 2).astype(np.float32)
    return small(frame, SMALL)
