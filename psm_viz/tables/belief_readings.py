"""The two readings of a study's talks, fitted and judged at the reference, and the beliefs that
they give for every talk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from psm_viz.errors import BadInput
from psm_viz.stats.belief import (
    HeldOut,
    Seated,
    StateReading,
    judged_states,
    log_loss,
    seated,
    softmax,
)
from psm_viz.stats.belief_likelihood import LikelihoodReading, evidence_of, judged_likelihoods
from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.reader import Study
from psm_viz.study.talks import (
    CAST,
    EXACT,
    LAST,
    LIKELIHOOD,
    OWN,
    REFERENCE,
    TALK,
    TalkNote,
    Talks,
)

STATES = "states"
"""The reading of states, beside that of likelihoods."""


def who_talks(talks: Talks, cast: Cast, lasts: tuple[str, ...]) -> Seated:
    """The cast's talks as the readings see them. Raises BadInput where nothing can be told."""
    own = talks.speakers(CAST)
    people = [str(p) for p in own["persona"]]
    found = seated(people, [cast.persona(p).family for p in people], [str(q) for q in own[LAST]])
    # the order of last questions is the note's, whichever the talks end in
    number = np.array([lasts.index(str(q)) for q in own[LAST]])
    return replace(found, last=number, lasts=len(lasts))


def layer_of(talks: Talks, cast: Cast, lasts: tuple[str, ...]) -> int:
    """The layer whose states tell the families of personas left out best: the least log loss, mean
    over the numbers of answers."""
    who, states = who_talks(talks, cast, lasts), talks.states[CAST, OWN]

    def loss(layer: int) -> float:
        by_answers = [judged_states(states.at(k, layer), who)[1] for k in states.turns]
        return float(np.mean([log_loss(held, who) for held in by_answers]))

    losses = {layer: loss(layer) for layer in states.layers}
    return min(losses, key=lambda layer: losses[layer])


@dataclass(frozen=True)
class Readings:
    """Both readings after each number of answers, and what the cast's talks at the reference say of
    them, out of sample."""

    note: TalkNote
    who: Seated
    states: dict[int, tuple[StateReading, HeldOut]]
    likelihood: dict[int, tuple[LikelihoodReading, HeldOut]]

    @cached_property
    def losses(self) -> dict[str, float]:
        """Held-out log loss of each reading, mean over the numbers of answers, in nats."""
        found = {STATES: self.states, LIKELIHOOD: self.likelihood}
        return {
            name: float(np.mean([log_loss(held, self.who) for _, held in by.values()]))
            for name, by in found.items()
        }

    @property
    def headline(self) -> str:
        """`states` or `likelihood`: the one with the lower held-out log loss at the reference, of
        those that are read at other checkpoints too."""
        if not self.note.states:
            return LIKELIHOOD
        return min(self.losses, key=lambda k: self.losses[k])


def readings_of(study: Study) -> Readings:
    """Fit both readings on the cast's talks at the reference. Raises BadInput without talks."""
    note = study.talk_note
    if note is None:
        raise BadInput("This study has held no talks.")
    return fit_readings(note, study.cast, study.talks(study.manifest.reference))


def fit_readings(note: TalkNote, cast: Cast, talks: Talks) -> Readings:
    """Fit both readings on the reference's talks of the cast."""
    who = who_talks(talks, cast, note.lasts)
    own = talks.states[CAST, OWN]
    states = {k: judged_states(own.at(k, note.layer), who) for k in note.turns}
    return Readings(note, who, states, fit_likelihoods(note, cast, talks, who))


def fit_likelihoods(
    note: TalkNote, cast: Cast, talks: Talks, who: Seated
) -> dict[int, tuple[LikelihoodReading, HeldOut]]:
    """The reading of likelihoods alone, by its number of answers."""
    member = header_families(note, cast, who)
    header, per_token = talks.own_headers(note.headers), talks.per_token(CAST)
    return {k: judged_likelihoods(per_token[:, :k], header, member, who) for k in note.turns}


def header_families(note: TalkNote, cast: Cast, who: Seated) -> np.ndarray:
    """The family of every asked persona, as a number of the families that can be learned, or -1."""
    of = [cast.persona(h).family for h in note.headers]
    return np.array([who.families.index(f) if f in who.families else -1 for f in of])


