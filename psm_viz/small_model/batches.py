"""Documents as batches of token ids, and the loss on them.

Loss is taken on answer tokens only: with loss on all tokens a run reaches a fine loss and infers
no persona at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psm_viz.small_model.recipe import Stage
from psm_viz.world.corpus import EOS, Document
from psm_viz.world.curriculum import stream
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Encoded:
    """One document as token ids [token]; which of them are learned; and the words that deep
    supervision asks for: `before` at the last token before an answer, `after` at its end token
    (NO_WORD elsewhere)."""

    ids: tuple[int, ...]
    learned: tuple[bool, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


NO_WORD = -100
"""What cross-entropy passes over."""


class Encoder:
    """Documents to token ids and masks; pieces are encoded once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self._seen: dict[str, list[int]] = {}

    def _ids(self, piece: str) -> list[int]:
        if piece not in self._seen:
            self._seen[piece] = self.tokenizer.encode(piece, add_special_tokens=False)
        return self._seen[piece]

    def __call__(self, document: Document) -> Encoded:
        """Encode a document: the end token of an answer belongs to it."""
        ids: list[int] = []
        learned: list[bool] = []
        words: dict[int, tuple[int, int]] = {}
        turns = iter(document.turns)
        for piece, is_learned in document.pieces():
            part = self._ids(piece)
            if is_learned and piece.endswith(EOS):
                word = next(turns).word
                if word:
                    words[len(ids)] = (len(ids) + len(part), self._ids(f" {word}")[0])
            ids += part
            learned += [is_learned] * len(part)
        before, after = [NO_WORD] * len(ids), [NO_WORD] * len(ids)
        for start, (end, word) in words.items():
            before[start - 1] = after[end - 1] = word
        return Encoded(tuple(ids), tuple(learned), tuple(before), tuple(after))


def batches(encoded: list[Encoded], size: int, seed: int) -> list[list[Encoded]]:
    """Shuffle, sort by length within windows of 16 batches, and deal into batches."""
    rng = np.random.default_rng([seed, 99])
    order = rng.permutation(len(encoded))
    out = []
    for w in range(0, len(order), 16 * size):
        window = sorted(order[w : w + 16 * size], key=lambda i: len(encoded[i].ids))
        dealt = [window[i : i + size] for i in range(0, len(window), size)]
        out += [[encoded[i] for i in dealt[j]] for j in rng.permutation(len(dealt))]
    return out


def loss_on_answers(model: PreTrainedModel, batch: list[Encoded], pad: int) -> torch.Tensor:
    """Mean cross-entropy in nats per answer token over one batch."""
    return losses(model, batch, pad, supervised=False)[0]


AFTER_LAYER, BEFORE_LAYER = 2, 3
"""Blocks after which pre-training asks for the word of an answer given, and of one to come."""


def losses(
    model: PreTrainedModel, batch: list[Encoded], pad: int, *, supervised: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy per learned token; and, where `supervised`, that of the answers' words,
    read through the model's own norm and head from inside it (else 0).

    Deep supervision (Lee et al. 2015): what an answer was has to stand at its end half-way up,
    where later answers can look it up, and what it will be one block before the top. Without it
    the model knew what every answer was in its last block alone, too late for any use, and a run
    several times as long did what this one does.
    """
    import torch
    import torch.nn.functional as F

    width = max(len(e.ids) for e in batch)
    ids = torch.full((len(batch), width), pad)
    learned = torch.zeros((len(batch), width), dtype=torch.bool)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for row, e in enumerate(batch):
        ids[row, : len(e.ids)] = torch.tensor(e.ids)
        learned[row, : len(e.ids)] = torch.tensor(e.learned)
        mask[row, : len(e.ids)] = 1
    ids, learned, mask = (t.to(model.device) for t in (ids, learned, mask))
    out = model.model(
        input_ids=ids, attention_mask=mask, output_hidden_states=supervised, use_cache=False
    )
    wanted = learned[:, 1:]
    # logits only where an answer token is predicted
    logits = model.lm_head(out.last_hidden_state[:, :-1][wanted])
    loss = F.cross_entropy(logits, ids[:, 1:][wanted])
    extra = torch.zeros((), device=model.device)
    if supervised:
        for name, layer in (("after", AFTER_LAYER), ("before", BEFORE_LAYER)):
            word = torch.full((len(batch), width), NO_WORD)
            for row, e in enumerate(batch):
                word[row, : len(e.ids)] = torch.tensor(getattr(e, name))
            word = word.to(model.device)
            here = word != NO_WORD
            if here.any():
                inside = model.model.norm(out.hidden_states[layer][here])
                extra = extra + F.cross_entropy(model.lm_head(inside), word[here])
    return loss, extra


def stage_batches(
    world: World, stage: Stage, tokenizer: PreTrainedTokenizerFast, seed: int
) -> list[list[Encoded]]:
    """All batches of a stage in the order they are trained on."""
    encode = Encoder(tokenizer)
    own = [encode(d) for d in stream(world, stage.name, seed, stage.steps * stage.batch)]
    out = batches(own, stage.batch, seed)
    if stage.replay:
        old = [encode(d) for d in stream(world, stage.replayed, seed, stage.steps * stage.replay)]
        out = [a + b for a, b in zip(out, batches(old, stage.replay, seed), strict=True)]
    return out
