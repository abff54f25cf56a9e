"""What the engine's ways of reading, drawing and weighing are timed against: what one would write
with the libraries themselves, on the same weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.open_model import open_model
from psm_viz.engine.sampling import Sampling


class _Enough(Exception):
    """The bare hook has what it came for."""


class Rivals:
    """Hugging Face's own calls on a model of its own, and TransformerLens' on another, whole one:
    the one that is played has the bridge around its blocks alone."""

    def __init__(self, chat: ChatModel) -> None:
        def loaded() -> Any:
            return open_model(chat.name, device=chat.device, dtype=chat.dtype).model.eval()

        self.chat, self.hf = chat, loaded()
        told = {"tokenizer": copy.deepcopy(chat.tokenizer), "device": chat.device}
        told["dtype"] = getattr(torch, chat.dtype)
        booted = type(chat.bridge).boot_transformers
        self.bridge = booted(chat.name, hf_model=loaded(), **told)
        self.blocks = [self.hf.get_submodule(block.name) for block in self.bridge.blocks]
        self.padding = chat.tokenizer.pad_token_id or 0

    def padded(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """A batch padded on the left, with its mask."""
        width = max(map(len, rows))
        ids = [[self.padding] * (width - len(r)) + r for r in rows]
        mask = [[0] * (width - len(r)) + [1] * len(r) for r in rows]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}

    def forward(self, rows: Sequence[list[int]]) -> int:
        """Hugging Face's forward pass of a batch without logits; how many tokens it read."""
        with torch.inference_mode():
            self.hf.base_model(**self.padded(rows), use_cache=False)
        return sum(map(len, rows))

    def hooked(self, rows: Sequence[list[int]], layer: int) -> int:
        """The last token's state after one layer by a bare hook that ends the pass there."""
        kept = []

        def hook(module: Any, inputs: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output
            kept.append(states[:, -1].clone())
            raise _Enough

        handle = self.blocks[layer].register_forward_hook(hook)
        try:
            with torch.inference_mode():
                self.hf(**self.padded(rows), use_cache=False)
        except _Enough:
            pass
        finally:
            handle.remove()
        return sum(map(len, rows))

    def cached(self, rows: Sequence[list[int]]) -> int:
        """TransformerLens' `run_with_cache` of a batch, `resid_post` of every layer kept alone."""
        batch = self.padded(rows)
        with torch.inference_mode():
            self.bridge.run_with_cache(
                batch["input_ids"],
                attention_mask=batch["attention_mask"],
                names_filter=lambda name: name.endswith("hook_resid_post"),
            )
        return sum(map(len, rows))

    def generate(self, rows: Sequence[list[int]], sampling: Sampling, times: int) -> int:
        """Hugging Face's `generate` of a padded batch, `times` answers a prompt; how many tokens
        the answers have."""
        batch = self.padded(rows)
        with torch.inference_mode():
            made = self.hf.generate(
                **batch,
                do_sample=True,
                temperature=sampling.temperature,
                top_k=0,
                top_p=1.0,
                max_new_tokens=sampling.max_new_tokens,
                num_return_sequences=times,
                eos_token_id=self.chat.stops,
                pad_token_id=self.padding,
            )
        answers = made[:, batch["input_ids"].shape[1] :]
        ended = torch.isin(answers, torch.tensor(self.chat.stops)).cumsum(1) > 0
        return int((~ended).sum())

    def log_probs(self, rows: Sequence[list[int]], wanted: Sequence[list[bool]]) -> int:
        """log p of the wanted tokens from the logits of a whole padded batch."""
        batch = self.padded(rows)
        ids, width = batch["input_ids"], batch["input_ids"].shape[1]
        keep = torch.tensor([[False] * (width - len(w)) + w for w in wanted])[:, 1:]
        with torch.inference_mode():
            logits = self.hf(**batch, use_cache=False).logits[:, :-1]
            log_p = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        return int(log_p[keep].numel())
