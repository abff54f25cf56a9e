"""The model plays the whole cast: prompts -> answers -> pooled `resid_post` -> means.

Activations are reduced block by block of personas (`engine.blocks`), so memory stays that of a few
personas whatever the size of the cast; only the headline layer's single responses are kept, for
their scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.blocks import Block, Keeping, blocks_of, read_block, write_block
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadInput, NotFinite
from psm_viz.stats.axis_scale import axis_scale
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study import columns as col
from psm_viz.study.activations import (
    POOLINGS,
    Activations,
    FoldVectors,
    PersonaVectors,
    QuestionVectors,
)
from psm_viz.study.cast import ASSISTANT, Cast, Persona, Question, family_weights
from psm_viz.study.columns import axis_column, norm_column
from psm_viz.study.judging import Judge, Judgement

SMALL = {col.VARIANT: np.int8, col.SAMPLE: np.int8, col.TOKENS: np.int16}
"""Numbers of responses.parquet, as small as they go."""


@dataclass(frozen=True)
class Played:
    """Everything one checkpoint gives to a study."""

    vectors: PersonaVectors
    folds: FoldVectors
    questions: QuestionVectors
    activations: Activations
    responses: pd.DataFrame
    single: Float[np.ndarray, "response pooling d_model"]


@dataclass(frozen=True)
class Playing:
    """How a cast is played: what stays the same from checkpoint to checkpoint. Made of plain
    values, so that it can be sent to another process."""

    cast: Cast
    sampling: Sampling
    wording: str = "prose"
    """Which of a persona's texts is its instruction: `prose` (role files), or `instructions`
    (headers that the small model knows)."""
    judge: Judge | None = None
    """Judges each answer, where somebody can."""
    measure: Callable[[ChatModel, Sampling], pd.DataFrame] | None = None
    """Measures the Assistant's conduct at a checkpoint: the frame of behaviour.parquet."""
    side_by_side: bool = False
    """Whether the model is so small that several checkpoints are better played at once."""
    in_turn: bool = False
    """Whether each question is asked under one of a persona's instructions, dealt round, instead of
    under all of them; the Assistant is always asked under all."""


def play_cast(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    checkpoint: str,
    headline_layer: int,
    *,
    layers: Sequence[int] | None = None,
    tick: Callable[[int, int], None] = lambda done, total: None,
    keeping: Keeping | None = None,
) -> Played | None:
    """Put every question to every persona and to the Assistant, and pool what the model does.

    `tick` gets personas done and in all. What is kept is read instead of played; None where blocks
    are wanting that others play. An empty answer is left out. Raises BadInput for a persona that
    answers no question, and NotFinite where the model gives no numbers.
    """
    wanted = tuple(range(chat.n_layers)) if layers is None else tuple(layers)
    if headline_layer not in wanted:
        raise BadInput(f"The headline layer {headline_layer} is not among layers {wanted}.")
    total, done, keeping = len(playing.cast.all), [], keeping or Keeping()
    every = list(blocks_of(playing.cast))
    for number, rows in enumerate(every):
        folder = keeping.place(rows)
        if folder is not None and folder.exists():
            done.append(read_block(folder))
        elif keeping.mine(number):
            with told_of(checkpoint):
                done.append(play_block(chat, playing, questions, rows, wanted, headline_layer))
            if folder is not None:
                write_block(done[-1], folder)
        tick(rows[-1] + 1, total)
    if len(done) < len(every):
        return None
    return _put_together(done, playing.cast, questions, (wanted, headline_layer), checkpoint)


def play_block(
    chat: ChatModel,
    playing: Playing,
    questions: Sequence[Question],
    rows: range,
    layers: Sequence[int],
    headline: int,
) -> Block:
    """Some personas' answers, and the means of what they do."""
    cast, at, weights = playing.cast, list(layers).index(headline), family_weights(playing.cast)
    personas, folds = [cast.all[i] for i in rows], [q.fold for q in questions]
    frame, prompts, answers = _answers(chat, playing, personas, questions, rows.start)
    with told_of("persona", list(frame[col.PERSONA])):
        pooled = chat.pooled(prompts, answers, layers)
    persona: list[np.ndarray] = []
    fold: list[np.ndarray] = []
    question: list[np.ndarray] = []
    share = np.zeros((len(questions), *pooled.shape[1:]))
    for i in rows:
        own = frame[col.PERSONA].to_numpy() == cast.all[i].id
        q_index = frame.loc[own, "q"].tolist()
        means = _by_question(pooled[own], q_index, len(questions), cast.all[i].id)
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
    cast: Cast,
    questions: Sequence[Question],
    layers: tuple[tuple[int, ...], int],
    checkpoint: str,
) -> Played:
    """What a study keeps of its blocks, of which the Assistant's is the last."""
    every, headline = layers
    own = blocks[-1].share.astype(np.float32)
    others = np.sum([b.share for b in blocks[:-1]], axis=0).astype(np.float32)
    ids, asked = tuple(p.id for p in cast.all), tuple(q.id for q in questions)
    persona, fold, question = (
        np.concatenate([getattr(b, name) for b in blocks])
        for name in ("persona", "fold", "question")
    )
    return Played(
        PersonaVectors(persona, ids, POOLINGS, every, checkpoint),
        FoldVectors(fold, POOLINGS, headline, checkpoint),
        QuestionVectors(own, others, asked, POOLINGS, every, checkpoint),
        Activations(question, POOLINGS, headline),
        pd.concat([b.frame for b in blocks], ignore_index=True),
        np.concatenate([b.single for b in blocks]),
    )


