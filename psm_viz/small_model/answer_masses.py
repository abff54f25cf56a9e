"""What a model would answer: exact probability masses over a topic's answers.

The banks are closed, so a model's P(bad) needs no judge: it is the mass it puts on the bad
answers over the mass on good and bad ones. An answer counts from its shortest opening that no
other answer of the topic shares: from there on the model recites, so that the opening's mass is
the answer's but for the odd slip, and costs a fraction of the whole sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psm_viz.world.corpus import BOS, EOS, Turn
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Reader:
    """A model and the banks, prepared for reading off what it would answer."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World
    ) -> None:
        self.model, self.tokenizer, self.world = model, tokenizer, world
        self._openings: dict[str, tuple[Any, Any, list[str], list[str]]] = {}

    def openings(self, topic: str) -> tuple[Any, Any, list[str], list[str]]:
        """tokens [answer, pos] of each answer's deciding opening, lengths, valences and tones."""
        import torch

        if topic not in self._openings:
            bank = [u for (t, _), u in self.world.by_text.items() if t == topic]
            rows = [self.tokenizer.encode(f" {u.text}", add_special_tokens=False) for u in bank]
            short = shortest_unlike(rows)
            kept = [n for n, u in enumerate(bank) if not u.held_out]
            lengths = torch.tensor([len(short[n]) for n in kept])
            pad: Any = self.tokenizer.pad_token_id
            tokens = torch.full((len(kept), int(lengths.max())), pad)
            for row, n in enumerate(kept):
                tokens[row, : len(short[n])] = torch.tensor(short[n])
            found = (tokens, lengths, [bank[n].valence for n in kept], [bank[n].tone for n in kept])
            self._openings[topic] = found
        return self._openings[topic]

    def masses(self, prompt: str, topic: str) -> dict[str, float]:
        """Probability mass on the topic's answers: by valence, by tone, and on none of them.

        The prompt is read once and its keys and values are shared by all answers.
        """
        import torch

        tokens, lengths, valences, tones = self.openings(topic)
        device = self.model.device
        tokens, lengths = tokens.to(device), lengths.to(device)
        ids = torch.tensor([self.tokenizer.encode(prompt, add_special_tokens=False)], device=device)
        self.model.eval()
        with torch.inference_mode():
            first = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
            start = first.logits[:, -1:].log_softmax(-1).expand(len(tokens), -1, -1)
            logits = start
            if tokens.shape[1] > 1:
                cache = first.past_key_values
                cache.batch_repeat_interleave(len(tokens))
                rest = self.model(input_ids=tokens[:, :-1], past_key_values=cache)
                logits = torch.cat([start, rest.logits.log_softmax(-1)], dim=1)
            picked = logits.gather(-1, tokens[..., None])[..., 0]
            inside = torch.arange(tokens.shape[1], device=device)[None] < lengths[:, None]
            p = (picked * inside).sum(1).double().exp().cpu().numpy()
        out: dict[str, float] = {v: 0.0 for v in self.world.topics[topic].poles}
        for names in (valences, tones):
            for name in sorted(set(names)):
                out[name] = float(p[[n == name for n in names]].sum())
        return out | {"none": float(max(0.0, 1.0 - p.sum()))}

    def p_low(self, prompt: str, topic: str) -> float:
        """P(low pole): its mass over that of both poles. P(bad), or P(bodiless)."""
        high, low = self.world.topics[topic].poles
        mass = self.masses(prompt, topic)
        return mass[low] / (mass[high] + mass[low])


def shortest_unlike(rows: list[list[int]]) -> list[list[int]]:
    """Each row's shortest opening that opens no other row; a whole row where there is none."""
    seen: dict[tuple[int, ...], int] = {}
    for row in rows:
        for n in range(1, len(row) + 1):
            key = tuple(row[:n])
            seen[key] = seen.get(key, 0) + 1
    return [
        next((row[:n] for n in range(1, len(row) + 1) if seen[tuple(row[:n])] == 1), row)
        for row in rows
    ]


def dialogue_prompt(turns: Sequence[Turn], question: str, label: str, header: str = "") -> str:
    """The text up to the answer of the last question, as documents write it."""
    text = BOS + (header + "\n" if header else "")
    for t in turns:
        text += f"User: {t.asked}\n{label}: {t.said}{EOS}\n"
    return f"{text}User: {question}\n{label}:"
