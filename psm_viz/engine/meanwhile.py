"""An answer read while it is drawn: how likely it is as the continuation of several texts.

The texts differ in who is said to speak; the answer is the same. Keys and values of what came
before are kept, so that every few tokens only those have to be read, and hardly any are left when
the answer ends.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.log_probs import repeatable
from psm_viz.engine.sampling import placed, takes_positions

EVERY = 4
"""Tokens of an answer that are read at once: one by one takes twice as long, and more of them keep
whoever waits for its end waiting."""


AT_ONCE, LOGITS = 32, 2**26
"""Tokens that are read at once at most, and logits that are made of them (256 MB)."""
MOST = 2**14
"""Tokens of all texts together beyond which their keys and values are not kept."""


@dataclass
class Begun:
    """Some texts as far as they were read."""

    rows: list[list[int]]
    cache: Any
    mask: torch.Tensor
    """[text, place of the cache]: 0 where a shorter text is padded."""
    ahead: torch.Tensor
    """Logits of the next token: [text, vocabulary]."""

    def copied(self) -> Begun:
        """The same, to be read on by itself."""
        return Begun([*self.rows], copy.deepcopy(self.cache), self.mask, self.ahead)


def begun(chat: ChatModel, rows: Sequence[list[int]], before: Begun | None = None) -> Begun | None:
    """Read some texts, from where `before` they were read to if they all go on from there. None for
    an architecture whose keys and values cannot be read on, and for texts that are too long."""
    if sum(map(len, rows)) > MOST:
        return None
    goes_on = before is not None and all(
        len(row) > len(own) and row[: len(own)] == own
        for row, own in zip(rows, before.rows, strict=True)
    )
    own = before.copied() if before is not None and goes_on else None
    starts = [len(r) for r in own.rows] if own else [0] * len(rows)
    rest = [row[n:] for row, n in zip(rows, starts, strict=True)]
    width = max(map(len, rest))
    ids = torch.zeros((len(rows), width), dtype=torch.long, device=chat.device)
    told = torch.zeros_like(ids)
    for k, row in enumerate(rest):  # padded on the left: what follows stands behind
        ids[k, width - len(row) :] = torch.tensor(row)
        told[k, width - len(row) :] = 1
    mask = told if own is None else torch.cat([own.mask, told], 1)
    with torch.inference_mode():
        more: dict[str, Any] = placed(mask, width, takes_positions(chat.hf))
        more |= {} if own is None else {"past_key_values": own.cache}
        if "logits_to_keep" in signature(chat.hf.forward).parameters:
            more["logits_to_keep"] = 1
        found = chat.hf(input_ids=ids, use_cache=True, **more)
    kept = getattr(found, "past_key_values", None)
    if not repeatable(kept):
        return None
    return Begun([list(row) for row in rows], kept, mask, found.logits[:, -1])


class Meanwhile:
    """Reads an answer on from texts that were `begun`, as its tokens come; nothing of one that the
    model's context does not hold."""

    def __init__(self, chat: ChatModel, texts: Begun, every: int = EVERY) -> None:
        self.chat, self.texts, self.every = chat, texts, every
        longest, words = max(map(len, texts.rows)), texts.ahead.shape[-1]
        self.room = float("inf") if chat.context is None else chat.context - longest
        self._some = max(1, min(AT_ONCE, LOGITS // (len(texts.rows) * words)))
        self.tokens: list[int] = []
        """What was heard."""
        self.log_p = np.zeros(len(texts.rows))
        """log p of what was read, in nats: [text]."""
        self._read = 0

    def hear(self, token: int) -> None:
        """One more token of the answer."""
        self.tokens.append(token)
        if self.every <= len(self.tokens) - self._read and len(self.tokens) <= self.room:
            self._read_on()

    def ended(self, rows: Sequence[list[int]]) -> Float[np.ndarray, " text"] | None:
        """log p of the answer's tokens in each text, now that the texts are whole; None where they
        are not what was heard, such as where its words are written in other tokens."""
        n, heard = len(self.tokens), self.tokens
        tails = []
        for row, before in zip(rows, self.texts.rows, strict=True):
            start = len(before)
            if row[:start] != before or row[start : start + n] != heard:
                return None
            tails.append(row[start + n :])
        if any(tail != tails[0] for tail in tails) or n + len(tails[0]) > self.room:
            return None
        self.tokens = [*heard, *tails[0]]
        self._read_on()
        return self.log_p

    def _read_on(self) -> None:
        """Read what was heard and not read yet, so much at once that its logits have room."""
        while self._read < len(self.tokens):
            self._read_some(self.tokens[self._read :][: self._some])

    def _read_some(self, new: list[int]) -> None:
        t, n = self.texts, len(self.texts.rows)
        ids = torch.tensor([new] * n, device=self.chat.device)
        t.mask = torch.cat([t.mask, torch.ones_like(ids)], 1)
        with torch.inference_mode():
            told = placed(t.mask, len(new), takes_positions(self.chat.hf))
            logits = self.chat.hf(input_ids=ids, past_key_values=t.cache, **told).logits
            before = torch.cat([t.ahead[:, None], logits[:, :-1]], 1).float()
            said = -torch.nn.functional.cross_entropy(
                before.flatten(0, 1), ids.flatten(), reduction="none"
            )
        t.ahead = logits[:, -1]
        self.log_p = self.log_p + said.double().view(n, -1).sum(1).cpu().numpy()
        self._read += len(new)
