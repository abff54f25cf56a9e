"""Answers read one by one, each after its own question alone, as everybody who is asked: what
everybody's texts begin with is read once, and an answer may be read while it is drawn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float

from psm_viz.engine.answer_likelihood import (
    Reading,
    Rendered,
    ask_of_one,
    encoded,
    per_token_of_one,
    texts_of_one,
)
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.meanwhile import Begun, Meanwhile, begun
from psm_viz.engine.playing import Playing
from psm_viz.messages import ASSISTANT, USER
from psm_viz.study.cast import Persona
from psm_viz.study.formats.chat_data import Conversation

PROBES = ("Yes?", "A no.")
"""Two questions that begin and end apart: what everybody's texts of both share is read once."""
REMEMBERED = 256
"""Answers whose likelihoods are kept."""


class ExchangeReader:
    """Reads a question and its answer by the weights of `chat`, as each of `people`, the Assistant
    last."""

    def __init__(self, chat: ChatModel, people: Sequence[Persona], playing: Playing) -> None:
        self.chat, self.people, self.playing = chat, list(people), playing
        self._known: OrderedDict[tuple[str, str], np.ndarray] = OrderedDict()

    def __call__(self, question: str, answer: str) -> Float[np.ndarray, "persona 1"]:
        """log p per token of the answer. Raises what `ask_of_one` raises."""
        key = (question, answer)
        if key not in self._known:
            read = self.meanwhile(question)
            if read is None or not self.take(question, answer, read):
                self._keep(key, self._whole(question, answer))
        self._known.move_to_end(key)
        return self._known[key]

    def meanwhile(self, question: str) -> Meanwhile | None:
        """What reads the answer to a question while it is drawn. None beyond the model's context,
        and for an architecture that cannot be read on."""
        rows = self._openings(question)
        longest = self.chat.context
        if self._headers is None or (longest and max(map(len, rows)) >= longest):
            return None
        texts = begun(self.chat, rows, self._headers)
        return None if texts is None else Meanwhile(self.chat, texts)

    def take(self, question: str, answer: str, read: Meanwhile) -> bool:
        """Keep what was read of an answer while it was drawn, and read what is left of it. False
        where these are not its words in the tokens that were heard."""
        talk = _exchange(question, answer)
        texts, owner = self._texts(talk)
        rows, longest = encoded(self.chat.tokenizer, texts)[0], self.chat.context
        if longest and max(map(len, rows)) > longest:
            return False
        log_p = read.ended(rows)
        if log_p is None or not np.isfinite(log_p).all():
            return False
        wording = self.playing.wording
        found = per_token_of_one(self.chat, self.people, wording, talk, owner, log_p[:, None])
        self._keep((question, answer), found)
        return True

    def _keep(self, key: tuple[str, str], found: np.ndarray) -> None:
        self._known[key] = found
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _whole(self, question: str, answer: str) -> Float[np.ndarray, "persona 1"]:
        """Read from the beginning."""
        playing, talk = self.playing, _exchange(question, answer)
        return ask_of_one(self.chat, self.people, playing.wording, talk, in_turn=playing.in_turn)

    @cached_property
    def _headers(self) -> Begun | None:
        """What the texts of every question begin with, read once; None where it cannot be."""
        both = list(zip(*(self._openings(probe) for probe in PROBES), strict=True))
        heads = [a[: _shared(a, b)] for a, b in both]
        return begun(self.chat, heads) if all(heads) else None

    def _openings(self, question: str) -> list[list[int]]:
        """What stands before the answer to a question, as everybody has it."""
        texts, _ = self._texts(_exchange(question, PROBES[0]))
        ids, places = encoded(self.chat.tokenizer, texts)
        return [row[: int(np.flatnonzero(p >= 0)[0])] for row, p in zip(ids, places, strict=True)]

    def _texts(self, talk: Conversation) -> tuple[list[Rendered], list[Reading]]:
        playing = self.playing
        return texts_of_one(self.chat, self.people, playing.wording, talk, playing.in_turn)


def _exchange(question: str, answer: str) -> Conversation:
    """A question and an answer."""
    said = ((USER, question), (ASSISTANT, answer))
    return Conversation(1, tuple({"role": role, "content": text} for role, text in said))


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    same = (k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(same, min(len(one), len(other)))
