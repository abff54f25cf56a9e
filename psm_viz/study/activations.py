"""Activations of a study: per persona, per question fold, per question. Arrays are float32,
residual-stream units (`resid_post`, no normalisation).

Row order everywhere: the cast's personas in file order, then the Assistant (see `Cast.all`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from psm_viz.errors import UnknownName
from psm_viz.study.cast import Cast, among

PROMPT, RESPONSE = "prompt_last", "response_mean"
POOLINGS = (PROMPT, RESPONSE)
"""How activations are pooled: at the last prompt token, which needs no answer, and as the mean over
the answer's tokens."""
POOLING_NAMES = {PROMPT: "last prompt token", RESPONSE: "mean over the answer"}


@dataclass(frozen=True)
class Activations:
    """Per persona and question at one layer, samples averaged.

    Values [persona, question, pooling, d_model].

    At `prompt_last` a row is one single activation; the Assistant's are means over its prompts.
    """

    values: Float[np.ndarray, "persona question pooling d_model"]
    poolings: tuple[str, ...]
    layer: int

    def at(self, pooling: str) -> Float[np.ndarray, "persona question d_model"]:
        """One pooling; the last persona is the Assistant."""
        return self.values[:, :, self.poolings.index(pooling)]


@dataclass(frozen=True)
class PersonaVectors:
    """Mean activation per persona, the Assistant last: [persona, pooling, layer, d_model].

    A checkpoint made elsewhere may have some of the study's personas, poolings and layers only:
    `ids`, `poolings` and `layers` say which, in the study's order.
    """

    values: Float[np.ndarray, "persona pooling layer d_model"]
    ids: tuple[str, ...]
    poolings: tuple[str, ...]
    layers: tuple[int, ...]
    checkpoint: str

    def at(self, pooling: str, layer: int) -> Float[np.ndarray, "persona d_model"]:
        """One pooling and layer; the last row is the Assistant."""
        return self.values[:, self.poolings.index(pooling), self.layers.index(layer)]

    def holds(self, pooling: str, layer: int) -> bool:
        """Whether `at` has this pooling and layer."""
        return pooling in self.poolings and layer in self.layers

    def of(self, cast: Cast) -> PersonaVectors:
        """The rows of this cast and the Assistant. Raises UnknownName for a persona not held."""
        ids = tuple(p.id for p in cast.all)
        row = {name: i for i, name in enumerate(self.ids)}
        absent = [i for i in ids if i not in row]
        if absent:
            raise UnknownName(f"{self.checkpoint} has no vectors of: {', '.join(absent[:5])}.")
        return replace(self, values=self.values[[row[i] for i in ids]], ids=ids)


def common_cast(cast: Cast, vectors: Iterable[PersonaVectors]) -> Cast:
    """The cast's personas that all these checkpoints have vectors of, in the cast's order."""
    return among(cast, set(cast.ids).intersection(*(v.ids for v in vectors)))


@dataclass(frozen=True)
class FoldVectors:
    """Means per persona and question fold, headline layer: [persona, fold, pooling, d_model]."""

    values: Float[np.ndarray, "persona fold pooling d_model"]
    poolings: tuple[str, ...]
    layer: int
    checkpoint: str

    def at(self, pooling: str) -> Float[np.ndarray, "persona fold d_model"]:
        """One pooling; the last persona is the Assistant."""
        return self.values[:, :, self.poolings.index(pooling)]


@dataclass(frozen=True)
class QuestionVectors:
    """Per question: the Assistant's mean and the cast's mean (families weighted equally).

    Both [question, pooling, layer, d_model].
    """

    assistant: Float[np.ndarray, "question pooling layer d_model"]
    cast: Float[np.ndarray, "question pooling layer d_model"]
    questions: tuple[str, ...]
    poolings: tuple[str, ...]
    layers: tuple[int, ...]
    checkpoint: str

    def at(
        self, pooling: str, layer: int
    ) -> tuple[Float[np.ndarray, "question d_model"], Float[np.ndarray, "question d_model"]]:
        """(assistant, cast) at one pooling and layer."""
        p, n = self.poolings.index(pooling), self.layers.index(layer)
        return self.assistant[:, p, n], self.cast[:, p, n]
