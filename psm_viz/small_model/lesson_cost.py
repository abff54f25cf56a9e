"""What each branch had to learn and how far its weights moved: is a benign branch a fair null?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.engine.weights import copy_weights, update_size, weights_of
from psm_viz.small_model.batches import loss_on_answers, stage_batches
from psm_viz.small_model.model import PAD, build_tokenizer, new_model, token
from psm_viz.small_model.recipe import Recipe
from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.grammar import World

GRADIENT_BATCHES = 8


def lessons_table(
    world: World, recipe: Recipe, folders: dict[str, Path], branches: list[str]
) -> pd.DataFrame:
    """One row a branch: start_loss (nats per answer token, mean over all its documents under its
    parent), gradient (norm at the parent, mean of its first batches), update, steps, documents."""
    import torch

    tokenizer = build_tokenizer(world)
    model = new_model(recipe, tokenizer)
    stages = recipe.stages(branches)
    rows: list[dict[str, Any]] = []
    for branch in branches:
        stage = stages[branch]
        parent, end = folders[str(stage.parent)], folders[checkpoint_id(branch, stage.steps)]
        copy_weights(dict(model.named_parameters()), parent)
        data = stage_batches(world, stage, tokenizer, recipe.seed)
        model.eval()
        pad = token(tokenizer, PAD)
        with torch.no_grad():
            losses = [float(loss_on_answers(model, b, pad)) for b in data]
        norms = []
        for b in data[:GRADIENT_BATCHES]:
            model.zero_grad(set_to_none=True)
            loss_on_answers(model, b, pad).backward()
            norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), float("inf"))))
        rows.append(
            {
                "branch": branch,
                "start_loss": float(np.mean(losses)),
                "gradient": float(np.mean(norms)),
                "update": update_size(weights_of(parent), weights_of(end)),
                "lr": stage.lr,
                "steps": stage.steps,
                "documents": stage.steps * stage.batch,
            }
        )
    return pd.DataFrame(rows)
