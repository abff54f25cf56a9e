"""Answers pushed along a direction, or held where the reference's own lie.

Held: at every layer that the direction is known at, what projects beyond the band of the tokens of
the reference's answers is put back to the band's edge (activation capping, Lu et al. 2026, which
holds one side alone, in a range of layers).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.steering import capped, steered
from psm_viz.errors import BadInput
from psm_viz.live.directions import ARROW, OWN, TAUGHT, TRAIT, Directions
from psm_viz.messages import Push
from psm_viz.stats.vectors import unit

BAND = (2.5, 97.5)
"""Percentiles of the tokens of its answers between which a band lies."""
STRONGEST = 12.0
"""Standard deviations of the cast that are added at most: beyond it nothing is said any more."""


@dataclass(frozen=True)
class Band:
    """Where the tokens of the reference's own answers lie at one layer."""

    layer: int
    unit: Float[np.ndarray, " d_model"]
    low: float
    high: float
    """Projections on `unit`, in residual-stream units."""


class Pushing:
    """What pushes and holds answers along a study's directions; bands are made when they are first
    asked for.

    A push acts at the headline layer. A direction that is held along lies at every layer that the
    study keeps vectors of: the movement of a branch or a lesson is that of the mean over the very
    tokens that the band is made of; the axis and the families go by means over answers, where the
    study keeps them. A trait and a direction from a file are known at the headline layer alone.
    Random ones are one random combination of the cast, taken at each of these layers.
    """

    def __init__(self, directions: Directions) -> None:
        self.directions = directions
        self._found: dict[tuple[str, int], tuple[Band, ...]] = {}

    def layers(self, name: str) -> tuple[int, ...]:
        """At which layers a direction is held."""
        if name.startswith((TRAIT, OWN)):
            return (self.directions.layer,)
        return self.directions.layers

    @contextmanager
    def pushed(self, chat: ChatModel, push: Push | None) -> Iterator[None]:
        """Inside, what `chat` says is pushed, or held. Raises BadInput."""
        with ExitStack() as pushing:
            if push is not None and push.cap:
                for b in self.bands(push.direction, push.random):
                    point = chat.resid_post[b.layer]
                    pushing.enter_context(capped(point, b.unit, (b.low, b.high)))
            elif push is not None:
                point = chat.resid_post[self.directions.layer]
                pushing.enter_context(steered(point, self._added(push)))
            yield

    def _added(self, push: Push) -> Float[np.ndarray, " d_model"]:
        if not abs(push.strength) <= STRONGEST:
            raise BadInput(
                f"Strength {push.strength:g}: expected {-STRONGEST:g} to {STRONGEST:g} standard "
                "deviations of the cast."
            )
        found = self.directions(push.direction)
        along = found.unit if push.random < 0 else self.directions.random(push.random)
        return push.strength * found.spread * along

    def bands(self, name: str, random: int = -1) -> tuple[Band, ...]:
        """The band at each layer: where 95 % of the tokens of the reference's answers lie. Raises
        BadInput for a direction that there is not, or whose weights are not here."""
        self.directions.check(name)
        if name.startswith(OWN):
            return self._bands(name, random)  # another file may have taken its place
        if (name, random) not in self._found:
            self._found[name, random] = self._bands(name, random)
        return self._found[name, random]

    def _bands(self, name: str, random: int) -> tuple[Band, ...]:
        d, found = self.directions, []
        for layer in self.layers(name):
            along = d.random_at(random, layer) if random >= 0 else self._along(name, layer)
            low, high = np.percentile(d.tokens[layer] @ along, BAND)
            found.append(Band(layer, along, float(low), float(high)))
        return tuple(found)

    def _along(self, name: str, layer: int) -> Float[np.ndarray, " d_model"]:
        d = self.directions
        if name.startswith((TRAIT, OWN)):
            return d(name).unit
        moved = name.startswith((ARROW, TAUGHT))
        return unit((d.moved(name)[layer] if moved else d.of_cast(name, layer))[None])[0]
