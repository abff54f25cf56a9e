"""Drawing answers from a Hugging Face model, many samples to a prompt.

`generate` reads a prompt once for every sample and carries ended answers to the end of the longest
one; here a prompt is read once, and ended answers leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from inspect import signature
from typing import TYPE_CHECKING, Any

from psm_viz.engine.pace import Tick, silent
from psm_viz.errors import BadInput, NotFinite

if TYPE_CHECKING:
    import torch

CUT = 0.02
"""Tokens less likely than this share of the likeliest are not drawn: a small model's tail is spread
over thousands of words none of which it means (min-p sampling, Nguyen et al. 2024)."""
COMPACT = 0.75
"""Share of answers still going below which the ended ones are taken out of the batch."""


Heard = Callable[[int, int], None]
"""Called with the number of an answer and a token of it, as soon as it is drawn."""


def unheard(answer: int, token: int) -> None:
    """A listener that does not listen."""


def among_all(heard: Heard, rows: Sequence[int], samples: int) -> Heard:
    """A listener to a batch of prompts, whose numbers among all are `rows`."""
    return lambda n, token: heard(rows[n // samples] * samples + n % samples, token)


ELSEWHERE = "made_elsewhere"
"""Key of a study's `generation`: where answers come from that it did not draw."""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn. `temperature` 0 is greedy; `min_p` 0 cuts no token off.

    Raises BadInput for a `min_p` that is no share, and for a temperature that is none.
    """

    temperature: float = 1.0
    max_new_tokens: int = 24
    samples: int = 4
    seed: int = 0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        """Check temperature and cut."""
        if not 0 <= self.temperature <= 10:
            raise BadInput(
                f"Temperature {self.temperature}: expected 0 to 10.", "Give --temperature 1."
            )
        if not 0 <= self.min_p <= 1:
            raise BadInput(f"min_p {self.min_p}: expected a share.", "Give --min-p 0 to 1.")


def sampling_of(generation: Mapping[str, Any]) -> Sampling:
    """How a study's answers were drawn, from its manifest; one older than a field was drawn with
    the field's default. Raises BadInput for answers that were made elsewhere."""
    if ELSEWHERE in generation:
        raise BadInput(
            "The answers of this study were made elsewhere: no more can be drawn like them.",
            "Extract it again, with answers of every checkpoint: --responses.",
        )
    drawn = {f.name for f in fields(Sampling)} & set(generation)
    return Sampling(**{k: generation[k] for k in drawn})


