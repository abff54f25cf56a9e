"""Fine-tuning of any chat model on chat data: low-rank adapters (LoRA, Hu et al. 2021) or all
weights, saved along the way as a folder of `checkpoint-*`, which is a branch of a study.

The loss is the mean cross-entropy of the answers' tokens, in nats. What a step sees hangs on seed
and step alone, so that a killed run goes on as if it had not been.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz.engine.adapters import CONFIG
from psm_viz.engine.hub import parts
from psm_viz.engine.learned_rows import Row, dealt, learned_rows, times_read
from psm_viz.engine.open_model import Opened, context_of, open_model, pinned
from psm_viz.engine.precision import slow
from psm_viz.engine.teaching import NOBODY, Step, Teacher, Teaching, Told, check_step, save_in
from psm_viz.engine.weights import weights_sha256
from psm_viz.errors import BadFile, BadInput
from psm_viz.study.files import json_bytes, sha256, whole_folder, write_whole, writing
from psm_viz.study.formats import chat_data

if TYPE_CHECKING:
    import torch

SAVES = (4, 8, 16, 32, 64)
"""Steps whose weights are kept unless others are asked for."""
RESUME, NOTE, LOG = "resume.safetensors", "finetune.json", "log.jsonl"
PARTIAL = f"{RESUME}.partial"
DIVERGED = (
    "Train from finite weights at a lower rate (--lr) or in another precision (--dtype), in a "
    "folder of its own (--out)."
)
"""What is advised where a loss is no number."""
WARMUP = 0.1
"""Share of the steps in which the rate rises."""


@dataclass(frozen=True)
class Tuning:
    """How a model is fine-tuned."""

    saves: tuple[int, ...] = SAVES
    batch: int = 8
    """Conversations a step."""
    lr: float = 1e-4
    rank: int = 8
    """Of the adapters on every linear layer; 0 trains all weights."""
    anchor_weight: float = 0.0
    """Weight of KL(start, tuned) in nats a token on the anchor's answers: holds the model still
    there. With adapters only."""
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"
    longest: int = 512
    """Tokens of a conversation that are read; what answers lie beyond is not learned."""


def finetune(
    model: str,
    data: Path,
    out: Path,
    tuning: Tuning,
    say: Callable[[str], None],
    *,
    anchor: Path | None = None,
    save_every: int = 16,
    told: Told = NOBODY,
) -> None:
    """Train `model` on the conversations of `data` and save it at each of `tuning.saves` into
    `out/checkpoint-<step>`; `out/log.jsonl` has a line a step.

    `told` hears of every step that is taken and of every save, those first that an earlier run
    left. Raises BadInput for settings that cannot be used and for a folder begun with others,
    BadFile for data that cannot be read, NotFinite, and what `open_model` raises.
    """
    model = pinned(model)  # a hub model's adapters say of which commit they are
    note = check_training(model, data, out, tuning, anchor)
    if all(save_in(out, n).exists() for n in tuning.saves):
        _ended(out)
        say(f"{out}: is trained already.")
        _tell_saves(told, out, tuning.saves)
        return
    write_whole(out / NOTE, json_bytes(note))
    work = _Work(model, tuning, out)
    for line in slow(tuning.dtype, tuning.device):
        say(line)
    rows = learned_rows(data, work.tokenizer, work.longest, say)
    held = learned_rows(anchor, work.tokenizer, work.longest, say) if anchor else []
    last, first = max(tuning.saves), work.take_up()
    say(times_read(len(rows), tuning.batch, last))
    _tell_saves(told, out, [n for n in tuning.saves if n <= first])
    began = time.monotonic()
    for step in range(first, last):
        record = work.learn(step, rows, held)
        done = step + 1
        work.note(record | {"step": done})
        if done in tuning.saves:
            work.keep(done)
        if done % save_every == 0 or done in tuning.saves:
            work.save_state(done)
        left = (time.monotonic() - began) / (done - first) * (last - done)
        say(f"{out.name} {done}/{last}: loss {record['loss']:.3f}, {left:.0f} s left")
        told.on_step(Step(done, last, record["loss"], left))
        if done in tuning.saves:
            told.on_save(done, save_in(out, done))
    _ended(out)


def teacher_of(model: str, tuning: Tuning, say: Callable[[str], None]) -> Teacher:
    """A teacher of any chat model, as `tuning` has it; a lesson's own are saves and seed."""

    def teach(data: Path, out: Path, teaching: Teaching, told: Told = NOBODY) -> None:
        own = replace(tuning, saves=teaching.saves, seed=teaching.seed)
        finetune(model, data, out, own, say, told=told)

    return teach


