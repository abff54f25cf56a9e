"""The verb `finetune`: a model trained on chat data, alone or as a branch of a study."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psm_viz.cli.pairs import count
from psm_viz.cli.progress import minutes_since, say
from psm_viz.errors import BadInput

if TYPE_CHECKING:
    from psm_viz.engine.finetune import Tuning


def add_verbs(verbs: Any) -> None:
    """Add `finetune`."""
    f = verbs.add_parser(
        "finetune",
        help="train a model on chat data; with --study: predict, train, play and score",
        description="Trains low-rank adapters (or all weights) on the answers of chat data and "
        "saves them along the way. With --study, who in the cast would say the data is asked "
        "and written down before, and every save is played afterwards and joins the study.",
    )
    f.add_argument("--model", required=True, help="what to train: whatever `extract` takes")
    f.add_argument(
        "--data",
        type=Path,
        required=True,
        help="conversations: OpenAI, ShareGPT or Alpaca, as JSON lines or one array",
    )
    f.add_argument("--out", type=Path, required=True, help="folder of the saves")
    f.add_argument("--study", type=Path, help="a study whose reference is this model")
    f.add_argument("--branch", help="what the study calls it (default: the name of --out)")
    f.add_argument(
        "--save",
        type=int,
        action="append",
        metavar="STEP",
        help="keep the weights of this step (may be repeated; default: 4, 8, 16, 32, 64)",
    )
    f.add_argument("--batch", type=int, default=8, help="conversations a step")
    f.add_argument("--lr", type=float, default=1e-4)
    f.add_argument("--rank", type=int, default=8, help="of the adapters; 0 trains all weights")
    f.add_argument("--anchor", type=Path, help="chat data on which the model is held still")
    f.add_argument("--anchor-weight", type=float, default=0.0)
    f.add_argument("--longest", type=int, default=512, help="tokens of a conversation to read")
    f.add_argument("--seed", type=int, default=0)
    f.add_argument("--threads", type=count, default=2)
    f.add_argument("--device", default="cpu")
    f.add_argument(
        "--dtype",
        default="float32",
        help="float32, bfloat16, float16, or auto: bfloat16 where this machine is faster in it",
    )
    f.set_defaults(run=finetune)


def finetune(options: argparse.Namespace) -> None:
    """Train a model, and where a study is named, from prediction to trail."""
    import torch

    from psm_viz.engine.finetune import SAVES, Tuning
    from psm_viz.engine.finetune import finetune as train
    from psm_viz.engine.precision import chosen

    began = time.monotonic()
    torch.set_num_threads(options.threads)
    tuning = Tuning(
        saves=tuple(sorted(set(options.save or SAVES))),
        batch=options.batch,
        lr=options.lr,
        rank=options.rank,
        anchor_weight=options.anchor_weight,
        seed=options.seed,
        dtype=chosen(options.dtype, options.device),
        device=options.device,
        longest=options.longest,
    )
    if options.study:
        _as_branch(options, tuning)
    else:
        train(options.model, options.data, options.out, tuning, say, anchor=options.anchor)
    say(f"{options.out}: {max(tuning.saves)} steps, {minutes_since(began)}.")


def _as_branch(options: argparse.Namespace, tuning: Tuning) -> None:
    """Evidence written, branch trained, played and scored; what is done already stays."""
    from psm_viz.engine.add_branches import add_branches
    from psm_viz.engine.checkpoint_tree import from_models
    from psm_viz.engine.finetune import check_training
    from psm_viz.engine.finetune import finetune as train
    from psm_viz.engine.record_evidence import Asking, check_data, record_evidence
    from psm_viz.engine.sampling import sampling_of
    from psm_viz.study.formats.checkpoint_names import check_branch
    from psm_viz.study.reader import open_study
    from psm_viz.tables.scores import record_score

    study = open_study(options.study)
    taken = [c.branch for c in study.manifest.checkpoints]
    name = check_branch(options.branch or options.out.name, taken)  # before hours of training
    there = any(c.branch == name for c in study.manifest.checkpoints)
    told = name in study.evidences
    if there and (not told or study.evidence_scores(name)):
        raise BadInput(f"{options.study}: has a branch {name!r} already.", "Give another --branch.")
    # a record is never overwritten: nothing is asked before all that follows can be done
    sampling_of(study.manifest.generation)
    check_training(options.model, options.data, options.out, tuning, options.anchor)
    if told:
        check_data(study, name, options.data)
    else:
        asking = Asking(
            options.data,
            name,
            options.model,
            limit=128,
            seed=options.seed,
            threads=options.threads,
        )
        record_evidence(study, asking, say)
    train(options.model, options.data, options.out, tuning, say, anchor=options.anchor)
    source = from_models(options.model, {name: str(options.out)}, None)
    study = open_study(options.study)
    if not there:  # else a run was stopped between playing and scoring
        study = add_branches(study, source, [name], options.threads, say)
    if study.holds(study.manifest.branch(name)[-1].id, "questions"):
        record_score(study, name, name)
    else:
        say(f"{name}: the cast is asked at the reference alone, so that no arrow can be scored")
    say(f"Look at it with: PSM_VIZ_STUDY={options.study} make run")
