"""How likely a model finds every wanted token of a text."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from psm_viz.engine.batching import AT_ONCE, by_length, of_like_length
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.pace import Tick, silent
from psm_viz.engine.sampling import placed, takes_positions
from psm_viz.errors import BadInput

WORTH_KEEPING = 4
"""Tokens that rows must share at their beginning for it to be read once for all."""
SHARED = 2
"""Rows that a stem must serve on average for stems to be read apart from what follows them."""
TURNED = 16
"""Rows of logits that are turned into log-probabilities at once."""
Wanted = Sequence[Sequence[bool] | np.ndarray]


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


@dataclass(frozen=True)
class Read:
    """What stands before some rows' last parts: its keys and values, its length in each row, and
    which of its places are padding (None: none)."""

    cache: Any
    lengths: torch.Tensor
    mask: torch.Tensor | None = None


def log_probs(
    chat: ChatModel,
    rows: Sequence[list[int]],
    wanted: Wanted,
    *,
    batch: int = AT_ONCE,
    tick: Tick = silent,
) -> list[np.ndarray]:
    """log P(token | all tokens before it) at every row's wanted places: [wanted], in nats.

    What all rows begin with is read once, and so is what several of them have before their first
    wanted token, where the architecture keeps a cache that can be repeated; what follows the last
    wanted one is not read. Batches are sorted by length; logits are made at the wanted places only,
    since a whole batch's would fill the memory.
    `tick` counts rows. Raises BadInput for a wanted first token, and NotFinite.
    """
    if any(w[0] for w in wanted if len(w)):
        raise BadInput("The first token of a text has nothing before it to predict it from.")
    out = [np.empty(0) for _ in rows]
    places = [np.flatnonzero(w) for w in wanted]
    firsts = {i: int(at[0]) for i, at in enumerate(places) if len(at)}
    read = {i: rows[i][: int(places[i][-1]) + 1] for i in firsts}
    with torch.inference_mode():
        opening = _opening(chat, [*read.values()], [*firsts.values()])
        n = len(opening.tokens)
        stems: dict[tuple[int, ...], list[int]] = {}
        for i, first in firsts.items():
            # the token before a wanted one is read anew: it is predicted from
            stems.setdefault(tuple(read[i][n : first - 1]), []).append(i)
        if opening.cache is not None and len(stems) * SHARED <= len(firsts) and () not in stems:
            parts = _by_stem(chat, opening, stems, batch)
        else:
            parts = _by_row(chat, opening, read, batch)
        tick(len(rows) - len(firsts), 0)
        for own, before, skip in parts:
            own_rows = [read[i][k:] for i, k in zip(own, skip, strict=True)]
            own_wanted = [wanted[i][k : len(read[i])] for i, k in zip(own, skip, strict=True)]
            said = score_after(chat, own_rows, own_wanted, before, grow=False)
            for i, found in zip(own, said, strict=True):
                if np.isnan(found).any():
                    raise chat.no_numbers("log-probabilities", i)
                out[i] = found
            tick(len(own), sum(len(read[i]) for i in own))
    return out


Part = tuple[list[int], Read, list[int]]
"""Some rows, what was read of them already, and how many tokens of each that is."""


def _by_row(
    chat: ChatModel, opening: Opening, rows: Mapping[int, list[int]], batch: int
) -> Iterator[Part]:
    """Batches of rows of like length, after the opening."""
    n, places = len(opening.tokens), list(rows)
    for some in by_length([*rows.values()], batch):
        own = [places[k] for k in some]
        lengths = torch.full((len(own),), n, device=chat.device)
        yield own, Read(opening.repeated(len(own)), lengths), [n] * len(own)


def _by_stem(
    chat: ChatModel, opening: Opening, stems: dict[tuple[int, ...], list[int]], batch: int
) -> Iterator[Part]:
    """Batches of rows whose stems are read once for all the rows that have them."""
    n, texts = len(opening.tokens), [list(s) for s in stems]
    served = list(stems.values())
    at_once = max(1, batch // max(len(s) for s in served))
    for some in of_like_length(texts, at_once):
        width = max(len(texts[k]) for k in some)
        ids = torch.zeros((len(some), width), dtype=torch.long, device=chat.device)
        mask = torch.ones((len(some), n + width), dtype=torch.long, device=chat.device)
        for row, k in enumerate(some):  # padded on the left: what follows stands behind
            ids[row, width - len(texts[k]) :] = torch.tensor(texts[k])
            mask[row, n : n + width - len(texts[k])] = 0
        cache = opening.repeated(len(some))
        told = placed(mask, width, takes_positions(chat.hf))
        chat.hf(input_ids=ids, past_key_values=cache, use_cache=True, **told)
        of = [row for row, k in enumerate(some) for _ in served[k]]
        index = torch.tensor(of, device=chat.device)
        cache.batch_select_indices(index)
        own = [i for k in some for i in served[k]]
        lengths = mask.sum(1)[index]
        yield own, Read(cache, lengths, mask[index]), lengths.tolist()


def score_after(
    chat: ChatModel,
    rows: Sequence[list[int]],
    wanted: Wanted,
    before: Read,
    *,
    grow: bool = True,
) -> list[np.ndarray]:
    """log p of the wanted tokens of a batch, after what was read of it: [wanted] of each row, in
    nats. A row's first token cannot be wanted.

    What was read grows by the batch; without `grow` the longest rows' last tokens are not read,
    from which nothing is predicted.
    """
    # Padded on the right, so that positions count from the first token in every architecture;
    # what comes later changes no causal model's earlier tokens.
    width = max(map(len, rows))
    ids = torch.zeros((len(rows), width), dtype=torch.long, device=chat.device)
    keep = torch.zeros((len(rows), width), dtype=torch.bool, device=chat.device)
    for k, (row, own) in enumerate(zip(rows, wanted, strict=True)):
        ids[k, : len(row)] = torch.tensor(row)
        keep[k, : len(row)] = torch.tensor(np.asarray(own, dtype=bool))
    at = keep[:, 1:].nonzero(as_tuple=True)
    if not len(at[0]):
        return [np.empty(0) for _ in rows]
    told: dict[str, Any] = {}
    read = ids if grow else ids[:, :-1]
    if before.mask is not None:
        mask = torch.cat([before.mask, torch.ones_like(read)], 1)
        told = placed(mask, read.shape[1], takes_positions(chat.hf))
    logits = _logits_at(chat, read, at, before.cache, told)
    said = _of_tokens(logits, ids[:, 1:][at])
    return [p.numpy() for p in said.double().cpu().split(keep[:, 1:].sum(1).tolist())]


def _of_tokens(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """log p of a token by each row of logits, in single precision: [row]. A few rows at a time,
    which the processor's cache holds: all at once take five times as long."""
    said = [
        -torch.nn.functional.cross_entropy(some.float(), own, reduction="none")
        for some, own in zip(logits.split(TURNED), tokens.split(TURNED), strict=True)
    ]
    return torch.cat(said)