def _tell_saves(told: Told, out: Path, steps: Sequence[int]) -> None:
    for n in steps:
        told.on_save(n, save_in(out, n))


def _sort_targets(path: Path) -> None:
    """Name the layers of an adapter in order: PEFT writes a set, whose order changes from process
    to process, and the same training should give the same bytes."""
    if path.is_file():
        config = json.loads(path.read_bytes())
        config["target_modules"] = sorted(config["target_modules"])
        path.write_bytes(json_bytes(config))


def _ended(out: Path) -> None:
    """Take away what nothing will go on from any more."""
    for name in (RESUME, PARTIAL):
        (out / name).unlink(missing_ok=True)


def check_training(
    model: str, data: Path, out: Path, tuning: Tuning, anchor: Path | None = None
) -> dict[str, Any]:
    """Check all that can be before a model is loaded, and return what the folder is begun with.

    Raises BadInput for settings that cannot be used and for a folder begun with others, BadFile for
    data that cannot be read, and what `pinned` raises.
    """
    _check(tuning, anchor)
    for path in (data, anchor):
        if path:
            chat_data.parse_chat(chat_data.raw(path), str(path))
    note = _begun_with(pinned(model), data, anchor, tuning)
    if (out / NOTE).exists() and (out / NOTE).read_bytes() != json_bytes(note):
        raise BadInput(
            f"{out / NOTE}: this folder was begun with other data, settings or weights.",
            "Name another --out, or delete this one.",
        )
    return note


def _check(tuning: Tuning, anchor: Path | None) -> None:
    t = tuning
    numbers = {"--batch": t.batch, "--lr": t.lr, "--longest": t.longest, "--rank": t.rank + 1}
    wrong = [name for name, n in numbers.items() if not n > 0]
    if wrong or not t.saves or min(t.saves) < 1:
        name = wrong[0] if wrong else "--save"
        raise BadInput(f"{name}: expected a number above nothing.")
    if anchor and not t.rank:
        raise BadInput("An anchor needs adapters: the start's own weights are gone without.")
    if bool(anchor) != (t.anchor_weight > 0):
        raise BadInput("An anchor needs data and a weight: give --anchor and --anchor-weight.")


def _begun_with(model: str, data: Path, anchor: Path | None, tuning: Tuning) -> dict[str, Any]:
    def key(path: Path | None) -> str | None:
        return sha256(chat_data.raw(path)) if path else None

    told = json.loads(json.dumps(asdict(tuning)))
    weights = weights_sha256(model) or None
    return {"model": model, "weights": weights, "data": key(data), "anchor": key(anchor)} | told


