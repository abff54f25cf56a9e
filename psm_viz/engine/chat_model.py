"""A model that can be played and looked into. The only file that knows TransformerLens.

TransformerLens reads: its bridge knows every architecture's blocks, puts its own around them and
hooks what they return. What it puts inside of blocks and beside them, where nothing is read, is
taken out again, so that reading goes at the speed of Hugging Face's own forward pass.

Facts this relies on (TransformerLens 4.3): `boot_transformers` leaves the weights alone, so its
`resid_post` is what a block returns; ids are passed, never strings, because string paths add or
drop the first token differently per model; with the mask, padding changes nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from psm_viz.engine.batching import AT_ONCE, ON_CPU, by_length, of_like_length, of_one_length
from psm_viz.engine.bridged import restore
from psm_viz.engine.open_model import (
    Opened,
    alike,
    context_of,
    open_model,
    same_words,
    without_tokenizer,
)
from psm_viz.engine.pace import Tick, silent
from psm_viz.engine.pooling import pooled_of
from psm_viz.engine.prompts import Words
from psm_viz.engine.sampling import (
    Heard,
    Sampling,
    among_all,
    draw,
    placed,
    takes_positions,
    unheard,
)
from psm_viz.engine.weights import check_weights, fill
from psm_viz.errors import BadFile, BadInput, NotFinite
from psm_viz.study.activations import POOLINGS, RESPONSE
from psm_viz.study.reader import Study


class ChatModel:
    """One loaded model: renders prompts, draws answers, pools `resid_post`.

    Built by `load_chat_model`. With `swap` it becomes another checkpoint; where only the weights
    differ, they are copied in, without booting again.
    """

    def __init__(
        self,
        opened: Opened,
        device: str = "cpu",
        dtype: str = "float32",
        template: Mapping[str, Any] | None = None,
    ) -> None:
        self.device, self.dtype, self._template = device, dtype, dict(template or {})
        if opened.tokenizer is None:
            raise without_tokenizer(opened.name)
        self._start = opened.name
        self._start_words = opened.tokenizer
        self._become(opened)

    def _become(self, opened: Opened) -> None:
        """Boot a model that was loaded, in the place of the one that was held."""
        from transformer_lens.model_bridge import TransformerBridge

        tokenizer, hf = opened.tokenizer, opened.model
        self.name, self.tokenizer = opened.name, tokenizer
        self.tokenizer.padding_side = "left"
        # any token will do for padding, which the mask hides
        self._padding = 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
        self.words = Words(tokenizer, self._template)
        self.prompts = self.words.prompts
        self.hf = hf
        # Kept from before booting: the bridge renames what it holds, these tensors stay the same.
        self._raw = _tensors(hf)
        self._config = copy.deepcopy(hf.config)
        try:
            self.bridge = TransformerBridge.boot_transformers(
                opened.name,
                hf_model=hf,
                tokenizer=copy.deepcopy(tokenizer),  # it sets tokens that this one has not
                device=self.device,
                dtype=getattr(torch, self.dtype),
            )
        except Exception as e:  # an architecture that TransformerLens has no adapter for
            said = str(e).partition(". ")[0].partition("\n")[0]
            raise BadFile(
                f"{opened.name}: TransformerLens cannot read the activations of "
                f"{type(hf).__name__} ({said}).",
                "Play a model of an architecture that it knows.",
            ) from e
        restore(hf, around=set(self.bridge.blocks))
        self.resid_post: list[torch.nn.Module] = [b.hook_out for b in self.bridge.blocks]
        """What each block returns passes through here, in any architecture: where it is read, and
        steered."""
        self.n_layers = int(self.bridge.cfg.n_layers)
        self.d_model = int(self.bridge.cfg.d_model)
        self._stop_at(hf.generation_config.eos_token_id)

    def _stop_at(self, configured: Any) -> None:
        """Answers end with what the generation's config, the tokenizer or the template ends them
        with: fine-tuned folders often disagree with themselves."""
        found = configured if isinstance(configured, list) else [configured]
        found = [*found, self.tokenizer.eos_token_id, self.prompts.end_token()]
        stops = sorted({int(t) for t in found if t is not None})
        self.stops = stops
        """Ids that end an answer."""

    @property
    def context(self) -> int | None:
        """The most tokens it reads at once; None without a limit."""
        return context_of(self._config)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered texts; no special token is added, the template wrote them."""
        return self.words.encode(texts)

    def swap(self, name: str | Path) -> None:
        """Become another checkpoint: its weights and, where they differ, its own config, head,
        tokenizer, template and stop tokens. What brings no tokenizer gets the first model's; an
        adapter whose base is not here is put on the first model.

        Raises BadInput for one of another width or depth, which no map shows beside this one, and
        what `open_model` raises.
        """
        opened = open_model(str(name), device=self.device, dtype=self.dtype, base=self._start)
        opened = replace(opened, tokenizer=opened.tokenizer or self._start_words)
        if type(opened.model) is type(self.hf) and not alike(opened.model.config, self._config):
            fill(self._raw, _tensors(opened.model), str(name))
            self.name = opened.name
            if same_words(opened.tokenizer, self.tokenizer):
                return self._stop_at(opened.model.generation_config.eos_token_id)
        before = (self.n_layers, self.d_model)
        self._become(opened)
        if (self.n_layers, self.d_model) != before:
            raise BadInput(
                f"{name}: has {self.n_layers} layers of width {self.d_model}, its study's "
                f"reference {before[0]} of {before[1]}.",
                "Only models of one depth and width share a map.",
            )
        return None

    @contextmanager
    def scrambled(self, seed: int = 0) -> Iterator[None]:
        """Inside, the weights are those that the architecture starts training with; afterwards they
        are what they were."""
        kept = {name: p.detach().clone() for name, p in self._raw.items()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = _tensors(type(self.hf)(self._config))
        try:
            fill(self._raw, fresh, self._start)
            yield
        finally:
            fill(self._raw, kept, self._start)

    def sample(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling,
        tick: Tick = silent,
        batch: int = AT_ONCE,
        heard: Heard = unheard,
    ) -> list[list[list[int]]]:
        """Draw `samples` answers to each prompt: [prompt][sample] token ids, end token cut off.

        Prompts of like length are read together, once for all their samples, and answers that have
        ended leave the batch. The draw is repeatable for the same prompts and seed. Temperature 0
        takes the likeliest token. `tick` counts prompts. `heard` is told every token of an answer
        as it is drawn, answers numbered prompt by prompt. Raises NotFinite.
        """
        out: list[list[list[int]]] = [[] for _ in prompts]
        ends = torch.tensor(self.stops, dtype=torch.long, device=self.device)
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(sampling.seed)
            for rows in self._batches(prompts, batch, of_like_length):
                own = [prompts[i] for i in rows]
                told = among_all(heard, rows, sampling.samples)
                try:
                    made = draw(self.hf, own, sampling, ends, self.device, tick, told)
                except NotFinite as e:
                    raise self.no_numbers("logits", rows[e.row]) from e
                for k, answer in enumerate(made):
                    out[rows[k // sampling.samples]].append(answer)
        return out

    def pooled(
        self,
        prompts: Sequence[list[int]],
        answers: Sequence[list[int]] | None = None,
        layers: Sequence[int] | None = None,
        *,
        poolings: Sequence[str] = POOLINGS,
        tick: Tick = silent,
        batch: int = AT_ONCE,
    ) -> Float[np.ndarray, "response pooling layer d_model"]:
        """`resid_post` after each wanted block, pooled while the model reads: float32.

        Of `poolings`, in that order: the last prompt token, and the mean over the answer's tokens
        (NaN where the answer is empty or `answers` is None). Batches are sorted by length, padded
        on the left, on a processor of at most `ON_CPU` tokens, and the forward pass stops after
        the last wanted layer. `tick` counts
        responses. Raises BadInput for a prompt without tokens or a layer the model does not have,
        and NotFinite.
        """
        wanted = list(range(self.n_layers)) if layers is None else list(layers)
        if not wanted or min(wanted) < 0 or max(wanted) >= self.n_layers:
            raise BadInput(f"Layers {wanted}: this model has layers 0 to {self.n_layers - 1}.")
        if any(len(p) == 0 for p in prompts):
            raise BadInput("A prompt has no tokens.")
        tails = [[] for _ in prompts] if answers is None else list(answers)
        full = [list(p) + list(a) for p, a in zip(prompts, tails, strict=True)]
        out = np.full((len(full), len(poolings), len(wanted), self.d_model), np.nan, np.float32)
        blocks = [self.resid_post[n] for n in wanted]
        most = ON_CPU if self.device == "cpu" else None
        with torch.inference_mode():
            for rows in self._batches(full, batch, partial(by_length, tokens=most)):
                told = self._padded([full[i] for i in rows])
                n_answer = torch.tensor([len(tails[i]) for i in rows], device=self.device)
                stacked = pooled_of(self.hf, blocks, told, n_answer, poolings)
                there = stacked.isfinite().flatten(2).all(-1)  # [response, pooling]
                if RESPONSE in poolings:
                    there[:, list(poolings).index(RESPONSE)] |= n_answer == 0
                if not there.all():
                    bad = int((~there).any(1).nonzero()[0])
                    raise self.no_numbers("activations", rows[bad])
                out[rows] = stacked.float().cpu().numpy()
                tick(len(rows), sum(len(full[i]) for i in rows))
        return out

    def no_numbers(self, what: str, row: int) -> NotFinite:
        """The error of a model that gives no numbers for a prompt, with what is known of why."""
        bad = [name for name, w in self._raw.items() if not bool(torch.isfinite(w).all())]
        if bad:
            return NotFinite(
                f"{self.name}: holds weights that are no numbers ({bad[0]}).",
                "Put finite weights there and give the same command again: what is finished stays.",
                row,
            )
        return NotFinite(
            f"{self.name}: its {what} are beyond what {self.dtype} holds.",
            "Hold it in another precision (--dtype float32 or bfloat16).",
            row,
        )

    def _batches(
        self,
        rows: Sequence[list[int]],
        batch: int,
        otherwise: Callable[[Sequence[list[int]], int], Iterator[list[int]]],
    ) -> Iterator[list[int]]:
        """Rows to read together; of one length where a model carries a state on, which padding
        would change."""
        alone = getattr(self.bridge.cfg, "is_stateful", False)
        return of_one_length(rows, batch) if alone else otherwise(rows, batch)

    def _padded(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """What the model is called with to read rows of ids, padded on the left."""
        width = max(map(len, rows))
        ids = torch.tensor([[self._padding] * (width - len(r)) + list(r) for r in rows])
        told = {"input_ids": ids.to(self.device)}
        if min(map(len, rows)) == width:
            return told
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        return told | placed(mask.to(self.device), width, takes_positions(self.hf))


def unreadable(config: Any) -> str | None:
    """Why the activations of a model of this config cannot be read; None where they can. Nothing is
    loaded."""
    from transformer_lens.model_bridge.sources.transformers import (
        determine_architecture_from_hf_config,
    )

    try:
        determine_architecture_from_hf_config(config)
    except ValueError:
        return (
            f"TransformerLens cannot read the activations of the architecture {config.model_type}"
        )
    return None


def _tensors(model: Any) -> dict[str, torch.Tensor]:
    """What a checkpoint of an architecture may change: parameters, and buffers that are saved."""
    saved = model.state_dict()
    buffers = {name: b for name, b in model.named_buffers() if name in saved}
    return {**dict(model.named_parameters()), **buffers}


def load_chat_model(
    name: str,
    *,
    device: str = "cpu",
    threads: int | None = None,
    dtype: str = "float32",
    template: Mapping[str, Any] | None = None,
) -> ChatModel:
    """Load whatever `open_model` opens, to be played; `template`: what its chat template is told
    besides the talk (`enable_thinking` and the like).

    Raises what `open_model` raises, BadFile without a tokenizer or for an architecture whose
    activations cannot be read.
    """
    if threads:
        torch.set_num_threads(threads)
    opened = open_model(name, device=device, dtype=dtype)
    return ChatModel(opened, device, dtype, template)


def load_as_played(study: Study, name: str, threads: int | None = None) -> ChatModel:
    """A study's reference, loaded as it was when the study was played: precision and template.

    Raises BadInput for other weights than those or a model of another size, and what
    `load_chat_model` raises.
    """
    own = study.manifest.model
    check_weights(study, name)
    chat = load_chat_model(
        name,
        threads=threads,
        dtype=str(own.get("dtype", "float32")),
        template=own.get("template_told"),
    )
    for key, found in (("d_model", chat.d_model), ("n_layers", chat.n_layers)):
        if own.get(key) not in (None, found):  # a study of imported vectors may not know
            raise BadInput(
                f"{name}: {key} is {found}, the study's reference has {own[key]}.",
                "Name the reference's own weights with --model FOLDER.",
            )
    return chat
