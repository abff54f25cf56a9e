"""Everything measured between two checkpoints of a study at one pooling and layer.

Where the study holds question folds every figure is cross-fitted and stands with its interval, its
null band and, where it is a finding, its p. Where it holds vectors alone (another layer, or vectors
made elsewhere) plain formulas give sizes without either, and say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats import adjusted_drift, drift
from psm_viz.stats import significance as sig
from psm_viz.stats.estimates import (
    Asked,
    Origin,
    asked,
    axis_kept,
    given_cast_figures,
    origin_of,
    shift_figures,
    specific_squares,
    trait_axes,
    trait_figures,
)
from psm_viz.stats.plain_drift import NO_FOLDS, plain_figures, plain_traits
from psm_viz.stats.resampling import Estimate
from psm_viz.study.activations import FoldVectors, PersonaVectors, QuestionVectors, common_cast
from psm_viz.study.cast import Cast, Question, family_weights, trait_values
from psm_viz.study.manifest import MAIN, Manifest


@dataclass(frozen=True)
class Comparison:
    """The figures between two checkpoints, and what a search over steps needs from them."""

    start: str
    end: str
    pooling: str
    layer: int
    figures: dict[str, Estimate]
    traits: dict[str, dict[str, Estimate]]
    """Part (total, global, specific) -> trait -> figure, in cast standard deviations."""
    personas: int
    """Cast members that both checkpoints hold."""
    note: str = ""
    """What is missing and why: 'no folds' and the like."""
    flips: np.ndarray = field(default_factory=lambda: np.array([]))
    """Cross-fitted |s|^2 and |s*|^2 under every sign flip [2, flip], the observed first."""
    squares: np.ndarray = field(default_factory=lambda: np.array([]))
    """Cross-fitted |s*|^2 of every cast member and, last, the Assistant, each in units of its own
    standard error factor."""


class Measurable(Protocol):
    """What a comparison needs of a study: met by one on disk, and by one in memory."""

    @property
    def manifest(self) -> Manifest:
        """What the study holds and how it was made."""
        ...

    @property
    def cast(self) -> Cast:
        """Who was played."""
        ...

    @property
    def questions(self) -> tuple[Question, ...]:
        """What was asked, the noise floor's questions too."""
        ...

    def holds(self, checkpoint_id: str, what: str) -> bool:
        """Whether a checkpoint has `what`: vectors, folds or questions."""
        ...

    def vectors(self, checkpoint_id: str) -> PersonaVectors:
        """Persona vectors of one checkpoint."""
        ...

    def folds(self, checkpoint_id: str) -> FoldVectors:
        """Fold means of one checkpoint."""
        ...

    def question_vectors(self, checkpoint_id: str) -> QuestionVectors:
        """Per-question means of one checkpoint."""
        ...

    def trait_folds(self, pooling: str) -> dict[str, np.ndarray]:
        """Trait vectors measured at the reference, fold by fold: trait -> [fold, d_model]."""
        ...