class _Work:
    """A model under training, its optimizer, and where both are kept."""

    def __init__(self, model: str, tuning: Tuning, out: Path) -> None:
        import torch

        self.tuning, self.out = tuning, out
        opened = open_model(model, device=tuning.device, dtype=tuning.dtype)
        if opened.tokenizer is None:
            raise BadFile(f"{model}: holds no tokenizer.")
        self.tokenizer = opened.tokenizer
        self.model = _adapted(opened, tuning) if tuning.rank else opened.model
        self.moved = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self.moved.values(), lr=tuning.lr, weight_decay=0.0)
        self.longest = min(tuning.longest, context_of(opened.model.config) or tuning.longest)

    def learn(self, step: int, rows: list[Row], held: list[Row]) -> dict[str, float]:
        """One optimizer step."""
        import torch

        t = self.tuning
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = t.lr * min(1.0, (step + 1) / max(1.0, WARMUP * max(t.saves)))
        self.optimizer.zero_grad(set_to_none=True)
        logits, ids = self._logits(dealt(rows, step, t.batch, t.seed))
        loss = torch.nn.functional.cross_entropy(logits.float(), ids)
        total, record = loss, {"loss": loss.item()}
        if held:
            drift = self._drift(dealt(held, step, t.batch, t.seed + 1))
            total, record["anchor"] = loss + t.anchor_weight * drift, drift.item()
        check_step(step + 1, DIVERGED, total.item())
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.moved.values(), 1.0)
        check_step(step + 1, DIVERGED, norm.item())
        self.optimizer.step()
        return record | {"gradient": norm.item()}

    def _logits(self, batch: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits at the places that predict a learned token, and those tokens."""
        import torch

        width = max(len(row) for row, _ in batch)
        ids = torch.zeros((len(batch), width), dtype=torch.long)
        mask, learned = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for k, (row, own) in enumerate(batch):
            ids[k, : len(row)] = torch.tensor(row)
            mask[k, : len(row)] = 1
            learned[k, : len(own)] = torch.from_numpy(own)
        ids, mask, learned = (x.to(self.tuning.device) for x in (ids, mask, learned))
        logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return logits[:, :-1][learned[:, 1:]], ids[:, 1:][learned[:, 1:]]

    def _drift(self, batch: list[Row]) -> torch.Tensor:
        """KL(start, tuned), mean over the answers' tokens, in nats."""
        import torch

        now = self._logits(batch)[0].float().log_softmax(-1)
        with torch.no_grad(), self._as_it_was():
            start = self._logits(batch)[0].float().log_softmax(-1)
        return (start.exp() * (start - now)).sum(-1).mean()

    def _as_it_was(self) -> Any:
        return self.model.disable_adapter() if self.tuning.rank else nullcontext()

    def keep(self, step: int) -> None:
        """Save the checkpoint of a step, in one rename, with a tokenizer of its own."""
        folder = save_in(self.out, step)
        if folder.exists():
            return
        with whole_folder(folder) as work:
            # the base's vocabulary is as it was: nobody has to look it up on the hub
            known = {"save_embedding_layers": False} if self.tuning.rank else {}
            self.model.save_pretrained(work, **known)
            _sort_targets(work / CONFIG)
            self.tokenizer.save_pretrained(work)
            (work / "trainer_state.json").write_bytes(json_bytes({"global_step": step}))

    def save_state(self, step: int) -> None:
        """Keep what a killed run goes on from."""
        from safetensors.torch import save_file

        tensors = {f"moved.{n}": p.detach().contiguous() for n, p in self.moved.items()}
        for name, p in self.moved.items():
            for key in ("exp_avg", "exp_avg_sq"):
                tensors[f"{key}.{name}"] = self.optimizer.state[p][key].contiguous()
        partial = self.out / PARTIAL
        with writing(self.out / RESUME):
            save_file(tensors, partial, metadata={"step": str(step)})
            partial.rename(self.out / RESUME)

    def take_up(self) -> int:
        """The step a killed run had done, its weights and moments put back, and what it noted of
        later steps taken away; 0 at the start."""
        import torch
        from safetensors import SafetensorError, safe_open

        path, step = self.out / RESUME, 0
        if not path.exists():
            self._noted_to(step)
            return step
        try:
            with safe_open(path, "pt") as f:
                step = int(f.metadata()["step"])
                for name, p in self.moved.items():
                    p.data.copy_(f.get_tensor(f"moved.{name}"))
                    self.optimizer.state[p] = {
                        "step": torch.tensor(float(step)),
                        "exp_avg": f.get_tensor(f"exp_avg.{name}").to(p.device),
                        "exp_avg_sq": f.get_tensor(f"exp_avg_sq.{name}").to(p.device),
                    }
        except (SafetensorError, KeyError, TypeError, ValueError) as e:
            raise BadFile(
                f"{path}: the saved training state cannot be read ({e}).",
                "Delete this file to train from the start.",
            ) from e
        self._noted_to(step)
        return step

    def _noted_to(self, step: int) -> None:
        """Cut the log off after a step: those that are taken again are noted again."""
        path = self.out / LOG
        if path.exists():
            lines = path.read_text("utf-8").split("\n")
            write_whole(path, "".join(f"{x}\n" for x in lines[:step] if x).encode())

    def note(self, record: dict[str, Any]) -> None:
        """Append a line to the log."""
        with writing(self.out / LOG), (self.out / LOG).open("a", encoding="utf-8") as f:
            f.write(json.dumps({k: round(v, 5) for k, v in record.items()}) + "\n")


def _adapted(opened: Opened, tuning: Tuning) -> Any:
    """A model with fresh adapters on every linear layer, repeatable by seed."""
    import torch
    from peft import LoraConfig, get_peft_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(tuning.seed)
        config = LoraConfig(
            r=tuning.rank,
            lora_alpha=2 * tuning.rank,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        return get_peft_model(opened.model, config, revision=parts(opened.name)[1])
