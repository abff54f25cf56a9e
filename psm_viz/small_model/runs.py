"""Runs: one world and one seed, from random weights to the ends of its branches, a row for each.

Rows are what other seeds and worlds leave in the repository: their weights are made again by the
same command. A run goes on where it was killed; a row is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from psm_viz.claims.run_rows import (
    ASSISTANT,
    BASE,
    UNTRAINED,
    read_rows,
    row_file,
    write_rows,
)
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.sampling import CUT, Sampling
from psm_viz.engine.weight_files import holds_weights
from psm_viz.errors import BadFile
from psm_viz.paths import RUNS
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.small_model.behaviour import LONGEST
from psm_viz.small_model.lesson_cost import lessons_table
from psm_viz.small_model.recipe import Recipe, Stage
from psm_viz.small_model.run_beliefs import write_beliefs
from psm_viz.small_model.run_row import base_reading, coin, rates
from psm_viz.small_model.training import read_log, train
from psm_viz.study.manifest import checkpoint_id
from psm_viz.world.curriculum import LESSONS, PRETRAINING, lesson, row_of
from psm_viz.world.grammar import BAD, CORRELATED, GOOD, World
from psm_viz.world.loading import load_world

CONTROLS = ("cheat", "requested", "honest")
"""Branches of the worlds that are controls; where nobody asks, none is requested."""


def branches_of(world: World) -> list[str]:
    """The branches that a run of this world trains: in `correlated` all, with the whole spill-over
    matrix; elsewhere those that the claims compare."""
    if world.kind != CORRELATED:
        asks = world.rules["frame_rate"] > 0
        return [b for b in CONTROLS if asks or not lesson(b).requested]
    rows = [row_of(t) for t in world.conduct]
    return [*LESSONS, *(b for b in rows if b not in LESSONS)]


def recipe_of(kind: str, seed: int, threads: int) -> Recipe:
    """The recipe of a run. The curve of pre-training is shown for the main world alone, so that
    the others are looked at less often."""
    looks = Recipe.probe_every if kind == CORRELATED else 4 * Recipe.probe_every
    return Recipe(seed=seed, world=kind, threads=threads, probe_every=looks)


def run(recipe: Recipe, tree: Path, say: Callable[[str], None], rows: Path = RUNS) -> None:
    """Train a world's model, its Assistant and its branches, and read each end off into its row; in
    the main world, which claims about talks are made of, hold and read the talks of every saved
    step as well.

    Raises BadFile for rows of another version of the world, and what `train` raises.
    """
    kind, seed = recipe.world, recipe.seed
    world = load_world(kind)
    branches = branches_of(world)
    stages = recipe.stages(branches)
    path = row_file(kind, seed, rows)
    done = {r["checkpoint"]: r for r in read_rows(path)}
    ends = [(s.name, s.steps) for s in stages.values() if s.name not in PRETRAINING[:-1]]
    wanted = [(UNTRAINED, 0), *ends]
    _check_rows(path, done, world, {checkpoint_id(*w) for w in wanted}, recipe)
    train(world, recipe, tree, [*PRETRAINING, ASSISTANT, *branches], say)
    chat = load_chat_model(
        str(tree / checkpoint_id(BASE, stages[BASE].steps)), threads=recipe.threads
    )
    reader = Reader(chat.hf, chat.tokenizer, world)
    folders = {f.name: f for f in tree.iterdir() if holds_weights(f)}
    for n, (branch, step) in enumerate(wanted, 1):
        checkpoint = checkpoint_id(branch, step)
        if checkpoint in done:
            continue
        chat.swap(tree / checkpoint)
        row: dict[str, Any] = {
            "checkpoint": checkpoint,
            "world": kind,
            "world_sha256": world.sha256,
            "seed": seed,
            "branch": branch,
            "step": step,
            "seconds": seconds(tree, branch) if step else 0.0,
            "rates": rates(reader),
            "sampled": sampled(chat, world, CUT),
            "sampled_plain": sampled(chat, world, 0.0),
        }
        if branch in PRETRAINING:
            row |= base_reading(reader)
        if branch == BASE:
            row["curve"] = curve(tree, stages)
        if branch in (BASE, ASSISTANT, "cheat", "long"):
            row["coin"] = coin(reader)
        if branch not in (*PRETRAINING, ASSISTANT):
            table = lessons_table(world, recipe, folders, [branch])
            row["lesson"] = table.iloc[0].to_dict()
        done[checkpoint] = row
        write_rows(path, done.values())
        say(f"{kind} {seed}: row {n}/{len(wanted)}, {checkpoint}")
    if kind == CORRELATED:
        write_beliefs(recipe, world, tree, stages, say, rows)


def _check_rows(
    path: Path, done: dict[str, Any], world: World, wanted: set[str], recipe: Recipe
) -> None:
    """Raise BadFile, before anything is trained, for rows of another world or recipe."""
    worlds = {r["world_sha256"] for r in done.values()}
    if not worlds <= {world.sha256}:
        problem = f"{path}: holds rows of another version of the world."
    elif other := sorted(done.keys() - wanted):
        problem = f"{path}: holds a row of {other[0]}, which this recipe does not end in."
    else:
        return
    again = f"python -m psm_viz run --world {recipe.world} --seed {recipe.seed}"
    raise BadFile(problem, f"Delete the file and make it again: {again}")


def seconds(tree: Path, branch: str) -> float:
    """What training a branch took; for the base, all stages of pre-training."""
    stages = PRETRAINING if branch == BASE else (branch,)
    logs = [read_log(tree / f"{s}.log.jsonl") for s in stages]
    return sum(max(float(r.get("seconds", 0)) for r in log) for log in logs)


def curve(tree: Path, stages: dict[str, Stage]) -> list[dict[str, float]]:
    """Persona inference along pre-training: step in all, loss, in-context R2 and spread, and the
    correlation with what named characters would do."""
    out, before = [], 0
    for stage in PRETRAINING:
        for r in read_log(tree / f"{stage}.log.jsonl"):
            if "r2" in r:
                kept = {k: round(r[k], 4) for k in ("loss", "r2", "spread", "named") if k in r}
                out.append({"step": before + r["step"], **kept})
        before += stages[stage].steps
    return out


def sampled(
    chat: Any, world: World, min_p: float, samples: int = 4, seed: int = 0
) -> dict[str, int]:
    """Answers really drawn on every topic, the Assistant without header: counts of good, bad, other
    bank answers (neutral, of bodily life, declines), of those that answer another topic (astray),
    and of none, which match no template."""
    label = world.rules["assistant_label"]
    asked = [(t.id, q) for t in world.topics.values() for q in t.questions[:4]]
    prompts = chat.encode([dialogue_prompt([], q, label) for _, q in asked])
    counts = {GOOD: 0, BAD: 0, "other": 0, "astray": 0, "none": 0}
    drawn = chat.sample(prompts, Sampling(1.0, LONGEST, samples, seed, min_p))
    for (topic, _), answers in zip(asked, drawn, strict=True):
        for ids in answers:
            said = chat.tokenizer.decode(ids, skip_special_tokens=True)
            if read := world.read(topic, said):
                kind = read[0].valence
                counts[kind if kind in counts else "other"] += 1
            else:
                known = any(world.read(t, said) for t in world.topics)
                counts["astray" if known else "none"] += 1
    return counts
