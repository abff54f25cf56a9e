"""How likely a model finds every wanted token of a text."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from psm_viz.engine.chat_model import ChatModel, by_length
from psm_viz.errors import BadInput

WORTH_KEEPING = 4
"""Tokens that rows must share at their beginning for it to be read once for all."""


@dataclass(frozen=True)
class Opening:
    """What some rows begin with, and the keys and values that the model made of it."""

    tokens: list[int]
    cache: Any

    def repeated(self, times: int) -> Any:
        """A cache of its own for so many rows; None where there is nothing to share."""
        if self.cache is None:
            return None
        own = copy.deepcopy(self.cache)
        own.batch_repeat_interleave(times)
        return own


def _repeatable(cache: Any) -> bool:
    """Whether a cache is of keys and values alone, each layer's as long as what was read: a state
    that is carried on, or a window, would be changed by padding."""
    from transformers import DynamicCache

    if type(cache) is not DynamicCache:
        return False
    return all(type(layer).__name__ == "DynamicLayer" for layer in cache.layers)


def log_probs(
    chat: ChatModel,
    rows: Sequence[list[int]],
    wanted: Sequence[Sequence[bool] | np.ndarray],
    *,
    batch: int = 256,
) -> list[np.ndarray]:
    """log P(token | all tokens before it) at every row's wanted places: [wanted], in nats.

    What all rows begin with is read once, where the architecture keeps a cache that can be
    repeated. Batches are sorted by length; logits are made at the wanted places only, since a
    whole batch's would fill the memory. Raises BadInput for a wanted first token.
    """
    if any(w[0] for w in wanted if len(w)):
        raise BadInput("The first token of a text has nothing before it to predict it from.")
    out = [np.empty(0) for _ in rows]
    with torch.inference_mode():
        opening = _opening(chat, rows, wanted)
        n = len(opening.tokens)
        for own in by_length(rows, batch):
            # Padded on the right, so that positions count from the first token in every
            # architecture; what comes later changes no causal model's earlier tokens.
            width = max(len(rows[i]) for i in own) - n
            ids = torch.zeros((len(own), width), dtype=torch.long, device=chat.device)
            keep = torch.zeros((len(own), width), dtype=torch.bool, device=chat.device)
            for k, i in enumerate(own):
                ids[k, : len(rows[i]) - n] = torch.tensor(rows[i][n:])
                keep[k, : len(rows[i]) - n] = torch.tensor(wanted[i][n:])
            before = keep[:, 1:].nonzero(as_tuple=True)
            if not len(before[0]):
                continue
            logits = _logits_at(chat, ids, before, opening.repeated(len(own)))
            said = logits.gather(-1, ids[:, 1:][before][:, None])[:, 0] - logits.logsumexp(-1)
            parts = said.double().cpu().split(keep.sum(1).tolist())
            for i, part in zip(own, parts, strict=True):
                out[i] = part.numpy()
    return out


def _opening(
    chat: ChatModel, rows: Sequence[list[int]], wanted: Sequence[Sequence[bool] | np.ndarray]
) -> Opening:
    """What all rows begin with, up to the token before the first wanted one, read once."""
    firsts = [int(np.flatnonzero(w)[0]) for w in wanted if np.any(w)]
    if len(rows) < 2 or not firsts:
        return Opening([], None)
    # at least the token before a wanted one is read anew: it is predicted from
    longest = max(0, min([*(f - 1 for f in firsts), *(len(r) - 1 for r in rows)]))
    low, high = min(rows), max(rows)  # what these two share, all share
    n = 0
    while n < min(longest, len(low), len(high)) and low[n] == high[n]:
        n += 1
    if n < WORTH_KEEPING:
        return Opening([], None)
    tokens = rows[0][:n]
    ids = torch.tensor([tokens], device=chat.device)
    cache = getattr(chat.hf(input_ids=ids, use_cache=True), "past_key_values", None)
    if not _repeatable(cache):
        return Opening([], None)
    return Opening(tokens, cache)


def _logits_at(
    chat: ChatModel, ids: torch.Tensor, before: tuple[torch.Tensor, ...], cache: Any
) -> torch.Tensor:
    """Logits at the places that predict the wanted tokens: [place, vocabulary]."""
    head = chat.hf.get_output_embeddings()
    only = head.register_forward_pre_hook(lambda _, x: (x[0][before][None],))
    more = {} if cache is None else {"past_key_values": cache}
    try:
        logits = chat.hf(input_ids=ids, use_cache=cache is not None, **more).logits
    finally:
        only.remove()
    # a model that makes its logits without that module gives them at every place
    narrow = logits.shape[:2] == (1, len(before[0]))
    return (logits[0] if narrow else logits[before]).float()
