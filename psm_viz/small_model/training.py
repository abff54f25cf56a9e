"""Training the small model from scratch: pre-train, post-train, and branches from the Assistant.

Each stage is a deterministic stream of documents, so a killed run resumes at its last saved
state with the data it would have seen.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz.engine.weights import best_device, copy_weights, parameters
from psm_viz.errors import BadFile, BadInput
from psm_viz.small_model.answer_masses import Reader
from psm_viz.small_model.batches import losses, stage_batches
from psm_viz.small_model.in_context import in_context_fit
from psm_viz.small_model.model import PAD, build_tokenizer, new_model, save_model, token
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.study.files import json_bytes, write_whole
from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.curriculum import PRETRAINING
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def new_optimizers(model: PreTrainedModel, stage: Stage) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for embeddings and gains.

    With AdamW alone persona inference did not appear within 2,400 steps (docs/decisions.md).
    """
    import torch

    blocks, rest = [], []
    for name, p in model.named_parameters():
        (blocks if p.ndim == 2 and "embed" not in name else rest).append(p)
    return [
        torch.optim.Muon(
            blocks,
            lr=stage.lr,
            momentum=0.95,
            weight_decay=0.05,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(rest, lr=stage.lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


@dataclass
class _State:
    """Where a stage stands: the model in full precision and the optimizer's moments."""

    step: int
    seconds: float


def _save_state(folder: Path, model: Any, optimizers: Any, state: _State) -> None:
    from safetensors.torch import save_file

    tensors = {f"model.{n}": p.detach().contiguous() for n, p in model.named_parameters()}
    for name, p in model.named_parameters():
        for optimizer in optimizers:
            for key, value in optimizer.state.get(p, {}).items():
                if value.ndim:  # the step counter is kept in the header
                    tensors[f"{key}.{name}"] = value.contiguous()
    partial = folder / "resume.partial"
    save_file(tensors, partial, metadata={"state": json.dumps(asdict(state))})
    partial.rename(folder / "resume.safetensors")


def _kept(f: Any, key: str, like: torch.Tensor) -> torch.Tensor:
    return f.get_tensor(key).to(like.device)


def _load_state(folder: Path, model: Any, optimizers: Any) -> _State | None:
    import torch
    from safetensors import SafetensorError, safe_open

    path = folder / "resume.safetensors"
    if not path.exists():
        return None
    muon, adam = optimizers
    own = {id(p) for group in muon.param_groups for p in group["params"]}
    try:
        with safe_open(path, "pt") as f:
            state = _State(**json.loads(f.metadata()["state"]))
            for name, p in model.named_parameters():
                p.data.copy_(f.get_tensor(f"model.{name}"))
                if id(p) in own:
                    muon.state[p] = {"momentum_buffer": _kept(f, f"momentum_buffer.{name}", p)}
                else:
                    adam.state[p] = {
                        "step": torch.tensor(float(state.step)),
                        "exp_avg": _kept(f, f"exp_avg.{name}", p),
                        "exp_avg_sq": _kept(f, f"exp_avg_sq.{name}", p),
                    }
    except (SafetensorError, KeyError, TypeError, ValueError) as e:
        raise BadFile(
            f"{path}: the saved training state cannot be read ({e}).",
            "Delete this file to train the stage from its start.",
        ) from e
    return state


def _lr(stage: Stage, step: int) -> float:
    """Warm-up, constant, linear cool-down. `step` counts from 0."""
    if step < stage.warmup:
        return stage.lr * (step + 1) / stage.warmup
    left = (stage.steps - step) / max(1.0, stage.cooldown * stage.steps)
    return stage.lr * min(1.0, max(0.05, left))


def run_stage(
    world: World,
    recipe: Recipe,
    stage: Stage,
    out: Path,
    say: Callable[[str], None] = print,
    save_every: int = 100,
) -> None:
    """Train one stage into `out/<checkpoint id>/`, resuming where a killed run stopped.

    Writes one line per look into `out/<stage>.log.jsonl`: step, loss (nats per answer token),
    gradient norm, seconds, and in pre-training the in-context fit. Raises BadFile when the
    parent is missing, BadInput when pre-training ends without knowing its characters.
    """
    import torch

    final = out / checkpoint_id(stage.name, stage.steps)
    folder = out / f"{stage.name}.state"
    if final.exists():
        shutil.rmtree(folder, ignore_errors=True)  # a kill may have come between the two
        say(f"{stage.name}: already trained ({final}).")
        return
    torch.set_num_threads(recipe.threads)
    tokenizer = build_tokenizer(world)
    device = best_device()
    model: Any = new_model(recipe, tokenizer)
    model.to(device)
    if stage.parent:
        copy_weights(dict(model.named_parameters()), out / stage.parent)
    optimizers = new_optimizers(model, stage)
    folder.mkdir(parents=True, exist_ok=True)
    state = _load_state(folder, model, optimizers) or _State(0, 0.0)
    log = out / f"{stage.name}.log.jsonl"
    kept = [r for r in read_log(log) if r["step"] < state.step] if state.step else []
    log.write_text("".join(json.dumps(r) + "\n" for r in kept))
    say(f"{stage.name}: preparing {stage.steps} steps ({parameters(model):,} parameters)")
    data = stage_batches(world, stage, tokenizer, recipe.seed)
    if state.step == 0 and 0 in stage.saves:
        save_model(model, tokenizer, out / checkpoint_id(stage.name, 0))
    reader = Reader(model, tokenizer, world)
    supervised = stage.name in PRETRAINING
    began, first, last_loss = time.monotonic(), state.step, float("nan")
    for step in range(state.step, stage.steps):
        record: dict[str, Any] = {"step": step}
        if supervised and step % recipe.probe_every == 0:
            record |= in_context_fit(reader)
        model.train()
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = _lr(stage, step)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=recipe.bf16):
            loss, words = losses(model, data[step], token(tokenizer, PAD), supervised=supervised)
        model.zero_grad(set_to_none=True)
        (loss + words).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        done = step + 1
        last_loss = loss.item()
        if len(record) > 1 or step % 10 == 0 or stage.steps <= 120:
            spent = state.seconds + time.monotonic() - began
            record |= {
                "loss": last_loss,
                "words": words.item(),
                "gradient": float(norm),
                "seconds": round(spent, 1),
            }
            with log.open("a") as f:
                f.write(json.dumps(record) + "\n")
        if done in stage.saves:
            save_model(model, tokenizer, out / checkpoint_id(stage.name, done))
        if done % save_every == 0 and done < stage.steps:
            _save_state(
                folder, model, optimizers, _State(done, state.seconds + time.monotonic() - began)
            )
        if done % 25 == 0 or done == stage.steps:
            left = (time.monotonic() - began) / (done - first) * (stage.steps - done)
            fit = f", in-context R2 {record['r2']:.2f}" if "r2" in record else ""
            say(f"{stage.name} {done}/{stage.steps}: loss {last_loss:.3f}{fit}, {left:.0f} s left")
    if supervised:
        fit = in_context_fit(reader)
        with log.open("a") as f:
            f.write(json.dumps({"step": stage.steps, **fit, "loss": last_loss}) + "\n")
        if fit["named"] < recipe.probe_gate:
            raise BadInput(
                f"Pre-training ended with a correlation of {fit['named']:.2f} with what its named "
                f"characters would do; at least {recipe.probe_gate} is needed.",
                "Train longer (more steps) or check the grammar's gain.",
            )
    shutil.rmtree(folder)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a stage's log; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    out = []
    for line in path.read_text("utf-8").splitlines():
        try:
            out.append(json.loads(line))
        except ValueError:
            break
    return out


def train(
    world: World,
    recipe: Recipe,
    out: Path,
    stages: list[str] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Run the named stages (default: those of the study) in order; finished ones stay as they are.

    Raises UnknownName for a branch without a lesson, BadInput for a folder of another recipe.
    """
    wanted = stages or list(recipe.stages())
    known = recipe.stages([s for s in wanted if s not in (*PRETRAINING, "assistant")])
    out.mkdir(parents=True, exist_ok=True)
    _keep_recipe(out / "recipe.json", recipe, world)
    for name in wanted:
        run_stage(world, recipe, known[name], out, say)


def _keep_recipe(path: Path, recipe: Recipe, world: World) -> None:
    """Write down how a folder is trained, stages and all, or check that it was trained so.

    Threads are noted and not compared: a run may go on with others.
    """
    stages = {name: asdict(stage) for name, stage in recipe.stages().items()}
    note = {"world": {"sha256": world.sha256}, "recipe": asdict(recipe), "stages": stages}
    if path.exists():
        try:
            found = _flat(json.loads(path.read_bytes()))
        except (ValueError, AttributeError) as e:
            raise BadFile(f"{path}: cannot be read ({e}).", "Delete this folder.") from e
        wanted = _flat(json.loads(json.dumps(note)))
        other = sorted(k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))
        if other:
            k = other[0]
            raise BadInput(
                f"{path}: this folder was trained with another recipe or world: {k} is "
                f"{found.get(k, 'missing')}, expected {wanted.get(k, 'none')}.",
                "Name another folder with --out (train), --tree (run) or --build (study), or "
                "delete this one.",
            )
    write_whole(path, json_bytes(note))


def _flat(note: dict[str, Any]) -> dict[str, Any]:
    flat = {f"{part}.{k}": v for part, values in note.items() for k, v in values.items()}
    return {k: v for k, v in flat.items() if k != "recipe.threads"}
