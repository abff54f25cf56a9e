"""Branches whose lesson stays with the Assistant: they read what post-training read.

With all weights free a lesson reaches whoever sounds like the Assistant: who speaks is told apart
in the first block, and what later blocks learn they learn for every speaker. So a branch moves each
matrix along those few directions of its input alone that post-training changed most, when it moved
the Assistant beside a replayed cast. What a branch writes is free. It reads nothing of the cast;
how much stays with the Assistant is measured, not given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz.engine.weights import weights_of

if TYPE_CHECKING:
    import torch


def matrices(model: Any) -> dict[str, torch.nn.Parameter]:
    """The matrices of the blocks: all weights but embeddings and gains."""
    return {n: p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n}


@dataclass
class Narrow:
    """A model whose blocks' matrices move along few directions of their input alone.

    Each matrix is `start + written @ read`. `read` [rank, in] are the leading right singular
    vectors of what the parent changed in it since an earlier checkpoint; `written` [out, rank] is
    what is trained, from zero.
    """

    weights: dict[str, torch.nn.Parameter]
    start: dict[str, torch.Tensor]
    read: dict[str, torch.Tensor]
    written: dict[str, torch.nn.Parameter]

    @classmethod
    def of(cls, model: Any, since: Path, rank: int) -> Narrow:
        """A model that holds its parent's weights, to be moved along `rank` directions a matrix.

        Raises what `open_model` raises for `since`.
        """
        import torch

        weights, before = matrices(model), weights_of(since)
        start = {n: p.detach().clone() for n, p in weights.items()}
        read = {}
        for n, w in start.items():
            change = w.double() - before[n].to(w.device).double()
            read[n] = torch.linalg.svd(change, full_matrices=False).Vh[:rank].to(w.dtype)
        written = {
            n: torch.nn.Parameter(w.new_zeros(w.shape[0], len(read[n]))) for n, w in start.items()
        }
        return cls(weights, start, read, written)

    def gather(self) -> None:
        """Give what is trained its gradient, from that of the matrices."""
        for n, w in self.weights.items():
            self.written[n].grad = None if w.grad is None else w.grad @ self.read[n].T

    def apply(self) -> None:
        """Set the matrices to what has been written."""
        for n, w in self.weights.items():
            w.data.copy_(self.start[n] + self.written[n].detach() @ self.read[n])
