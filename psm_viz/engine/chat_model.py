"""A model that can be played and looked into. The only file that knows TransformerLens.

Facts this relies on (TransformerLens 4.3): `boot_transformers` leaves the weights alone, so its
`resid_post` equals Hugging Face's hidden states; ids are passed, never strings, because string
paths add or drop the first token differently per model; with the mask, padding changes nothing.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from psm_viz.engine.prompts import Prompts
from psm_viz.engine.sampling import Sampling, draw, of_one_length
from psm_viz.engine.weights import copy_weights
from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.activations import POOLINGS

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


class ChatModel:
    """One loaded model: renders prompts, draws answers, pools `resid_post`.

    Built by `load_chat_model`. Weights of other checkpoints of the same architecture can be swapped
    in with `swap`, without booting again.
    """

    def __init__(self, folder: str, hf: Any, tokenizer: Any, device: str) -> None:
        from transformer_lens.model_bridge import TransformerBridge

        self.tokenizer = tokenizer
        self.tokenizer.padding_side = "left"
        # any token will do for padding, which the mask hides
        self._padding = 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
        self.prompts = Prompts(tokenizer)
        self.device = device
        self.hf = hf.eval()
        # Kept from before booting: the bridge renames parameters, these tensors stay the same.
        self._raw = dict(hf.named_parameters())
        self.bridge = TransformerBridge.boot_transformers(
            folder, hf_model=hf, tokenizer=tokenizer, device=device, dtype=torch.float32
        )
        stop = self.hf.generation_config.eos_token_id
        stops = stop if isinstance(stop, list) else [] if stop is None else [stop]
        self._stops = torch.tensor(stops, dtype=torch.long, device=device)
        self.resid_post = [block.hook_out for block in self.bridge.blocks]
        """What each block returns passes through here, in any architecture: where it is steered."""
        self.n_layers = int(self.bridge.cfg.n_layers)
        self.d_model = int(self.bridge.cfg.d_model)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered texts; no special token is added, the template wrote them."""
        return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]

    def swap(self, folder: Path) -> None:
        """Copy another checkpoint's weights in. Raises BadFile when they do not fit."""
        copy_weights(self._raw, folder)

    @contextmanager
    def scrambled(self, seed: int = 0) -> Iterator[None]:
        """Inside, the weights are those that the architecture starts training with; afterwards they
        are what they were."""
        kept = {name: p.detach().clone() for name, p in self._raw.items()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = dict(type(self.hf)(self.hf.config).named_parameters())
        try:
            _fill(self._raw, fresh)
            yield
        finally:
            _fill(self._raw, kept)

    def sample(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling,
        tick: Callable[[int], None] = lambda n: None,
        batch: int = 256,
    ) -> list[list[list[int]]]:
        """Draw `samples` answers to each prompt: [prompt][sample] token ids, end token cut off.

        Prompts of one length are read together, once for all their samples, and answers that have
        ended leave the batch. The draw is repeatable for the same prompts and seed. Temperature 0
        takes the likeliest token.
        """
        out: list[list[list[int]]] = [[] for _ in prompts]
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(sampling.seed)
            for rows in of_one_length(prompts, batch):
                own = [prompts[i] for i in rows]
                made = draw(self.hf, own, sampling, self._stops, self.device)
                for k, answer in enumerate(made):
                    out[rows[k // sampling.samples]].append(answer)
                tick(len(rows))
        return out

    def pooled(
        self,
        prompts: Sequence[list[int]],
        answers: Sequence[list[int]] | None = None,
        layers: Sequence[int] | None = None,
        tick: Callable[[int], None] = lambda n: None,
        batch: int = 256,
    ) -> Float[np.ndarray, "response pooling layer d_model"]:
        """`resid_post` after each wanted block, pooled inside the hook: float32.

        Poolings in the order of `POOLINGS`: the last prompt token, and the mean over the answer's
        tokens (NaN where the answer is empty or `answers` is None). Batches are sorted by length,
        padded on the left, and the forward pass stops after the last wanted layer. Raises
        BadInput for a prompt without tokens or a layer the model does not have.
        """
        wanted = list(range(self.n_layers)) if layers is None else list(layers)
        if not wanted or min(wanted) < 0 or max(wanted) >= self.n_layers:
            raise BadInput(f"Layers {wanted}: this model has layers 0 to {self.n_layers - 1}.")
        if any(len(p) == 0 for p in prompts):
            raise BadInput("A prompt has no tokens.")
        tails = [[] for _ in prompts] if answers is None else list(answers)
        full = [list(p) + list(a) for p, a in zip(prompts, tails, strict=True)]
        out = np.full((len(full), len(POOLINGS), len(wanted), self.d_model), np.nan, np.float32)
        # Every layer but the last can stop early; at the last, stopping would return the logits.
        stop = max(wanted) + 1 if max(wanted) + 1 < self.n_layers else None
        with torch.inference_mode():
            for rows in by_length(full, batch):
                ids, mask = self._pad([full[i] for i in rows])
                n_answer = torch.tensor([len(tails[i]) for i in rows], device=self.device)
                pooled: dict[int, torch.Tensor] = {}
                hooks: list[Any] = [
                    (f"blocks.{n}.hook_resid_post", _pool_into(pooled, n, n_answer)) for n in wanted
                ]
                self.bridge.run_with_hooks(
                    ids, attention_mask=mask, fwd_hooks=hooks, stop_at_layer=stop
                )
                stacked = torch.stack([pooled[n] for n in wanted], dim=2)
                out[rows] = stacked.float().cpu().numpy()
                tick(len(rows))
        return out

    def log_probs(
        self,
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
            opening = self._opening(rows, wanted)
            n = len(opening.tokens)
            for own in by_length(rows, batch):
                # Padded on the right, so that positions count from the first token in every
                # architecture; what comes later changes no causal model's earlier tokens.
                width = max(len(rows[i]) for i in own) - n
                ids = torch.zeros((len(own), width), dtype=torch.long, device=self.device)
                keep = torch.zeros((len(own), width), dtype=torch.bool, device=self.device)
                for k, i in enumerate(own):
                    ids[k, : len(rows[i]) - n] = torch.tensor(rows[i][n:])
                    keep[k, : len(rows[i]) - n] = torch.tensor(wanted[i][n:])
                before = keep[:, 1:].nonzero(as_tuple=True)
                if not len(before[0]):
                    continue
                logits = self._logits_at(ids, before, opening.repeated(len(own)))
                said = logits.gather(-1, ids[:, 1:][before][:, None])[:, 0] - logits.logsumexp(-1)
                parts = said.double().cpu().split(keep.sum(1).tolist())
                for i, part in zip(own, parts, strict=True):
                    out[i] = part.numpy()
        return out

    def _opening(
        self, rows: Sequence[list[int]], wanted: Sequence[Sequence[bool] | np.ndarray]
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
        ids = torch.tensor([tokens], device=self.device)
        cache = getattr(self.hf(input_ids=ids, use_cache=True), "past_key_values", None)
        if not _repeatable(cache):
            return Opening([], None)
        return Opening(tokens, cache)

    def _logits_at(
        self, ids: torch.Tensor, before: tuple[torch.Tensor, ...], cache: Any
    ) -> torch.Tensor:
        """Logits at the places that predict the wanted tokens: [place, vocabulary]."""
        head = self.hf.get_output_embeddings()
        only = head.register_forward_pre_hook(lambda _, x: (x[0][before][None],))
        more = {} if cache is None else {"past_key_values": cache}
        try:
            logits = self.hf(input_ids=ids, use_cache=cache is not None, **more).logits
        finally:
            only.remove()
        # a model that makes its logits without that module gives them at every place
        narrow = logits.shape[:2] == (1, len(before[0]))
        return (logits[0] if narrow else logits[before]).float()

    def _pad(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, rows))
        ids = torch.tensor([[self._padding] * (width - len(r)) + list(r) for r in rows])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        return ids.to(self.device), mask.to(self.device)


def _fill(parameters: dict[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(values[name])


def _pool_into(
    pooled: dict[int, torch.Tensor], layer: int, n_answer: torch.Tensor
) -> Callable[..., None]:
    """A hook that keeps [batch, pooling, d_model] of one layer instead of every position."""

    def hook(tensor: torch.Tensor, hook: Any = None) -> None:
        batch, width, _ = tensor.shape
        last_prompt = width - 1 - n_answer  # padding is on the left
        at = torch.arange(width, device=tensor.device)
        inside = (at[None] > last_prompt[:, None]).to(tensor.dtype)  # [batch, pos]
        prompt = tensor[torch.arange(batch, device=tensor.device), last_prompt]
        mean = torch.einsum("bpd,bp->bd", tensor, inside) / n_answer[:, None]  # empty: 0 / 0 = NaN
        pooled[layer] = torch.stack([prompt, mean], dim=1)

    return hook


def by_length(rows: Sequence[Sequence[int]], batch: int) -> Iterator[list[int]]:
    """Indices of `rows` in batches of like length: arrival order would cost twice the time."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), batch):
        yield order[start : start + batch]


def model_name(name: str) -> tuple[str, bool]:
    """Tell a local folder from a hub name: (name, is local).

    A mistyped folder would otherwise be looked up on the hub for half a minute. Raises UnknownName.
    """
    path = Path(name)
    if path.is_dir():
        if not (path / "config.json").exists():
            raise BadFile(f"{path}: holds no config.json.", "Name a Hugging Face model folder.")
        return str(path), True
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise UnknownName(
            f"There is no model folder {name!r}.",
            "Name an existing folder, or a hub model as owner/name.",
        )
    return name, False


def load_chat_model(
    name: str, *, device: str = "cpu", threads: int | None = None, revision: str | None = None
) -> ChatModel:
    """Load a model folder (or a hub model, named owner/name) in float32.

    Raises UnknownName for a folder that does not exist, BadFile for one that cannot be loaded,
    BadInput for a revision of a folder, which has none.
    """
    name, local = model_name(name)
    if local and revision:
        raise BadInput(f"{name} is a folder: a revision ({revision!r}) cannot be chosen.")
    if local:
        os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    if threads:
        torch.set_num_threads(threads)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
        hf = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, revision=revision)
    except Exception as e:  # truncated weights, unknown architecture, no network: one message
        first = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise BadFile(f"{name}: the model cannot be loaded ({first}).") from e
    return ChatModel(name, hf, tokenizer, device)


def model_card(chat: ChatModel, name: str) -> dict[str, Any]:
    """What a study records of its model."""
    config = chat.hf.config
    return {
        "name": name,
        "architecture": type(chat.hf).__name__,
        "n_layers": chat.n_layers,
        "d_model": chat.d_model,
        "parameters": sum(p.numel() for p in chat._raw.values()),
        "dtype": "float32",
        "template": chat.tokenizer.chat_template,
        "own_template": chat.prompts.own_template,
        "system_role": chat.prompts.system_role,
        "vocabulary": json.loads(config.to_json_string()).get("vocab_size"),
    }
