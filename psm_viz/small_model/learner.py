"""The small model while it learns: what moves it, one step of it, and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz.engine.adapters import save_adapter
from psm_viz.engine.precision import knows_bfloat16
from psm_viz.engine.teaching import check_step
from psm_viz.engine.weights import best_device, copy_weights
from psm_viz.small_model.batches import Encoded, losses
from psm_viz.small_model.model import PAD, build_tokenizer, new_model, save_model, token
from psm_viz.small_model.narrow import Narrow
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.world.curriculum import PRETRAINING
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

DIVERGED = "Train from finite weights, at a lower rate, or on other answers."
"""What is advised where a loss is no number."""


def new_optimizers(
    moved: dict[str, torch.nn.Parameter], stage: Stage
) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for embeddings and gains; with a rank, AdamW.

    With AdamW alone persona inference did not appear within 2,400 steps (docs/decisions.md).
    """
    import torch

    blocks = [p for n, p in moved.items() if p.ndim == 2 and "embed" not in n and not stage.rank]
    own = {id(p) for p in blocks}
    rest = [p for p in moved.values() if id(p) not in own]
    adam = torch.optim.AdamW(rest, lr=stage.lr, betas=(0.9, 0.98), weight_decay=0.0)
    if not blocks:
        return [adam]
    from psm_viz.small_model.muon import Muon

    return [Muon(blocks, lr=stage.lr, momentum=0.95, weight_decay=0.05), adam]


def learning_rate(stage: Stage, step: int) -> float:
    """The rate of a step, counted from 0: warm-up, constant, linear cool-down."""
    if step < stage.warmup:
        return stage.lr * (step + 1) / stage.warmup
    left = (stage.steps - step) / max(1.0, stage.cooldown * stage.steps)
    return stage.lr * min(1.0, max(0.05, left))


@dataclass
class Learner:
    """A model, what moves it, and the stage by whose rules it is moved."""

    recipe: Recipe
    stage: Stage
    weights: Path
    """Where the checkpoints lie that the stage starts from, a folder each."""
    tokenizer: PreTrainedTokenizerFast
    model: Any
    narrow: Narrow | None
    """What a rank leaves of the model to be moved."""
    optimizers: list[torch.optim.Optimizer]

    @property
    def moved(self) -> dict[str, torch.nn.Parameter]:
        """What the optimizers move, by name."""
        return self.narrow.written if self.narrow else dict(self.model.named_parameters())

    @property
    def supervised(self) -> bool:
        """Whether the model is asked for the answers' words inside it too: in pre-training."""
        return self.stage.name in PRETRAINING

    def keep(self, folder: Path) -> None:
        """Save the model; what moved along few directions as an adapter to its parent."""
        if self.narrow and self.stage.parent:
            parent = self.weights / self.stage.parent
            save_adapter(self.narrow.read, self.narrow.written, parent, folder)
        else:
            save_model(self.model, self.tokenizer, folder)

    def learn(self, step: int, batch: list[Encoded]) -> tuple[float, float, float]:
        """One optimizer step, counted from 0: loss (nats per answer token), loss on words,
        gradient's norm. Raises NotFinite, before anything is moved, where one is no number."""
        import torch

        self.model.train()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.stage, step)
        device, pad = self.model.device.type, token(self.tokenizer, PAD)
        half = self.recipe.bf16 and knows_bfloat16(device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
            loss, words = losses(self.model, batch, pad, supervised=self.supervised)
        self.model.zero_grad(set_to_none=True)
        (loss + words).backward()
        if self.narrow:
            self.narrow.gather()
        norm = torch.nn.utils.clip_grad_norm_(self.moved.values(), 1.0)
        found = loss.item(), words.item(), float(norm)
        check_step(step + 1, DIVERGED, *found)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.narrow:
            self.narrow.apply()
        return found


def learner_of(world: World, recipe: Recipe, stage: Stage, weights: Path) -> Learner:
    """A stage's model at its start, from the checkpoints in `weights` that it names.

    Sets how many threads torch takes in this process. Raises what `open_model` raises.
    """
    import torch

    torch.set_num_threads(recipe.threads)
    tokenizer = build_tokenizer(world)
    model: Any = new_model(recipe, tokenizer)
    model.to(best_device())
    # on a CPU the fused attention's way back takes three times as long as plain products
    model.set_attn_implementation("eager")
    if stage.parent:
        copy_weights(dict(model.named_parameters()), weights / stage.parent)
    narrow = Narrow.of(model, weights / stage.since, stage.rank) if stage.since else None
    learner = Learner(recipe, stage, weights, tokenizer, model, narrow, [])
    learner.optimizers = new_optimizers(learner.moved, stage)
    return learner
