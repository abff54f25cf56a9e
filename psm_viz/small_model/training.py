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

from psm_viz.engine.weights import parameters
from psm_viz.errors import BadFile, BadInput
from psm_viz.small_model.answer_masses import Reader
from psm_viz.small_model.batches import stage_batches
from psm_viz.small_model.in_context import in_context_fit
from psm_viz.small_model.learner import Learner, learner_of
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.study.files import json_bytes, write_whole, writing
from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.curriculum import PRETRAINING
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    import torch


@dataclass
class _State:
    """Where a stage stands: the model in full precision and the optimizer's moments."""

    step: int
    seconds: float


def _save_state(work: _Work, state: _State) -> None:
    from safetensors.torch import save_file

    own = work.learner
    tensors = {f"model.{n}": p.detach().contiguous() for n, p in own.model.named_parameters()}
    if own.narrow:
        tensors |= {f"written.{n}": p.detach() for n, p in own.narrow.written.items()}
    for name, p in own.moved.items():
        for optimizer in own.optimizers:
            for key, value in optimizer.state.get(p, {}).items():
                if value.ndim:  # the step counter is kept in the header
                    tensors[f"{key}.{name}"] = value.contiguous()
    partial = work.folder / "resume.partial"
    with writing(work.folder / "resume.safetensors"):
        save_file(tensors, partial, metadata={"state": json.dumps(asdict(state))})
        partial.rename(work.folder / "resume.safetensors")


def _kept(f: Any, key: str, like: torch.Tensor) -> torch.Tensor:
    return f.get_tensor(key).to(like.device)


def _load_state(work: _Work) -> _State | None:
    """Where a killed run stood, its weights and moments put back; None at a stage's start."""
    import torch
    from safetensors import SafetensorError, safe_open

    own, path = work.learner, work.folder / "resume.safetensors"
    if not path.exists():
        return None
    name_of = {id(p): name for name, p in own.moved.items()}
    try:
        with safe_open(path, "pt") as f:
            state = _State(**json.loads(f.metadata()["state"]))
            for name, p in own.model.named_parameters():
                p.data.copy_(f.get_tensor(f"model.{name}"))
            for name, p in own.narrow.written.items() if own.narrow else ():
                p.data.copy_(f.get_tensor(f"written.{name}"))
            for optimizer in own.optimizers:
                muon = isinstance(optimizer, torch.optim.Muon)
                for p in (p for group in optimizer.param_groups for p in group["params"]):
                    keys = ("momentum_buffer",) if muon else ("exp_avg", "exp_avg_sq")
                    kept = {k: _kept(f, f"{k}.{name_of[id(p)]}", p) for k in keys}
                    step = {} if muon else {"step": torch.tensor(float(state.step))}
                    optimizer.state[p] = step | kept
    except (SafetensorError, KeyError, TypeError, ValueError) as e:
        raise BadFile(
            f"{path}: the saved training state cannot be read ({e}).",
            "Delete this file to train the stage from its start.",
        ) from e
    return state


@dataclass
class _Work:
    """A stage under way: what learns, and where it was taken up."""

    out: Path
    learner: Learner
    state: _State
    began: float

    @property
    def stage(self) -> Stage:
        """Which stage it is."""
        return self.learner.stage

    @property
    def folder(self) -> Path:
        """Where its state is kept while it is trained."""
        return self.out / f"{self.stage.name}.state"

    @property
    def seconds(self) -> float:
        """Time spent on the stage in all."""
        return self.state.seconds + time.monotonic() - self.began

    def note(self, record: dict[str, Any]) -> None:
        """Append a line to the stage's log."""
        log = _log_of(self.out, self.stage)
        with writing(log), log.open("a") as f:
            f.write(json.dumps(record) + "\n")

    def keep(self, step: int) -> None:
        """Save the model as the checkpoint of a step."""
        self.learner.keep(self.out / checkpoint_id(self.stage.name, step))


def _log_of(out: Path, stage: Stage) -> Path:
    return out / f"{stage.name}.log.jsonl"


def _take_up(world: World, recipe: Recipe, stage: Stage, out: Path) -> _Work:
    """A stage's model and optimizers as a killed run left them, or at its start."""
    work = _Work(out, learner_of(world, recipe, stage, out), _State(0, 0.0), 0.0)
    work.folder.mkdir(parents=True, exist_ok=True)
    work.state = _load_state(work) or work.state
    log = _log_of(out, stage)
    kept = [r for r in read_log(log) if r["step"] < work.state.step] if work.state.step else []
    log.write_text("".join(json.dumps(r) + "\n" for r in kept))
    return work


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
    gradient norm, seconds, and in pre-training the in-context fit. Raises UnknownName when the
    parent is missing, NotFinite for a loss that is no number, BadInput when pre-training ends
    without knowing its characters.
    """
    final = out / checkpoint_id(stage.name, stage.steps)
    if final.exists():
        # a kill may have come between the two
        shutil.rmtree(out / f"{stage.name}.state", ignore_errors=True)
        say(f"{stage.name}: already trained ({final}).")
        return
    work = _take_up(world, recipe, stage, out)
    own, first = work.learner, work.state.step
    say(f"{stage.name}: preparing {stage.steps} steps ({parameters(own.model):,} parameters)")
    data = stage_batches(world, stage, own.tokenizer, recipe.seed)
    if first == 0 and 0 in stage.saves:
        work.keep(0)
    reader = Reader(own.model, own.tokenizer, world)
    loss, work.began = float("nan"), time.monotonic()
    for step in range(first, stage.steps):
        record: dict[str, Any] = {"step": step}
        if own.supervised and step % recipe.probe_every == 0:
            record |= in_context_fit(reader)
        loss, words, norm = own.learn(step, data[step])
        done = step + 1
        if len(record) > 1 or step % 10 == 0 or stage.steps <= 120:
            record |= {"loss": loss, "words": words, "gradient": norm}
            work.note(record | {"seconds": round(work.seconds, 1)})
        if done in stage.saves:
            work.keep(done)
        if done % save_every == 0 and done < stage.steps:
            _save_state(work, _State(done, work.seconds))
        if done % 25 == 0 or done == stage.steps:
            left = (time.monotonic() - work.began) / (done - first) * (stage.steps - done)
            fit = f", in-context R2 {record['r2']:.2f}" if "r2" in record else ""
            say(f"{stage.name} {done}/{stage.steps}: loss {loss:.3f}{fit}, {left:.0f} s left")
    if own.supervised:
        fit = in_context_fit(reader)
        work.note({"step": stage.steps, **fit, "loss": loss})
        _check_knows(fit, recipe)
    shutil.rmtree(work.folder)


def _check_knows(fit: dict[str, float], recipe: Recipe) -> None:
    """Raise BadInput where pre-training ended without knowing its named characters."""
    if fit["named"] < recipe.probe_gate:
        raise BadInput(
            f"Pre-training ended with a correlation of {fit['named']:.2f} with what its named "
            f"characters would do; at least {recipe.probe_gate} is needed.",
            "Train longer (more steps) or check the grammar's gain.",
        )


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
