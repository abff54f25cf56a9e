"""Directions that answers can be pushed along, of a study's reference: at its headline layer and
pooling, and what is known of them at other layers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.steering import random_directions
from psm_viz.errors import BadInput
from psm_viz.live.answer_states import answer_states
from psm_viz.stats.axis_scale import scale_along
from psm_viz.stats.vectors import assistant_axis, cast_mean, trait_axis, unit
from psm_viz.study.activations import RESPONSE
from psm_viz.study.cast import family_weights, nearest, trait_values
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer

AXIS, FAMILY, TRAIT, ARROW, TAUGHT, OWN = (
    *("axis", "family:", "trait:", "arrow:", "taught:", "own:"),
)
"""What names of directions begin with."""
MOST_OWN, NAME = 8, 40
"""Directions of one's own that are kept at once, and letters of a name."""


@dataclass(frozen=True)
class Direction:
    """A direction of the residual stream and its scale."""

    name: str
    words: str
    """What lies up along it, as a page says it."""
    unit: Float[np.ndarray, " d_model"]
    spread: float
    """One standard deviation of the cast along it, in residual-stream units."""


class Directions:
    """The directions of one study, each made when it is first asked for; `chat_of` gives the model
    of a checkpoint. Raises BadInput for a study without vectors at its headline layer."""

    def __init__(self, study: Study, chat_of: Callable[[str], ChatModel]) -> None:
        self.study, self.chat_of, m = study, chat_of, study.manifest
        self._vectors = study.vectors(m.reference)
        if not self._vectors.holds(m.headline_pooling, m.headline_layer):
            raise BadInput(f"{m.reference} has no vectors at the headline layer.")
        self.layer, self.layers = m.headline_layer, self._vectors.layers
        self.roles, self._assistant = self._of(m.headline_pooling, self.layer)
        answers = self._vectors.holds(RESPONSE, self.layer)
        self._pooling = RESPONSE if answers else m.headline_pooling
        self._weights = family_weights(study.cast)
        self._made: dict[str, Direction] = {}
        self._own: dict[str, np.ndarray] = {}
        self._taught: dict[str, str] = {}
        self._moved: dict[str, dict[int, np.ndarray]] = {}

    def _of(self, pooling: str, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of the cast [role, d_model] and of the Assistant."""
        own = self._vectors.at(pooling, layer).astype(np.float64)
        return own[:-1], own[-1]

    @property
    def names(self) -> dict[str, str]:
        """Name -> what lies up along it."""
        # copied first: others may add to them meanwhile
        found = self._stored | dict(self._taught)
        return found | {name: f"along {name.removeprefix(OWN)}" for name in dict(self._own)}

    def add(self, name: str, values: Float[np.ndarray, " d_model"]) -> str:
        """Offer a direction of one's own; returns its name here. Raises BadInput for numbers that
        are no direction of this model."""
        wide = self.roles.shape[1]
        if values.shape != (wide,) or not np.isfinite(values).all() or not values.any():
            raise BadInput(
                f"{name[:NAME]}: {len(values)} numbers, expected {wide} that are not all 0."
            )
        own = OWN + (name.strip()[:NAME] or "direction")
        self._made.pop(own, None)
        held = {n: v for n, v in self._own.items() if n != own}
        held[own] = values.astype(np.float64)
        self._own = dict([*held.items()][-MOST_OWN:])
        return own

    def offer(self, checkpoint: str, words: str) -> None:
        """Offer as `taught:checkpoint` the way that teaching moved the mean of the Assistant's
        tokens in the same stored answers."""
        self._taught[TAUGHT + checkpoint] = words

    @cached_property
    def tokens(self) -> dict[int, Float[np.ndarray, "token d_model"]]:
        """Layer -> the states of the tokens of the reference's own answers. Raises BadInput."""
        return answer_states(self.chat_of(self.study.manifest.reference), self.study, self.layers)

    def moved(self, name: str) -> dict[int, Float[np.ndarray, " d_model"]]:
        """Layer -> how the mean of those tokens moves on the way that an arrow or a lesson leads.
        Raises BadInput where the weights of its end are not here."""
        if name not in self._moved:
            end = answer_states(self.chat_of(self._end_of(name)), self.study, self.layers)
            self._moved[name] = {n: end[n].mean(0) - self.tokens[n].mean(0) for n in self.layers}
        return self._moved[name]

    def _end_of(self, name: str) -> str:
        if name.startswith(TAUGHT):
            return name.removeprefix(TAUGHT)
        return self.study.manifest.branch(name.removeprefix(ARROW))[-1].id

    @cached_property
    def _stored(self) -> dict[str, str]:
        """The directions that the study itself has."""
        m, cast = self.study.manifest, self.study.cast
        found = {AXIS: "towards the Assistant, away from the mean of the cast"}
        for b in m.fine_tuned:
            if self._measured(m.branch(b)[-1].id):
                found[ARROW + b] = f"the way that training on '{b}' moved the Assistant"
        used = {p.family for p in cast.personas}
        found |= {FAMILY + f.id: f"towards {f.name.lower()}" for f in cast.families if f.id in used}
        return found | {TRAIT + t: f"more {t.replace('_', ' ')}" for t in self._traits}

    @cached_property
    def _traits(self) -> dict[str, np.ndarray]:
        """Each trait's axis: as it was measured between answers with it and without, else as the
        places of personas follow it, of which each has so much."""
        m, found = self.study.manifest, {}
        for trait, values in trait_values(self.study.cast).items():
            with suppress(BadInput):  # nobody is above its median, or nobody below
                found[trait] = trait_axis(self.roles, values)
        measured = self.study.trait_folds(m.headline_pooling)
        return found | {t: folds.mean(0) for t, folds in measured.items()}

    def _measured(self, checkpoint: str) -> bool:
        """Whether the movement to a checkpoint can be split from the cast's own."""
        m = self.study.manifest
        return all(self.study.holds(c, "questions") for c in (m.reference, checkpoint))

    def check(self, name: str) -> None:
        """Raise BadInput for a direction that there is not."""
        if name not in self.names:
            known = nearest(name, self.names)
            raise BadInput(f"There is no direction {name[:60]!r}.", f"Choose one of: {known}.")

    def __call__(self, name: str) -> Direction:
        """A direction by its name. Raises BadInput for one that there is not."""
        self.check(name)
        if name not in self._made:
            axis = self._axis(name)
            scale = scale_along(axis, self.roles, self._weights)
            self._made[name] = Direction(
                name, self.names[name], unit(axis[None])[0], float(scale.spread)
            )
        return self._made[name]

    def _axis(self, name: str) -> np.ndarray:
        m = self.study.manifest
        if name.startswith(TRAIT):
            return self._traits[name.removeprefix(TRAIT)]
        if name.startswith(OWN):
            return self._own[name]
        if name.startswith(TAUGHT):
            return self.moved(name)[self.layer].astype(np.float64)
        if name.startswith(ARROW):
            at = (m.headline_pooling, m.headline_layer)
            end = self._end_of(name)
            return Comparer(self.study).shift(m.reference, end, *at).specific.mean(0)
        return self._of_cast(name, self.roles, self._assistant)

    def of_cast(self, name: str, layer: int) -> Float[np.ndarray, " d_model"]:
        """The axis or a family's direction at any layer of `layers`, by means over answers where
        the study keeps them."""
        return self._of_cast(name, *self._of(self._pooling, layer))

    def _of_cast(self, name: str, roles: np.ndarray, assistant: np.ndarray) -> np.ndarray:
        if name == AXIS:
            return assistant_axis(assistant, roles, self._weights)
        family = name.removeprefix(FAMILY)
        rows = [p.family == family for p in self.study.cast.personas]
        return roles[np.array(rows)].mean(0) - cast_mean(roles, self._weights)

    def random(self, seed: int) -> Float[np.ndarray, " d_model"]:
        """A unit vector drawn from the cast's own covariance: the null beside a push."""
        return random_directions(1, self.roles, seed, matched=True)[0]

    def random_at(self, seed: int, layer: int) -> Float[np.ndarray, " d_model"]:
        """The same at any layer, of the vectors that `of_cast` goes by: of one seed the same
        combination of personas at each."""
        return random_directions(1, self._of(self._pooling, layer)[0], seed, matched=True)[0]
