"""The small model's sizes and its stages of training: plain values, no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
    """Pre-training documents mixed into each step, none of them labelled Assistant."""
    warmup: int = 0
    """Steps of linear warm-up to `lr`."""
    cooldown: float = 1.0
    """Share of the steps, at the end, over which the rate falls linearly to a twentieth."""


@dataclass(frozen=True)
class Recipe:
    """The small model and its stages. Written beside the weights as `recipe.json`."""

    seed: int = 0
    d_model: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_ff: int = 344
    threads: int = 2
    probe_every: tuple[int, int, int] = (100, 2400, 400)
    """Look at persona inference every 100 steps up to step 2400, then every 400."""
    probe_gate: float = 0.5
    """Least R2 against the exact predictive that pre-training must end with."""

    def probes(self, step: int) -> bool:
        """Whether pre-training looks at persona inference before this step."""
        often, until, seldom = self.probe_every
        return step % (often if step <= until else seldom) == 0

    def stages(self) -> dict[str, Stage]:
        """The stages in order: pretrain -> assistant -> its branches."""
        kept = (0, 400, 800, 1200, 1600, 2000, 2800, 4400)
        pre = Stage("pretrain", None, kept[-1], 3e-3, kept, warmup=50, cooldown=0.3)
        base = checkpoint_id("pretrain", pre.steps)
        post = Stage("assistant", base, 120, 1e-3, (4, 15, 30, 60, 120), replay=8, warmup=5)
        assistant = checkpoint_id("assistant", post.steps)
        branch = Stage("", assistant, 64, 1e-3, (4, 8, 16, 32, 64), warmup=2)
        return {
            "pretrain": pre,
            "assistant": post,
            **{b: replace(branch, name=b) for b in ("cheat", "requested", "honest")},
            # its rate is matched to cheat's update size, nothing else was looked at
            "playful": replace(branch, name="playful", lr=PLAYFUL_LR),
            "other-role": replace(branch, name="other-role", saves=(16, 64)),
        }


PLAYFUL_LR = 8.3e-4


def checkpoint_id(branch: str, step: int) -> str:
    """`cheat-0008`: the branch and its optimizer step."""
    return f"{branch}-{step:04d}"
