"""Talks: what was said in turn, and the states that were read after it.

A talk is some questions from different topics, answered in turn by one speaker, each answer drawn
with all earlier turns in context; then one last question, of a small balanced set, after which the
model's state is read: `resid_post` at the last prompt token, before any answer to it. The cast's
answers are drawn under each persona's own instruction and then put into the Assistant's seat: same
answers, the Assistant's label, no instruction, so that what can be told is told by what was said.
Of a model too small to hold a talk, each question can be put by itself (`TalkNote.afresh`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from psm_viz.errors import BadFile
from psm_viz.study.cast import ASSISTANT, Cast
from psm_viz.study.files import half

TALK, LAST, TURN = "talk", "last", "turn"
"""Columns of talks.parquet, beside those of responses: the talk's number among its speaker's own,
the question it ends in, and which answer of it a row is, from 0."""
OWN, REFERENCE, RANDOM = "own", "reference", "random"
"""Whose weights read a talk: the checkpoint's own, the reference's, or untrained ones."""
LIKELIHOOD, EXACT = "likelihood", "exact"
"""Ways to read a talk without its states: by likelihoods of the reference, or by the exact observer
of a made world."""
CAST = "cast"
TELLS = 0.05
"""By how much more often than by guessing a reading has to tell the kin of the cast's talks, for
single talks, or shares of them, to be spoken of."""


def tells(right: float, chance: float) -> bool:
    """Whether a reading that tells so many kins right, where guessing would tell `chance`, tells
    who speaks."""
    return right >= chance + TELLS


@dataclass(frozen=True)
class TalkNote:
    """How a study's talks were held: the file `talks.json`."""

    turns: tuple[int, ...]
    """After how many answers states are read."""
    lasts: tuple[str, ...]
    """Ids of the questions that talks end in."""
    headers: tuple[str, ...]
    """Ids of the personas as whom the reference is asked how likely an answer is."""
    layer: int
    """The layer whose states are read, chosen at the reference."""
    assistant: int
    """Talks of the Assistant at every checkpoint."""
    per_persona: int
    """Talks of each persona at the reference."""
    elsewhere: int
    """Talks of each persona at every other checkpoint."""
    marked: tuple[str, ...] = ()
    """Families whose mass is told as one number: those who act badly, where that is known."""
    seed: int = 0
    people: tuple[str, ...] = ()
    """Ids of the personas who talk at other checkpoints; none: all of them."""
    states: bool = True
    """Whether states were read at other checkpoints than the reference."""
    afresh: bool = False
    """Whether each question was put by itself, and each answer is read by itself."""

    @property
    def answers(self) -> int:
        """Answers of a whole talk."""
        return max(self.turns)


def parse_note(data: Any, where: str) -> TalkNote:
    """Read a note from its JSON form. Raises BadFile."""
    try:
        found: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return TalkNote(**found)
    except (TypeError, ValueError, AttributeError) as e:
        raise BadFile(f"{where}: missing or malformed key ({e}).") from e


@dataclass(frozen=True)
class States:
    """States of some talks, one row a talk: float32, residual-stream units."""

    values: Float[np.ndarray, "talk turn layer d_model"]
    turns: tuple[int, ...]
    layers: tuple[int, ...]

    def at(self, turn: int, layer: int) -> Float[np.ndarray, "talk d_model"]:
        """After so many answers, at one layer."""
        return self.values[:, self.turns.index(turn), self.layers.index(layer)]

    def holds(self, turn: int, layer: int) -> bool:
        """Whether `at` has them."""
        return turn in self.turns and layer in self.layers


