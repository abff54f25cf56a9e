"""The model plays the whole cast: prompts -> answers -> pooled `resid_post` -> means.

Activations are reduced persona by persona, so memory stays that of a few personas whatever the
size of the cast; only the headline layer's single responses are kept, for their scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.sampling import Sampling
from psm_viz.errors import BadInput
from psm_viz.stats.drift import spread_along
from psm_viz.stats.vectors import assistant_axis, cast_mean, mean_by_group, project
from psm_viz.study import columns as col
from psm_viz.study.activations import (
    POOLINGS,
    Activations,
    FoldVectors,
    PersonaVectors,
    QuestionVectors,
)
from psm_viz.study.cast import Cast, Persona, Question, family_weights
from psm_viz.study.columns import axis_column, norm_column
from psm_viz.world.grammar import World

PERSONAS_AT_ONCE = 50


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
    cast: Cast,
    questions: Sequence[Question],
    sampling: Sampling,
    checkpoint: str,
    *,
    headline_layer: int,
    wording: str = "instructions",
    world: World | None = None,
    layers: Sequence[int] | None = None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Played:
    """Put every question to every persona and to the Assistant, and pool what the model does.

    `wording` names the persona texts used: `instructions` (headers the small model knows) or
    `prose` (role files, for other models). With a `world`, answers are read back as good, bad or
    neutral. `tick` gets personas done and in all. Raises BadInput when a persona's every answer
    to some question is empty.
    """
    wanted = tuple(range(chat.n_layers)) if layers is None else tuple(layers)
    if headline_layer not in wanted:
        raise BadInput(f"The headline layer {headline_layer} is not among layers {wanted}.")
    at = wanted.index(headline_layer)
    n, n_folds = len(cast.all), max(q.fold for q in questions) + 1
    shape = (len(POOLINGS), len(wanted), chat.d_model)
    weights = family_weights(cast)
    means = np.zeros((n, *shape), np.float32)
    folds = np.zeros((n, n_folds, len(POOLINGS), chat.d_model), np.float32)
    by_question = np.zeros((n, len(questions), len(POOLINGS), chat.d_model), np.float32)
    cast_q = np.zeros((len(questions), *shape))
    assistant_q = np.zeros((len(questions), *shape))
    frames, single = [], []
    for start in range(0, n, PERSONAS_AT_ONCE):
        rows = range(start, min(start + PERSONAS_AT_ONCE, n))
        frame, prompts, answers = _answers(
            chat, [cast.all[i] for i in rows], questions, sampling, wording, world, start
        )
        pooled = chat.pooled(prompts, answers, wanted)
        frames.append(frame)
        single.append(pooled[:, :, at])
        for i in rows:
            own = frame[col.PERSONA].to_numpy() == cast.all[i].id
            q_index = frame.loc[own, "q"].tolist()
            q_mean = mean_by_group(pooled[own], q_index, len(questions))
            means[i] = q_mean.mean(0)
            folds[i] = mean_by_group(q_mean[:, :, at], [q.fold for q in questions], n_folds)
            by_question[i] = q_mean[:, :, at]
            if i < n - 1:
                cast_q += weights[i] * q_mean
            else:
                assistant_q[:] = q_mean
        tick(rows[-1] + 1, n)
    ids = tuple(p.id for p in cast.all)
    q_ids = tuple(q.id for q in questions)
    return Played(
        PersonaVectors(means, ids, POOLINGS, wanted, checkpoint),
        FoldVectors(folds, POOLINGS, headline_layer, checkpoint),
        QuestionVectors(
            assistant_q.astype(np.float32),
            cast_q.astype(np.float32),
            q_ids,
            POOLINGS,
            wanted,
            checkpoint,
        ),
        Activations(by_question, POOLINGS, headline_layer),
        pd.concat(frames, ignore_index=True).drop(columns="q"),
        np.concatenate(single),
    )


def _answers(
    chat: ChatModel,
    personas: Sequence[Persona],
    questions: Sequence[Question],
    sampling: Sampling,
    wording: str,
    world: World | None,
    salt: int,
) -> tuple[pd.DataFrame, list[list[int]], list[list[int]]]:
    """Draw the answers of some personas: tidy frame, and prompt and answer ids row by row."""
    keys, texts = [], []
    for p in personas:
        for variant, instruction in enumerate(getattr(p, wording)):
            for q_index, q in enumerate(questions):
                keys.append((p.id, q, q_index, variant))
                texts.append(chat.render(p, instruction, q.text))
    prompts = chat.encode(texts)
    # each group of personas draws from a seed of its own, so a resumed run draws the same
    drawn = chat.sample(prompts, _salted(sampling, salt))
    rows, long_prompts, answers = [], [], []
    for (persona_id, q, q_index, variant), prompt, samples in zip(
        keys, prompts, drawn, strict=True
    ):
        for k, ids in enumerate(samples):
            text = chat.tokenizer.decode(ids, skip_special_tokens=True).strip()
            read = world.read(q.topic, text) if world else None
            known = read[0] if read else None
            rows.append(
                {
                    col.PERSONA: persona_id,
                    col.QUESTION: q.id,
                    "q": q_index,
                    col.VARIANT: variant,
                    col.SAMPLE: k,
                    col.TEXT: text,
                    col.TOKENS: len(ids),
                    col.VALENCE: known.valence if known else "none",
                    col.TONE: known.tone if known else "none",
                }
            )
            long_prompts.append(prompt)
            answers.append(ids)
    return pd.DataFrame(rows), long_prompts, answers


def _salted(sampling: Sampling, salt: int) -> Sampling:
    return replace(sampling, seed=sampling.seed * 10_007 + salt)


def with_scalars(played: Played, reference: PersonaVectors, cast: Cast) -> pd.DataFrame:
    """The responses with each one's projection on the reference's Assistant axis, in standard
    deviations of the cast along it, and its activation norm; stored small."""
    frame = played.responses.copy()
    weights = family_weights(cast)
    for p, pooling in enumerate(POOLINGS):
        vectors = reference.at(pooling, played.folds.layer)
        roles, mu = vectors[:-1], cast_mean(vectors[:-1], weights)
        axis = assistant_axis(vectors[-1], roles, weights)
        z = project(roles, mu, axis)
        spread = spread_along(z, weights)
        along = project(played.single[:, p], mu, axis) / spread
        # two decimals are finer than any sampling error here, and a quarter of the size on disk
        frame[axis_column(pooling)] = np.round(along, 2).astype(np.float32)
        norm = np.linalg.norm(played.single[:, p], axis=1)
        frame[norm_column(pooling)] = np.round(norm, 2).astype(np.float32)
    for name in (col.PERSONA, col.QUESTION, col.TEXT, col.VALENCE, col.TONE):
        frame[name] = frame[name].astype("category")
    small = {col.VARIANT: np.int8, col.SAMPLE: np.int8, col.TOKENS: np.int16}
    return frame.astype(small)