def ask_assistant(chat: ChatModel, playing: Playing, questions: Sequence[Question]) -> pd.DataFrame:
    """The Assistant's own answers to every question, without activations: what a checkpoint between
    the ends of its branch says."""
    found = _answers(chat, playing, [playing.cast.assistant], questions, len(playing.cast.personas))
    return small(found[0].drop(columns="q"), SMALL)


def _by_question(
    pooled: np.ndarray, asked: Sequence[int], n: int, who: str
) -> Float[np.ndarray, "question pooling layer d_model"]:
    """One persona's means, empty answers left out; a question to which all were empty has the mean
    of the others. Raises BadInput where the persona said nothing at all."""
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


def _answers(
    chat: ChatModel,
    playing: Playing,
    personas: Sequence[Persona],
    questions: Sequence[Question],
    salt: int,
) -> tuple[pd.DataFrame, list[list[int]], list[list[int]]]:
    """Draw the answers of some personas: tidy frame, and prompt and answer ids row by row."""
    keys, texts = [], []
    for p in personas:
        wordings = getattr(p, playing.wording)
        dealt = playing.in_turn and p.id != ASSISTANT
        for variant, instruction in enumerate(wordings):
            for q_index, q in enumerate(questions):
                if dealt and q_index % len(wordings) != variant:
                    continue
                keys.append((p.id, q, q_index, variant))
                texts.append(chat.prompts.one(p, instruction, q.text))
    prompts = chat.encode(texts)
    # each group of personas draws from a seed of its own, so a resumed run draws the same
    with told_of("persona", [key[0] for key in keys]):
        drawn = chat.sample(prompts, _salted(playing.sampling, salt))
    rows, long_prompts, answers = [], [], []
    for (persona_id, q, q_index, variant), prompt, samples in zip(
        keys, prompts, drawn, strict=True
    ):
        for k, ids in enumerate(samples):
            text = chat.tokenizer.decode(ids, skip_special_tokens=True).strip()
            judged = playing.judge(q.topic, text) if playing.judge else Judgement()
            rows.append(
                {
                    col.PERSONA: persona_id,
                    col.QUESTION: q.id,
                    "q": q_index,
                    col.VARIANT: variant,
                    col.SAMPLE: k,
                    col.TEXT: text,
                    col.TOKENS: len(ids),
                    col.VALENCE: judged.valence,
                    col.TONE: judged.tone,
                }
            )
            long_prompts.append(prompt)
            answers.append(ids)
    return pd.DataFrame(rows), long_prompts, answers


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


def with_scalars(played: Played, reference: PersonaVectors, cast: Cast) -> pd.DataFrame:
    """The responses with each one's projection on the reference's Assistant axis, in standard
    deviations of the cast along it, and its activation norm; stored small."""
    frame = played.responses.copy()
    weights = family_weights(cast)
    for p, pooling in enumerate(POOLINGS):
        scale = axis_scale(reference.at(pooling, played.folds.layer), weights)
        along = scale.of(played.single[:, p])
        # two decimals are finer than any sampling error here, and a quarter of the size on disk
        frame[axis_column(pooling)] = np.round(along, 2).astype(np.float32)
        norm = np.linalg.norm(played.single[:, p], axis=1)
        frame[norm_column(pooling)] = np.round(norm, 2).astype(np.float32)
    return small(frame, SMALL)


def small(frame: pd.DataFrame, numbers: Mapping[str, type]) -> pd.DataFrame:
    """Answers as they are stored: text as categories, and `numbers` in those types."""
    text = [c for c in frame.columns if frame[c].dtype == object or frame[c].dtype == "str"]
    return frame.astype(dict.fromkeys(text, "category") | dict(numbers))
