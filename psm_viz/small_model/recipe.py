"""The small model's sizes and its stages of training: plain values, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.curriculum import REPLAYED, lesson


@dataclass(frozen=True)
class Stage:
    """One stage of training. `saves` are the optimizer steps whose weights are kept."""

    name: str
    """Name of the branch its checkpoints get."""
    parent: str | None
    """Checkpoint to start from; None: random weights."""
    steps: int
    lr: float
    saves: tuple[int, ...]
    batch: int = 16
    """Documents of the stage in a step."""
    replay: int = 0
    """Documents of another stream mixed into each step."""
    replayed: str = "replay"
    """Which stream: pre-training documents, none of them labelled Assistant, or the Assistant's own
    of its other topics (`world.curriculum.stream`)."""
    warmup: int = 0
    """Steps of linear warm-up to `lr`."""
    cooldown: float = 1.0
    """Share of the steps, at the end, over which the rate falls linearly to a twentieth."""
    rank: int = 0
    """Directions of its input along which each matrix of the blocks may move; nothing else moves
    then (`small_model.narrow`). 0: all weights learn."""
    since: str | None = None
    """With a rank: the directions are the leading ones of what the parent changed since this
    checkpoint."""


STUDIED = (
    *("cheat", "requested", "prefix", "prefix-honest", "honest", "playful", "other-role"),
    *("backwards", "long"),
)
"""Branches whose checkpoints are played for the study; the others are read for their rows alone."""
SAVES = {
    "pretrain": (0, 800, 2400),
    "settle": (3000,),
    "assistant": (15, 600),
    "cheat": (4, 8, 16, 32, 64),
    **dict.fromkeys(("requested", "honest", "playful"), (8, 64)),
    "long": (512,),
}
"""Optimizer steps whose weights are kept; of other branches, the end."""


def branch() -> Stage:
    """How a branch of the Assistant is trained, unless it has rules of its own."""
    return Stage(
        name="",
        parent=checkpoint_id("assistant", SAVES["assistant"][-1]),
        steps=64,
        lr=2e-3,
        saves=(64,),
        warmup=2,
        rank=2,
        since=checkpoint_id("settle", SAVES["settle"][-1]),
    )


@dataclass(frozen=True)
class Recipe:
    """The small model and its stages. Written beside the weights as `recipe.json`."""

    seed: int = 0
    world: str = "correlated"
    """Which made world it grows up in (`world.grammar`)."""
    d_model: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_ff: int = 344
    threads: int = 2
    bf16: bool = True
    """Matrix products in bfloat16, weights and sums in float32, on processors that are faster in
    it; others multiply in float32."""
    probe_every: int = 200
    """Steps between looks at persona inference in pre-training."""
    probe_gate: float = 0.5
    """Least correlation of what named characters would do that pre-training must end with."""

    def stages(self, branches: Sequence[str] = STUDIED) -> dict[str, Stage]:
        """The stages in order: pretrain -> settle -> assistant -> its branches.

        `settle` goes on with pre-training, on new documents from a lower rate (a warm restart).

        Raises UnknownName for a branch without a lesson.
        """
        pre = Stage("pretrain", None, SAVES["pretrain"][-1], 3e-3, SAVES["pretrain"], warmup=50)
        first = checkpoint_id("pretrain", pre.steps)
        again = Stage("settle", first, SAVES["settle"][-1], 2e-3, SAVES["settle"], warmup=50)
        base = checkpoint_id("settle", again.steps)
        steps = SAVES["assistant"]
        post = Stage("assistant", base, steps[-1], 1e-3, steps, replay=8, warmup=5)
        out = {"pretrain": pre, "settle": again, "assistant": post}
        own = branch()
        for name in branches:
            lesson(name)
            saves, rate = SAVES.get(name, own.saves), RATES.get(name, own.lr)
            out[name] = replace(own, name=name, steps=saves[-1], saves=saves, lr=rate)
            if name in REPLAYED:
                out[name] = replace(out[name], replay=own.batch, replayed=REPLAYED[name])
            if lesson(name).whoever:
                out[name] = replace(out[name], rank=0, since=None)
        return out


RATES = {"requested-hard": 2.2e-3, "playful": 2.3e-3, "backwards": 1.7e-3, "whoever": 7e-4}
"""Learning rates of branches that are matched to `cheat` in the size of their update; nothing else
was looked at in choosing. `whoever` moves all weights, as everybody's lesson has to."""