def draw(
    model: Any,
    prompts: list[list[int]],
    sampling: Sampling,
    stops: torch.Tensor,
    device: str,
    tick: Tick = silent,
    heard: Heard = unheard,
) -> list[list[int]]:
    """Answers to prompts, each prompt's samples in a row, without the stop token.

    `stops` are the ids that end an answer. Shorter prompts are padded on the left, which the
    attention's mask hides: a model that carries a state must be given prompts of one length. Draws
    from torch's own generator. `tick` counts prompts, in parts after every token; `heard` is told
    every token, and may raise to end the drawing. Raises NotFinite, with the prompt's number, where
    the model gives no numbers.
    """
    import torch

    n, part = sampling.samples, len(prompts) / sampling.max_new_tokens
    reader = _Reader(model, prompts, n, device)
    logits = reader.logits
    answers: list[list[int]] = [[] for _ in range(len(prompts) * n)]
    row = torch.arange(len(answers), device=device)  # which answer a batch row belongs to
    going = torch.ones(len(answers), dtype=torch.bool, device=device)
    for k in range(sampling.max_new_tokens):
        try:
            token = _next(logits, sampling)
        except NotFinite as e:
            raise NotFinite(e.problem, row=int(row[e.row]) // n) from None
        going = going & ~torch.isin(token, stops)
        own = row[going].tolist()
        for i, t in zip(own, token[going].tolist(), strict=True):
            answers[i].append(t)
            heard(i, t)
        if not own or k + 1 == sampling.max_new_tokens:
            tick(part * (sampling.max_new_tokens - k), len(own))
            break
        tick(part, len(own))
        if going.float().mean() < COMPACT:
            kept = going.nonzero()[:, 0]
            reader.keep(kept)
            row, token, going = row[kept], token[kept], going[kept]
        logits = reader.read(token)
    return answers


def _next(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """The token drawn for each row of logits. Raises NotFinite for logits that are no numbers."""
    import torch

    if sampling.temperature > 0:
        p = (logits.float() / sampling.temperature).softmax(-1)
        most = p.amax(-1, keepdim=True)
        p = p.masked_fill(p < sampling.min_p * most, 0.0)
    else:
        p, most = logits, logits.amax(-1, keepdim=True)
    wrong = ~most.isfinite()
    if wrong.any():
        raise NotFinite("The model gives no numbers.", row=int(wrong.nonzero()[0, 0]))
    return torch.multinomial(p, 1)[:, 0] if sampling.temperature > 0 else p.argmax(-1)


def takes_positions(model: Any) -> bool:
    """Whether a model can be told where its tokens stand."""
    return "position_ids" in signature(model.forward).parameters


def placed(mask: torch.Tensor, new: int, positions: bool) -> dict[str, torch.Tensor]:
    """What tells a model which of all tokens so far are padding, and, if it takes positions, where
    the last `new` of them stand."""
    told = {"attention_mask": mask}
    if positions:
        told["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)[:, -new:]
    return told


class _Reader:
    """Prompts read once for all their answers, and then token by token.

    Where an architecture keeps no cache of keys and values (a state-space model carries a state
    instead), all is read again with every token: slow, and right.
    """

    def __init__(self, model: Any, prompts: list[list[int]], n: int, device: str) -> None:
        import torch

        self.model = model
        known = signature(model.forward).parameters
        # where a model can, logits of the last token alone: a whole batch's would fill the memory
        self.last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self.positions = takes_positions(model)
        width = max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=device)
        lengths = torch.tensor([len(p) for p in prompts], device=device)
        self.mask: Any = None  # where all are equally long, nothing is hidden
        if int(lengths.min()) < width:
            at = torch.arange(width, device=device)
            self.mask = (at[None] >= width - lengths[:, None]).long()
        read = model(input_ids=ids, use_cache=True, **self.last, **self._hidden(width))
        self.logits = read.logits[:, -1].repeat_interleave(n, 0)
        self.cache: Any = getattr(read, "past_key_values", None)
        if self.mask is not None:
            self.mask = self.mask.repeat_interleave(n, 0)
        if hasattr(self.cache, "batch_repeat_interleave"):
            self.cache.batch_repeat_interleave(n)
        else:
            self.cache, self.ids = None, ids.repeat_interleave(n, 0)

    def _hidden(self, new: int) -> dict[str, torch.Tensor]:
        """What tells the model which tokens are padding, and where the last `new` ones stand."""
        return {} if self.mask is None else placed(self.mask, new, self.positions)

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows alone."""
        if self.mask is not None:
            self.mask = self.mask[rows]
        if self.cache is None:
            self.ids = self.ids[rows]
        else:
            self.cache.batch_select_indices(rows)

    def read(self, token: torch.Tensor) -> torch.Tensor:
        """Logits after one more token a row."""
        import torch

        if self.mask is not None:
            self.mask = torch.cat([self.mask, torch.ones_like(self.mask[:, :1])], 1)
        if self.cache is not None:
            told = self._hidden(1)
            read = self.model(input_ids=token[:, None], past_key_values=self.cache, **told)
        else:
            self.ids = torch.cat([self.ids, token[:, None]], 1)
            told = self._hidden(self.ids.shape[1])
            read = self.model(input_ids=self.ids, use_cache=False, **self.last, **told)
        return read.logits[:, -1]
