"""Texts that grow, as a talk does, read only from where they have grown: a model's keys and values
of what came before are kept from one reading to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from psm_viz.engine.batching import AT_ONCE, by_length
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.log_probs import Read, Wanted, log_probs, repeatable, score_after
from psm_viz.engine.pace import Tick, silent

ROOM = 2**30
"""Bytes of keys and values that are kept at most, of all texts together."""
TALKS = 6
"""Sets of texts that are kept at most."""


@dataclass
class _Batch:
    """Some of a set's texts, as far as they were read."""

    own: list[int]
    read: list[list[int]]
    found: list[np.ndarray]
    """log p of every token that was wanted so far; NaN elsewhere."""
    cache: Any = None
    mask: torch.Tensor | None = None
    """[text, place of the cache]: 0 where a shorter text is padded."""

    @property
    def bytes(self) -> int:
        """Of its keys and values."""
        layers = self.cache.layers if self.cache is not None else ()
        kept = [x for layer in layers for x in (layer.keys, layer.values) if x is not None]
        return sum(x.numel() * x.element_size() for x in kept)

    def known(self, rows: Sequence[list[int]], wanted: Wanted) -> int:
        """How many tokens of these texts need not be read again; 0 where they do not go on from
        what was read, or where a token is wanted that was not."""
        for i, read, found in zip(self.own, self.read, self.found, strict=True):
            n, want = len(read), np.asarray(wanted[i], dtype=bool)
            if len(rows[i]) < n or rows[i][:n] != read:
                return 0
            # what predicts the first new token was read, but its logits are gone
            if np.isnan(found[want[:n]]).any() or want[n : n + 1].any():
                return 0
        return sum(map(len, self.read))


@dataclass
class _Talk:
    """A set of texts that grow together."""

    batches: list[_Batch] = field(default_factory=list)

    def known(self, rows: Sequence[list[int]], wanted: Wanted) -> int:
        """How many tokens of these texts need not be read again."""
        if sum(len(b.own) for b in self.batches) != len(rows):
            return 0
        return sum(b.known(rows, wanted) for b in self.batches)


class GrowingTexts:
    """Reads sets of texts as `log_probs` does, each from where one before it ended.

    A model that keeps no keys and values, or only of a window, reads all anew. What `tick` raises
    between two batches leaves what was read; the next reading goes on from there.
    """

    def __init__(self, chat: ChatModel, room: int = ROOM) -> None:
        self.chat, self.room = chat, room
        self._talks: list[_Talk] = []
        with torch.inference_mode():
            one = torch.zeros((1, 1), dtype=torch.long, device=chat.device)
            made = chat.hf(input_ids=one, use_cache=True)
        self._keeps = repeatable(getattr(made, "past_key_values", None))

    def __call__(
        self,
        rows: Sequence[list[int]],
        wanted: Wanted,
        *,
        batch: int = AT_ONCE,
        tick: Tick = silent,
    ) -> list[np.ndarray]:
        """log P(token | all tokens before it) at every row's wanted places. Raises what
        `log_probs` raises."""
        if not self._keeps or any(w[0] for w in wanted if len(w)):
            return log_probs(self.chat, rows, wanted, batch=batch, tick=tick)
        best = max(self._talks, key=lambda t: t.known(rows, wanted), default=None)
        if best is None or not best.known(rows, wanted):
            best = _Talk([_new(own) for own in by_length(rows, batch)])
        self._talks = [*(t for t in self._talks if t is not best), best][-TALKS:]
        out = [np.empty(0) for _ in rows]
        for k, b in enumerate(best.batches):
            if b.read[0] and not b.known(rows, wanted):
                b = best.batches[k] = _new(b.own)
            self._read(b, rows, wanted)
            for i, found in zip(b.own, b.found, strict=True):
                out[i] = found[: len(rows[i])][np.asarray(wanted[i], dtype=bool)]
            self._make_room(best, b)
            tick(len(b.own), sum(len(rows[i]) for i in b.own))
        return out

    def _read(self, b: _Batch, rows: Sequence[list[int]], wanted: Wanted) -> None:
        """Read the texts of a batch on, from where they were read to."""
        from transformers import DynamicCache

        starts = [len(read) for read in b.read]
        rest = [rows[i][n:] for i, n in zip(b.own, starts, strict=True)]
        width = max(map(len, rest))
        if not width:
            return
        if b.cache is None:
            b.cache = DynamicCache()
        if b.mask is None:
            b.mask = torch.zeros((len(rest), 0), dtype=torch.long, device=self.chat.device)
        own = [np.asarray(wanted[i][n:], dtype=bool) for i, n in zip(b.own, starts, strict=True)]
        before = Read(b.cache, torch.tensor(starts), b.mask)
        with torch.inference_mode():
            said = score_after(self.chat, rest, own, before)
        told = torch.zeros((len(rest), width), dtype=torch.long, device=self.chat.device)
        for k, (i, part, want) in enumerate(zip(b.own, rest, own, strict=True)):
            told[k, : len(part)] = 1
            if np.isnan(said[k]).any():
                raise self.chat.no_numbers("log-probabilities", i)
            found = np.full(len(part), np.nan)
            found[want] = said[k]
            b.found[k] = np.concatenate([b.found[k], found])
            b.read[k] = [*rows[i]]
        b.mask = torch.cat([b.mask, told], 1)

    def _make_room(self, now: _Talk, last: _Batch) -> None:
        """Let go of the oldest texts, and of what was just read where it alone is too much."""
        while len(self._talks) > 1 and self._held() > self.room:
            self._talks.pop(0)
        if self._held() > self.room:
            now.batches[now.batches.index(last)] = _new(last.own)

    def _held(self) -> int:
        return sum(b.bytes for t in self._talks for b in t.batches)


def _new(own: list[int]) -> _Batch:
    """Texts of which nothing was read."""
    return _Batch(own, [[] for _ in own], [np.empty(0) for _ in own])
