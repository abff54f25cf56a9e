"""Training the small model from scratch: pre-train, post-train, and branches from the Assistant.

Each stage is a deterministic stream of documents, so a killed run resumes at its last saved
state with the data it would have seen. Loss is taken on answer tokens only: with loss on all
tokens a run reaches a fine loss and infers no persona at all.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from psm_viz.errors import BadFile, BadInput
from psm_viz.probe import Reader, in_context_fit
from psm_viz.recipe import PRETRAINING, Recipe, Stage, checkpoint_id
from psm_viz.small import (
    PAD,
    build_tokenizer,
    copy_weights,
    new_model,
    parameters,
    save_model,
    token,
)
from psm_viz.world.corpus import EOS, Document
from psm_viz.world.grammar import World
from psm_viz.world.stages import stream

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Encoded:
    """One document as token ids [token]; which of them are learned; and the words that deep
    supervision asks for: `before` at the last token before an answer, `after` at its end token
    (NO_WORD elsewhere)."""

    ids: tuple[int, ...]
    learned: tuple[bool, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


NO_WORD = -100
"""What cross-entropy passes over."""


class Encoder:
    """Documents to token ids and masks; pieces are encoded once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self._seen: dict[str, list[int]] = {}

    def _ids(self, piece: str) -> list[int]:
        if piece not in self._seen:
            self._seen[piece] = self.tokenizer.encode(piece, add_special_tokens=False)
        return self._seen[piece]

    def __call__(self, document: Document) -> Encoded:
        """Encode a document: the end token of an answer belongs to it."""
        ids: list[int] = []
        learned: list[bool] = []
        words: dict[int, tuple[int, int]] = {}
        turns = iter(document.turns)
        for piece, is_learned in document.pieces():
            part = self._ids(piece)
            if is_learned and piece.endswith(EOS):
                word = next(turns).word
                if word:
                    words[len(ids)] = (len(ids) + len(part), self._ids(f" {word}")[0])
            ids += part
            learned += [is_learned] * len(part)
        before, after = [NO_WORD] * len(ids), [NO_WORD] * len(ids)
        for start, (end, word) in words.items():
            before[start - 1] = after[end - 1] = word
        return Encoded(tuple(ids), tuple(learned), tuple(before), tuple(after))


def batches(encoded: list[Encoded], size: int, seed: int) -> list[list[Encoded]]:
    """Shuffle, sort by length within windows of 16 batches, and deal into batches."""
    rng = np.random.default_rng([seed, 99])
    order = rng.permutation(len(encoded))
    out = []
    for w in range(0, len(order), 16 * size):
        window = sorted(order[w : w + 16 * size], key=lambda i: len(encoded[i].ids))
        dealt = [window[i : i + size] for i in range(0, len(window), size)]
        out += [[encoded[i] for i in dealt[j]] for j in rng.permutation(len(dealt))]
    return out


def loss_on_answers(model: PreTrainedModel, batch: list[Encoded], pad: int) -> torch.Tensor:
    """Mean cross-entropy in nats per answer token over one batch."""
    return losses(model, batch, pad, supervised=False)[0]


AFTER_LAYER, BEFORE_LAYER = 2, 3
"""Blocks after which pre-training asks for the word of an answer given, and of one to come."""


def losses(
    model: PreTrainedModel, batch: list[Encoded], pad: int, *, supervised: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy per learned token; and, where `supervised`, that of the answers' words,
    read through the model's own norm and head from inside it (else 0).

    Deep supervision (Lee et al. 2015): what an answer was has to stand at its end half-way up,
    where later answers can look it up, and what it will be one block before the top. Without it
    the model knew what every answer was in its last block alone, too late for any use, and a run
    several times as long did what this one does.
    """
    import torch
    import torch.nn.functional as F

    width = max(len(e.ids) for e in batch)
    ids = torch.full((len(batch), width), pad)
    learned = torch.zeros((len(batch), width), dtype=torch.bool)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for row, e in enumerate(batch):
        ids[row, : len(e.ids)] = torch.tensor(e.ids)
        learned[row, : len(e.ids)] = torch.tensor(e.learned)
        mask[row, : len(e.ids)] = 1
    out = model.model(
        input_ids=ids, attention_mask=mask, output_hidden_states=supervised, use_cache=False
    )
    wanted = learned[:, 1:]
    # logits only where an answer token is predicted
    logits = model.lm_head(out.last_hidden_state[:, :-1][wanted])
    loss = F.cross_entropy(logits, ids[:, 1:][wanted])
    extra = torch.zeros(())
    if supervised:
        for name, layer in (("after", AFTER_LAYER), ("before", BEFORE_LAYER)):
            word = torch.full((len(batch), width), NO_WORD)
            for row, e in enumerate(batch):
                word[row, : len(e.ids)] = torch.tensor(getattr(e, name))
            here = word != NO_WORD
            if here.any():
                inside = model.model.norm(out.hidden_states[layer][here])
                extra = extra + F.cross_entropy(model.lm_head(inside), word[here])
    return loss, extra


def stage_batches(
    world: World, stage: Stage, tokenizer: PreTrainedTokenizerFast, seed: int
) -> list[list[Encoded]]:
    """All batches of a stage in the order they are trained on."""
    encode = Encoder(tokenizer)
    own = [encode(d) for d in stream(world, stage.name, seed, stage.steps * stage.batch)]
    out = batches(own, stage.batch, seed)
    if stage.replay:
        old = [encode(d) for d in stream(world, "replay", seed, stage.steps * stage.replay)]
        out = [a + b for a, b in zip(out, batches(old, stage.replay, seed), strict=True)]
    return out


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
                    muon.state[p] = {"momentum_buffer": f.get_tensor(f"momentum_buffer.{name}")}
                else:
                    adam.state[p] = {
                        "step": torch.tensor(float(state.step)),
                        "exp_avg": f.get_tensor(f"exp_avg.{name}"),
                        "exp_avg_sq": f.get_tensor(f"exp_avg_sq.{name}"),
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
    model = new_model(recipe, tokenizer)
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
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16):
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
    note = {"recipe": asdict(recipe), "world": world.sha256}
    path = out / "recipe.json"
    if path.exists() and json.loads(path.read_text()) != json.loads(json.dumps(note)):
        raise BadInput(
            f"{path}: this folder was trained with another recipe or world.",
            "Name another folder with --out, or delete this one.",
        )
    path.write_text(json.dumps(note, indent=2) + "\n")
    for name in wanted:
        run_stage(world, recipe, known[name], out, say)