class Comparer:
    """Compares checkpoints of one study; what a start needs is made once."""

    def __init__(self, study: Measurable) -> None:
        self.study = study
        self.weights = family_weights(study.cast)
        self.traits = trait_values(study.cast)
        self._asked: Asked | None = None
        self._origins: dict[tuple[str, str], Origin] = {}

    @property
    def asked(self) -> Asked:
        """The main questions' folds, topics, draws and flips."""
        if self._asked is None:
            main = [q for q in self.study.questions if q.set == MAIN]
            self._asked = asked(tuple(q.topic for q in main), tuple(q.fold for q in main))
        return self._asked

    def origin(self, start: str, pooling: str) -> Origin:
        """The start's axes and spaces at the headline layer."""
        key = (start, pooling)
        if key not in self._origins:
            folds = self.study.folds(start).at(pooling).astype(np.float64)
            measured = self.study.trait_folds(pooling)
            self._origins[key] = origin_of(folds, self.weights, self.traits, self.asked, measured)
        return self._origins[key]

    def has(self, what: str, *checkpoints: str) -> bool:
        """Whether all these checkpoints hold folds or questions."""
        return all(self.study.holds(c, what) for c in checkpoints)

    def shift(self, start: str, end: str, pooling: str, layer: int) -> drift.Shift:
        """The per-question shift. Raises BadInput where the questions of the two differ in number.

        The noise floor was asked other questions of the same topics in the same order, so its rows
        are compared with the reference's topic by topic. The axis that a question's shift is
        projected on is made from the other folds' questions.
        """
        a0, c0 = self.vectors(start, pooling, layer)
        a1, c1 = self.vectors(end, pooling, layer)
        q = self.asked
        if len(a1) != len(a0):
            raise BadInput(
                f"{end}: {len(a1)} questions stored, {start} has {len(a0)}.",
                "Extract the study again.",
            )
        roles = self.study.vectors(start).at(pooling, layer)[:-1].astype(np.float64)
        try:
            axis, spread = drift.axes_of_questions(a0 - c0, roles, self.weights, q.fold)
        except BadInput as e:
            where = f"{start}, {pooling}, layer {layer}"
            raise BadInput(f"{where}: {e.problem}", e.next_step) from e
        return drift.Shift(a1 - a0, c1 - c0, axis, spread, q.topics)

    def vectors(self, checkpoint: str, pooling: str, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Per question: the Assistant's vectors and the cast's means [question, d_model]."""
        a, c = self.study.question_vectors(checkpoint).at(pooling, layer)
        return a.astype(np.float64), c.astype(np.float64)

    def figures(
        self, shift: drift.Shift, start: str, end: str, pooling: str, layer: int
    ) -> dict[str, Estimate]:
        """What a shift shows without folds of personas: norms, the axis, what is kept of it."""
        found = shift_figures(shift, self.asked)
        a0, c0 = self.vectors(start, pooling, layer)
        a1, c1 = self.vectors(end, pooling, layer)
        found["axis_cosine"], found["axis_ratio"] = axis_kept(a0 - c0, a1 - c1, self.asked)
        return found

    def __call__(
        self, start: str, end: str, pooling: str | None = None, layer: int | None = None
    ) -> Comparison:
        """Compare two checkpoints. Raises UnknownName, BadInput."""
        m = self.study.manifest
        pooling = m.check_pooling(pooling or m.headline_pooling)
        layer = m.check_layer(m.headline_layer if layer is None else layer)
        for checkpoint in (start, end):
            m.checkpoint(checkpoint)
        if not self.has("questions", start, end):
            return plain(self.study, start, end, pooling, layer, f"{NO_FOLDS}: vectors alone")
        shift = self.shift(start, end, pooling, layer)
        found = self.figures(shift, start, end, pooling, layer)
        note, traits = "", {}
        flips, squares = np.array([]), np.array([])
        if layer == m.headline_layer and self.has("folds", start, end):
            try:
                origin = self.origin(start, pooling)
            except BadInput as e:  # too few folds or personas: what can be measured is, and it says
                n, axes = len(self.study.cast.personas), self._measured(start, pooling)
                traits = trait_figures(shift, axes, self.asked) if axes else {}
                return Comparison(start, end, pooling, layer, found, traits, n, e.problem)
            folds = self.study.folds(end).at(pooling).astype(np.float64)
            more, flips, squares = given_cast_figures(shift, origin, folds, self.asked)
            found |= more
            traits = trait_figures(shift, origin.traits, self.asked) if origin.traits else {}
            found["specific_percentile"] = self._rank(origin.folds, folds)
        else:
            simple = plain(self.study, start, end, pooling, layer, "")
            found = simple.figures | found
            traits = simple.traits
            note = f"{NO_FOLDS} of personas at this layer: figures given the cast are plain"
        n = len(self.study.cast.personas)
        return Comparison(start, end, pooling, layer, found, traits, n, note, flips, squares)

    def _measured(self, start: str, pooling: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Axes of the measured traits alone: they need no cast to be made from."""
        folds = self.study.folds(start).at(pooling).astype(np.float64)
        contrasts = self.study.trait_folds(pooling)
        return trait_axes(folds, self.weights, {}, self.asked, contrasts)

    def _rank(self, start: np.ndarray, end: np.ndarray) -> Estimate:
        norms = specific_squares(end - start, self.weights, self.asked.pairs)
        return Estimate(sig.percentile(norms[-1], norms[:-1]))


def plain(
    study: Measurable, start: str, end: str, pooling: str, layer: int, note: str
) -> Comparison:
    """Sizes by the plain formulas, from persona vectors alone, over the common cast.

    Without folds noise is not removed: these norms are too large, never too small.
    """
    a, b = study.vectors(start), study.vectors(end)
    for v in (a, b):
        if not v.poolings:
            raise UnknownName(
                f"{v.checkpoint} has no vectors: {study.manifest.without_cast(v.checkpoint)}.",
                "Read its talks instead: python -m psm_viz belief --from A --to B",
            )
        if not v.holds(pooling, layer):
            raise UnknownName(
                f"{v.checkpoint} has no vectors at {pooling}, layer {layer}.",
                f"It holds {', '.join(v.poolings)}; layers {', '.join(map(str, v.layers))}.",
            )
    cast = common_cast(study.cast, (a, b))
    if len(cast.personas) < adjusted_drift.FEWEST_ROLES:
        raise BadInput(
            f"{start} and {end} have {len(cast.personas)} personas in common; at least "
            f"{adjusted_drift.FEWEST_ROLES} are needed."
        )
    if len(cast.personas) < len(study.cast.personas):
        said = f"{len(cast.personas)} of {len(study.cast.personas)} personas in common"
        note = f"{note}; {said}" if note else said
    weights = family_weights(cast)
    x, y = (v.of(cast).at(pooling, layer).astype(np.float64) for v in (a, b))
    figures = plain_figures(x, y, weights)
    traits = plain_traits(x, y, weights, trait_values(cast))
    return Comparison(start, end, pooling, layer, figures, traits, len(cast.personas), note)
