"""The types of a study: what crosses the disk between extraction and the dashboard.

Row order everywhere: the cast's personas in file order, then the Assistant (see `Cast.all`).
Arrays are float32 in memory, residual-stream units (`resid_post`, no normalisation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadInput, UnknownName
from psm_viz.study.cast import Cast, nearest

SCHEMA = 1
POOLINGS = ("prompt_last", "response_mean")
POOLING_NAMES = {"prompt_last": "last prompt token", "response_mean": "mean over the answer"}
MAIN, AGAIN = "main", "again"

# Columns of responses.parquet: one row a response.
PERSONA, QUESTION, VARIANT, SAMPLE, TEXT, TOKENS = (
    "persona",
    "question",
    "variant",
    "sample",
    "text",
    "n_tokens",
)
VALENCE, TONE = "valence", "tone"
# Columns of behaviour.parquet: one row a prompt, masses of probability over the topic's bank.
TOPIC, MASS_GOOD, MASS_BAD, MASS_NONE, SAMPLED_GOOD, SAMPLED_BAD, SAMPLED_NONE = (
    "topic",
    "mass_good",
    "mass_bad",
    "mass_none",
    "sampled_good",
    "sampled_bad",
    "sampled_none",
)


def axis_column(pooling: str) -> str:
    """Column of responses.parquet: projection on the reference's Assistant axis, pooled so."""
    return f"axis_{pooling}"


def norm_column(pooling: str) -> str:
    """Column of responses.parquet: Euclidean norm of the activation, pooled so."""
    return f"norm_{pooling}"


@dataclass(frozen=True)
class Checkpoint:
    """One saved state of the model. `step` counts optimizer steps since the branch point."""

    id: str
    branch: str
    step: int
    parent: str | None


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
    held = [set(v.ids) for v in vectors]
    return replace(cast, personas=tuple(p for p in cast.personas if all(p.id in h for h in held)))


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


@dataclass(frozen=True)
class Manifest:
    """`study.json`: what a study holds and how it was made."""

    name: str
    model: dict[str, Any]
    generation: dict[str, Any]
    reference: str
    headline_pooling: str
    headline_layer: int
    poolings: tuple[str, ...]
    layers: tuple[int, ...]
    checkpoints: tuple[Checkpoint, ...]
    noise_floor: str | None
    """Id of the reference checkpoint played again with other questions and another seed."""
    notes: dict[str, Any]
    versions: dict[str, str]

    @property
    def branches(self) -> list[str]:
        """Branch names in order of appearance, the noise floor's own left out."""
        return list(dict.fromkeys(c.branch for c in self.drawn))

    @property
    def drawn(self) -> list[Checkpoint]:
        """Checkpoints to show: all but the noise floor's."""
        return [c for c in self.checkpoints if c.id != self.noise_floor]

    @property
    def fine_tuned(self) -> list[str]:
        """Branches that start at the reference."""
        from_reference = {c.branch for c in self.drawn if c.parent == self.reference}
        return [b for b in self.branches if b in from_reference]

    def checkpoint(self, checkpoint_id: str) -> Checkpoint:
        """Return one checkpoint. Raises UnknownName with the nearest ids."""
        for c in self.checkpoints:
            if c.id == checkpoint_id:
                return c
        raise UnknownName(
            f"There is no checkpoint {checkpoint_id!r} in this study.",
            f"Choose one of: {nearest(checkpoint_id, [c.id for c in self.checkpoints])}.",
        )

    def branch(self, name: str) -> list[Checkpoint]:
        """The checkpoints of one branch by step, its branch point first where it has one."""
        own = sorted((c for c in self.checkpoints if c.branch == name), key=lambda c: c.step)
        if not own:
            raise UnknownName(
                f"There is no branch {name!r} in this study.",
                f"Choose one of: {', '.join(self.branches)}.",
            )
        parent = own[0].parent
        return ([self.checkpoint(parent)] if parent else []) + own

    def check_layer(self, layer: int) -> int:
        """Return `layer` if the study holds it. Raises UnknownName."""
        if layer not in self.layers:
            raise UnknownName(
                f"Layer {layer} is not in this study.",
                f"It holds layers {', '.join(map(str, self.layers))}.",
            )
        return layer

    def check_pooling(self, pooling: str) -> str:
        """Return `pooling` if the study holds it. Raises UnknownName."""
        if pooling not in self.poolings:
            raise UnknownName(
                f"Pooling {pooling!r} is not in this study.",
                f"It holds {', '.join(self.poolings)}.",
            )
        return pooling


def finite(values: np.ndarray, what: str) -> np.ndarray:
    """Return `values` if every number is finite. Raises BadInput naming what holds the others."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise BadInput(f"{what}: {bad} of {values.size} values are not finite numbers.")
    return values
