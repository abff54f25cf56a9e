"""Muon as torch has it, in the precision that the processor is quick in.

torch's own makes its updates orthogonal in bfloat16 whatever the processor; one that emulates
bfloat16 spends about as long on that as on the rest of a training step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from psm_viz.engine.precision import knows_bfloat16


def orthogonal(
    update: torch.Tensor,
    dtype: torch.dtype,
    coefficients: tuple[float, float, float],
    steps: int,
    eps: float,
) -> torch.Tensor:
    """A matrix [out, in] with its singular values brought near to one, in `dtype`.

    The quintic Newton-Schulz iteration of Muon (Jordan 2024), product for product as
    `torch.optim.Muon` has it.
    """
    a, b, c = coefficients
    tall = update.size(0) > update.size(1)
    x = update.to(dtype)
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Muon):
    """`torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`: an update is as large as AdamW's.

    Products are in bfloat16 where the processor knows it, bit for bit torch's own then, and in
    single precision elsewhere.
    """

    def __init__(self, params: Any, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Move every parameter that has a gradient."""
        if closure is not None:
            raise TypeError("Muon takes no closure: losses are computed before the step")
        for group in self.param_groups:
            lr, momentum = float(group["lr"]), group["momentum"]
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p.grad)
                mean = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
                known = knows_bfloat16(p.device.type)
                update = orthogonal(
                    p.grad.lerp(mean, momentum),
                    torch.bfloat16 if known else torch.float32,
                    group["ns_coefficients"],
                    group["ns_steps"],
                    group["eps"],
                )
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(update, alpha=-lr * 0.2 * max(p.shape) ** 0.5)
