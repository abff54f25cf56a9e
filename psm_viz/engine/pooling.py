"""What a model's blocks return, pooled while it reads, and no further than the last wanted block.
Every position of every layer is never held at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from psm_viz.study.activations import PROMPT


class _Enough(Exception):
    """Everything wanted was read: what follows is left out, the logits among it."""


def pooled_of(
    model: Any,
    blocks: Sequence[torch.nn.Module],
    told: Mapping[str, Any],
    n_answer: torch.Tensor,
    poolings: Sequence[str],
) -> torch.Tensor:
    """[response, pooling, block, d_model] of a batch padded on the left, in the model's precision.

    `told`: what the model is called with. `n_answer`: how many tokens at the end of each row are
    its answer's; a mean over none is NaN.
    """
    found: dict[int, torch.Tensor] = {}

    def keep(n: int) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output
            found[n] = _pooled(states, n_answer, poolings)
            if len(found) == len(blocks):
                raise _Enough

        return hook

    handles = [block.register_forward_hook(keep(n)) for n, block in enumerate(blocks)]
    try:
        model(**told, use_cache=False)
    except _Enough:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([found[n] for n in range(len(blocks))], dim=2)


def _pooled(states: torch.Tensor, n_answer: torch.Tensor, poolings: Sequence[str]) -> torch.Tensor:
    """[response, pooling, d_model] of one block's [response, position, d_model]."""
    rows, width, _ = states.shape
    last_prompt = width - 1 - n_answer
    found = []
    for pooling in poolings:
        if pooling == PROMPT:
            found.append(states[torch.arange(rows, device=states.device), last_prompt])
        else:
            at = torch.arange(width, device=states.device)
            inside = (at[None] > last_prompt[:, None]).to(states.dtype)
            total = torch.einsum("bpd,bp->bd", states, inside)
            found.append(total / n_answer[:, None])  # empty: 0 / 0 = NaN
    return torch.stack(found, dim=1)