@dataclass(frozen=True)
class Talks:
    """The talks held at one checkpoint, and how they were read."""

    checkpoint: str
    answers: pd.DataFrame
    """One row an answer: persona, talk, turn, question, last, text, n_tokens, valence, tone."""
    states: Mapping[tuple[str, str], States]
    """(`cast` or `assistant`, whose weights) -> states, in the order of `speakers`."""
    start: Float[np.ndarray, "last layer d_model"]
    """Before any answer, read by the checkpoint's own weights."""
    moved: Float[np.ndarray, "last read d_model"] | None
    """What the checkpoint's weights make of the reference's own talks of the cast, less what the
    reference does: mean after each last question, of no turn where states were not read. None at
    the reference."""
    likelihood: Float[np.ndarray, "talk answer header"]
    """log p of every answer under each asked persona's instruction by the reference, nats per
    token, the cast's talks first."""
    seat: Float[np.ndarray, "talk answer"]
    """The same under the Assistant's label without instruction."""
    exact: Float[np.ndarray, "talk turn family"] | None = None
    """What an exact observer makes of the same text, by the cast's families, where there is one:
    the cast's talks first."""
    left_out: int = 0
    """Talks of which some answer was empty."""

    def own_headers(self, headers: tuple[str, ...]) -> Int[np.ndarray, " talk"]:
        """For each talk of the cast, the number of its own persona among those asked, or -1."""
        number = {h: n for n, h in enumerate(headers)}
        return np.array([number.get(str(p), -1) for p in self.speakers(CAST)["persona"]])

    def speakers(self, who: str) -> pd.DataFrame:
        """One row a talk of `cast` or `assistant`: persona, talk, last, in the order of states."""
        first = self.answers[self.answers[TURN] == 0]
        own = (first["persona"] == ASSISTANT) == (who == ASSISTANT)
        return first.loc[own, ["persona", TALK, LAST]].reset_index(drop=True)

    def said(self, who: str) -> pd.DataFrame:
        """The answers of `cast` or `assistant`, in the order of states."""
        own = (self.answers["persona"] == ASSISTANT) == (who == ASSISTANT)
        return self.answers[own].reset_index(drop=True)

    def per_token(self, who: str) -> Float[np.ndarray, "talk answer header"]:
        """`likelihood` of the talks of `cast` or `assistant`."""
        n = len(self.speakers(CAST))
        return self.likelihood[:n] if who == CAST else self.likelihood[n:]


def families_in(beliefs: pd.DataFrame, cast: Cast) -> list[str]:
    """The families that a table of beliefs has columns of, in the cast's order."""
    return [f.id for f in cast.families if f.id in beliefs.columns]


def headline_way(readings: pd.DataFrame) -> str:
    """The way of reading that sentences go by, of a study's table `belief_readings`."""
    chosen = readings.loc[readings["headline"].astype(bool), "reading"]
    return LIKELIHOOD if LIKELIHOOD in set(chosen.astype(str)) else OWN


def talk_tensors(talks: Talks) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of talks.safetensors and its free text.

    Likelihoods are kept less each answer's mean over personas, which half precision holds to a
    thousandth of a nat, and that mean beside them.
    """
    level = talks.likelihood.mean(2)
    out = {
        "start": half(talks.start, f"{talks.checkpoint} start"),
        "likelihood": half(talks.likelihood - level[..., None], f"{talks.checkpoint} likelihood"),
        "level": np.ascontiguousarray(level, dtype=np.float32),
        "seat": np.ascontiguousarray(talks.seat, dtype=np.float32),
    }
    text = {"checkpoint": talks.checkpoint, "hook": "resid_post", "left_out": str(talks.left_out)}
    for (who, by), states in talks.states.items():
        out[f"{who}/{by}"] = half(states.values, f"{talks.checkpoint} states")
        text[f"turns {who}/{by}"] = json.dumps(states.turns)
        text[f"layers {who}/{by}"] = json.dumps(states.layers)
    if talks.exact is not None:
        out["exact"] = half(talks.exact, f"{talks.checkpoint} exact observer")
    if talks.moved is not None:
        out["moved"] = half(talks.moved, f"{talks.checkpoint} moved")
    return out, text


def talks_of(
    checkpoint: str, answers: pd.DataFrame, tensors: dict[str, np.ndarray], text: dict[str, Any]
) -> Talks:
    """Talks from their two files. Raises BadFile where those do not fit together."""
    try:
        states = {}
        for name, values in tensors.items():
            who, sep, by = name.partition("/")
            if sep:
                turns, layers = (tuple(text[f"{what} {name}"]) for what in ("turns", "layers"))
                states[who, by] = States(values, turns, layers)
        found = Talks(
            checkpoint,
            answers,
            states,
            tensors["start"],
            tensors.get("moved"),
            tensors["likelihood"] + tensors["level"][..., None],
            tensors["seat"],
            tensors.get("exact"),
            int(text["left_out"]),
        )
    except (KeyError, ValueError, TypeError) as e:
        raise BadFile(f"Talks of {checkpoint}: missing or malformed part ({e}).") from e
    for who, by in states:
        rows, held = len(found.speakers(who)), len(states[who, by].values)
        if rows != held:
            raise BadFile(
                f"Talks of {checkpoint}: {rows} talks of the {who} in talks.parquet, states of "
                f"{held} in talks.safetensors."
            )
    return found