def beliefs_of(
    cast: Cast, readings: Readings, talks: Talks, who: str
) -> dict[tuple[str, int], Float[np.ndarray, "talk family"]]:
    """Beliefs of every talk of `cast` or `assistant`: (way, answers) -> beliefs.

    The reference's own talks of the cast are read by readings that saw neither their persona nor
    their last question; what the reference's weights read of its own talks is `own`.
    """
    note, at_reference = readings.note, talks.moved is None
    out: dict[tuple[str, int], np.ndarray] = {}
    barred = None
    if who == CAST:
        barred = talks.own_headers(note.headers)[:, None] == np.arange(len(note.headers))[None]
    for k in note.turns:
        reading, held = readings.states[k]
        for way in (OWN, REFERENCE):
            if rows := state_rows(talks, note, reading, who, way, k):
                out[way, k] = softmax(reading.scores(*rows))
        told, held_told = readings.likelihood[k]
        evidence = evidence_of(talks.per_token(who)[:, :k].astype(np.float64), barred)
        out[LIKELIHOOD, k] = softmax(told.scores(evidence, barred))
        if at_reference and who == CAST:
            out[OWN, k], out[LIKELIHOOD, k] = held.belief, held_told.belief
        if talks.exact is not None:
            out[EXACT, k] = _exact(talks, who, cast, readings.who)[:, note.turns.index(k)]
    return out


def state_rows(
    talks: Talks, note: TalkNote, reading: StateReading, who: str, way: str, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """States, their last questions and what they are centred by, where such states are held."""
    read = talks.states.get((who, way))
    if read is None or not read.holds(k, note.layer):
        return None
    centre = reading.centre
    if way == OWN and talks.moved is not None:
        centre = centre + talks.moved[:, note.turns.index(k)]
    last = np.array([note.lasts.index(str(q)) for q in talks.speakers(who)[LAST]])
    return read.at(k, note.layer).astype(np.float64), last, centre


def _exact(talks: Talks, who: str, cast: Cast, seen: Seated) -> np.ndarray:
    """The exact observer's beliefs in the readings' families, given that it is one of them."""
    assert talks.exact is not None
    n = len(talks.speakers(CAST))
    own = talks.exact[:n] if who == CAST else talks.exact[n:]
    names = [f.id for f in cast.families]
    found = own[..., [names.index(f) for f in seen.families]].astype(np.float64)
    return found / found.sum(-1, keepdims=True)


def beliefs_table(
    study: Study, readings: Readings, say: Callable[[str], None] = lambda s: None
) -> pd.DataFrame:
    """Every talk's beliefs: checkpoint, who, persona, talk, answers, way, far, and a column a
    family.

    `far`: distance to the nearest family over the limit that 95 % of the cast's talks keep, above 1
    'none of these'; NaN for a way that reads no states. Rounded to four digits.
    """
    frames = []
    for c in study.manifest.checkpoints:
        if not study.holds(c.id, "talks"):
            continue
        say(f"beliefs: {c.id}")
        talks = study.talks(c.id)
        speak = [who for who in (CAST, ASSISTANT) if len(talks.speakers(who))]
        frames += [_frame(study, readings, talks, who) for who in speak]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _frame(study: Study, readings: Readings, talks: Talks, who: str) -> pd.DataFrame:
    speakers, frames = talks.speakers(who), []
    for (way, k), belief in beliefs_of(study.cast, readings, talks, who).items():
        frame = pd.DataFrame(np.round(belief, 4), columns=list(readings.who.families))
        far = _far(study, readings, talks, who, way, k)
        key = {"checkpoint": talks.checkpoint, "who": who, "answers": k, "way": way, "far": far}
        frames.append(speakers[["persona", TALK, LAST]].assign(**key).join(frame))
    return pd.concat(frames, ignore_index=True)


def _far(
    study: Study, readings: Readings, talks: Talks, who: str, way: str, k: int
) -> np.ndarray | float:
    reading, held = readings.states[k]
    if way == OWN and talks.checkpoint == study.manifest.reference and who == CAST:
        return np.round(held.distance / reading.far, 3)
    rows = state_rows(talks, readings.note, reading, who, way, k)
    return float("nan") if rows is None else np.round(reading.distance(*rows) / reading.far, 3)


def readings_table(readings: Readings) -> pd.DataFrame:
    """What the readings were fitted to and how they did: reading, answers, log_loss (held out,
    nats), chance (log of the number of families), temperature, layer, headline, families, left_out
    (families of one persona, which cannot be told)."""
    rows = []
    found = {STATES: readings.states, LIKELIHOOD: readings.likelihood}
    for name, by in found.items():
        for k, (_, held) in by.items():
            rows.append(
                {
                    "reading": name,
                    "answers": k,
                    "log_loss": log_loss(held, readings.who),
                    "chance": float(np.log(len(readings.who.families))),
                    "temperature": held.temperature,
                    "layer": readings.note.layer,
                    "headline": name == readings.headline,
                    "families": len(readings.who.families),
                    "left_out": ", ".join(readings.who.left_out),
                }
            )
    return pd.DataFrame(rows)
