"""Directions that answers can be pushed along, and bands that they can be held in: of a study's
reference, at its headline layer and pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from psm_viz.engine.answer_likelihood import encoded, rendered
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.steering import capped, changed, random_directions, steered
from psm_viz.engine.talk_work import as_played
from psm_viz.engine.talks import conversations, seat
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.messages import Push
from psm_viz.stats.axis_scale import scale_along
from psm_viz.stats.vectors import assistant_axis, cast_mean, trait_axis, unit
from psm_viz.study.cast import ASSISTANT, family_weights, nearest, trait_values
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer

AXIS, FAMILY, TRAIT, ARROW, TAUGHT, OWN = (
    *("axis", "family:", "trait:", "arrow:", "taught:", "own:"),
)
"""What names of directions begin with."""
MOST_OWN, NAME = 8, 40
"""Directions of one's own that are kept at once, and letters of a name."""
TALKS = 48
"""Talks of the reference whose answers say where its band is."""
BAND = (2.5, 97.5)
"""Percentiles of the tokens of its answers between which a band lies."""
STRONGEST = 12.0
"""Standard deviations of the cast that are added at most: beyond it nothing is said any more."""


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
    """The directions of one study, each made when it is first asked for."""

    def __init__(self, study: Study) -> None:
        self.study, m = study, study.manifest
        vectors = study.vectors(m.reference)
        if not vectors.holds(m.headline_pooling, m.headline_layer):
            raise BadInput(f"{m.reference} has no vectors at the headline layer.")
        own = vectors.at(m.headline_pooling, m.headline_layer).astype(np.float64)
        self.layer, self.roles, self._assistant = m.headline_layer, own[:-1], own[-1]
        self._weights = family_weights(study.cast)
        self._made: dict[str, Direction] = {}
        self._bands: dict[str, tuple[float, float]] = {}
        self._tokens: np.ndarray | None = None
        self._own: dict[str, np.ndarray] = {}
        self._taught: dict[str, tuple[str, Callable[[], ChatModel], ChatModel]] = {}

    @property
    def names(self) -> dict[str, str]:
        """Name -> what lies up along it."""
        # copied first: others may add to them meanwhile
        found = self._stored | {name: words for name, (words, *_) in dict(self._taught).items()}
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
        for key in [k for k in list(self._bands) if k.startswith(f"{own}/")]:
            self._bands.pop(key, None)
        held = {n: v for n, v in self._own.items() if n != own}
        held[own] = values.astype(np.float64)
        self._own = dict([*held.items()][-MOST_OWN:])
        return own

    def offer(
        self, name: str, words: str, taught: Callable[[], ChatModel], reference: ChatModel
    ) -> None:
        """Offer as `taught:name` the way that teaching moved the mean of the Assistant's tokens in
        the same stored answers; `taught` gives the model once somebody asks for it."""
        self._taught[TAUGHT + name] = (words, taught, reference)

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

    def __call__(self, name: str) -> Direction:
        """A direction by its name. Raises BadInput for one that there is not."""
        if name not in self.names:
            known = nearest(name, self.names)
            raise BadInput(f"There is no direction {name[:60]!r}.", f"Choose one of: {known}.")
        if name not in self._made:
            axis = self._axis(name)
            scale = scale_along(axis, self.roles, self._weights)
            self._made[name] = Direction(
                name, self.names[name], unit(axis[None])[0], float(scale.spread)
            )
        return self._made[name]

    def _axis(self, name: str) -> np.ndarray:
        m = self.study.manifest
        if name == AXIS:
            return assistant_axis(self._assistant, self.roles, self._weights)
        if name.startswith(FAMILY):
            family = name.removeprefix(FAMILY)
            rows = [p.family == family for p in self.study.cast.personas]
            return self.roles[np.array(rows)].mean(0) - cast_mean(self.roles, self._weights)
        if name.startswith(TRAIT):
            return self._traits[name.removeprefix(TRAIT)]
        if name.startswith(OWN):
            return self._own[name]
        if name.startswith(TAUGHT):
            _, taught, reference = self._taught[name]
            after = tokens_of_answers(taught(), self.study, self.layer)
            return after.mean(0) - self._reference_tokens(reference).mean(0)
        end = m.branch(name.removeprefix(ARROW))[-1].id
        at = (m.headline_pooling, m.headline_layer)
        return Comparer(self.study).shift(m.reference, end, *at).specific.mean(0)

    def random(self, seed: int) -> Float[np.ndarray, " d_model"]:
        """A unit vector drawn from the cast's own covariance: the null beside a direction."""
        return random_directions(1, self.roles, seed, matched=True)[0]

    @contextmanager
    def pushed(self, chat: ChatModel, push: Push | None, reference: ChatModel) -> Iterator[None]:
        """Inside, what `chat` says is pushed. `reference` holds the reference's weights, whose own
        answers say where a band is. Raises BadInput."""
        if push is None:
            yield
            return
        if not abs(push.strength) <= STRONGEST:
            raise BadInput(
                f"Strength {push.strength:g}: expected {-STRONGEST:g} to {STRONGEST:g} standard "
                "deviations of the cast."
            )
        found = self(push.direction)
        along = found.unit if push.random < 0 else self.random(push.random)
        point = chat.resid_post[self.layer]
        if push.cap:
            with capped(point, along, self.band(push, reference)):
                yield
        else:
            with steered(point, push.strength * found.spread * along):
                yield

    def band(self, push: Push, reference: ChatModel) -> tuple[float, float]:
        """Between which projections 95 % of the tokens of the reference's own answers lie."""
        key = f"{push.direction}/{push.random}"
        if key not in self._bands:
            along = self(push.direction).unit if push.random < 0 else self.random(push.random)
            low, high = np.percentile(self._reference_tokens(reference) @ along, BAND)
            self._bands[key] = (float(low), float(high))
        return self._bands[key]

    def _reference_tokens(self, reference: ChatModel) -> Float[np.ndarray, "token d_model"]:
        if self._tokens is None:
            self._tokens = tokens_of_answers(reference, self.study, self.layer)
        return self._tokens


def tokens_of_answers(
    chat: ChatModel, study: Study, layer: int, talks: int = TALKS
) -> Float[np.ndarray, "token d_model"]:
    """`resid_post` at every token of the Assistant's stored answers at the reference, in its first
    talks, read by the weights of `chat`. Raises BadInput where it has held none."""
    import torch

    try:
        said = study.talk_answers(study.manifest.reference)
    except PsmVizError as e:
        raise BadInput("This study has held no talks, so that there is no band to hold.") from e
    own = said[(said["persona"] == ASSISTANT) & (said["talk"] < talks)]
    held, _ = conversations(own, {q.id: q for q in study.questions})
    lines = [Conversation(n, tuple(talk)) for n, talk in enumerate(held, 1)]
    at = seat(study.cast, as_played(study).wording)
    ids, places = encoded(chat.tokenizer, rendered(chat.prompts, *at, lines))
    states: list[torch.Tensor] = []

    def kept(x: torch.Tensor) -> torch.Tensor:
        states.append(x.float().cpu())
        return x

    with torch.inference_mode(), changed(chat.resid_post[layer], kept):
        for row in ids:
            chat.hf(input_ids=torch.tensor([row], device=chat.device), use_cache=False)
    rows = [s[0][torch.from_numpy(p >= 0)] for s, p in zip(states, places, strict=True)]
    return torch.cat(rows).numpy().astype(np.float64)
