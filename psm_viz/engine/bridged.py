"""A model in which TransformerLens has put modules of its own, made nearly as it was."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import torch


def restore(module: torch.nn.Module, around: Collection[torch.nn.Module]) -> None:
    """Put back a model's own modules in place of those that a bridge put there, all but `around`:
    these stay, around what they hold."""
    for name, child in module.named_children():
        own = child
        while own not in around and (held := getattr(own, "original_component", None)) is not None:
            own = held
        if own in around:
            restore(cast(torch.nn.Module, own.original_component), around)
            continue
        if own is not child:
            setattr(module, name, own)
        restore(own, around)