def repeatable(cache: Any) -> bool:
    """Whether a cache is of keys and values alone, each layer's as long as what was read: a state
    that is carried on, or a window, would be changed by padding."""
    from transformers import DynamicCache

    if type(cache) is not DynamicCache:
        return False
    return all(type(layer).__name__ == "DynamicLayer" for layer in cache.layers)


def _opening(chat: ChatModel, rows: Sequence[list[int]], firsts: Sequence[int]) -> Opening:
    """What all rows begin with, up to the token before the first wanted one, read once. Every row
    holds its first wanted token."""
    if len(rows) < 2:
        return Opening([], None)
    longest = min(firsts) - 1
    low, high = min(rows), max(rows)  # what these two share, all share
    n = 0
    while n < longest and low[n] == high[n]:
        n += 1
    if n < WORTH_KEEPING:
        return Opening([], None)
    tokens = rows[0][:n]
    ids = torch.tensor([tokens], device=chat.device)
    cache = getattr(chat.hf(input_ids=ids, use_cache=True), "past_key_values", None)
    if not repeatable(cache):
        return Opening([], None)
    return Opening(tokens, cache)


def _logits_at(
    chat: ChatModel,
    ids: torch.Tensor,
    before: tuple[torch.Tensor, ...],
    cache: Any,
    told: dict[str, Any],
) -> torch.Tensor:
    """Logits at the places that predict the wanted tokens: [place, vocabulary]."""
    head = chat.hf.get_output_embeddings()
    only = head.register_forward_pre_hook(lambda _, x: (x[0][before][None],))
    more = {} if cache is None else {"past_key_values": cache}
    try:
        logits = chat.hf(input_ids=ids, use_cache=cache is not None, **more, **told).logits
    finally:
        only.remove()
    # a model that makes its logits without that module gives them at every place
    narrow = logits.shape[:2] == (1, len(before[0]))
    return logits[0] if narrow else logits[before]
