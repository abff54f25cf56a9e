"""Tables that need the model itself: the base in context, what branches had to learn, steering,
words or weights. Made when a study of the small model is played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from psm_viz.engine.chat_model import Player, load_player
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.small_model.answer_masses import Reader, in_context_rows
from psm_viz.small_model.lesson_cost import lessons_table
from psm_viz.small_model.recipe import Recipe
from psm_viz.small_model.steering_rates import RANDOM_DRAWS, STRENGTHS, steering_table
from psm_viz.stats.confounds import Estimate, two_by_two
from psm_viz.stats.vectors import mean_by_group
from psm_viz.study import columns as col
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT, family_weights
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import Study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.compare import Comparer
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RESPONSE = "response_mean"


def modelled_tables(
    study: Study, writer: StudyWriter, source: Source, threads: int, say: Callable[[str], None]
) -> None:
    """Make these tables for a study of the small model and write them beside the others."""
    world, m = source.world, study.manifest
    assert world is not None
    folders = {k: Path(v) for k, v in source.folders.items()}
    player = load_player(str(folders[m.reference]), threads=threads)
    say("in context: the base beside the ideal observer")
    base = m.branch(m.checkpoint(m.reference).branch)[0].id
    player.swap(folders[base])
    writer.write_table("in_context", in_context_table(player, world))
    # a branch that was imported as vectors has no model to ask
    ends = {b: m.branch(b)[-1].id for b in m.fine_tuned if m.branch(b)[-1].id in folders}
    if not ends:  # a study that its branches are added to later
        return
    say("lessons: starting loss, gradient and update of every branch")
    recipe = Recipe(seed=int(source.training_seed or 0), world=world.kind)
    writer.write_table("lessons", lessons_table(world, recipe, folders, list(ends)))
    say("steering: the axis and the branches' arrows beside random directions")
    writer.write_table("steering", steering(study, world, folders, ends))
    frames, before = [], _read(study, player, folders[m.reference], m.reference)
    for n, (branch, end) in enumerate(ends.items(), 1):
        say(f"words or weights {n}/{len(ends)}: {branch}")
        frames.append(words_or_weights(study, player, folders, branch, end, before))
    writer.write_table("words_or_weights", pd.concat(frames, ignore_index=True))


def in_context_table(player: Player, world: World) -> pd.DataFrame:
    """The base beside the ideal observer in context, under both unnamed labels."""
    frames, reader = [], Reader(player.hf, player.tokenizer, world)
    for label in (world.rules["unnamed_label"], world.rules["assistant_label"]):
        rows = in_context_rows(reader, per_condition=48, seed=11, label=label)
        frames.append(pd.DataFrame(rows).assign(label=label))
    return pd.concat(frames, ignore_index=True)


def steering(
    study: Study,
    world: World,
    folders: dict[str, Path],
    ends: dict[str, str],
    *,
    strengths: Sequence[float] = STRENGTHS,
    unit_of: str | None = None,
    draws: int = RANDOM_DRAWS,
) -> pd.DataFrame:
    """The reference steered down its axis and along each branch's own specific shift, at the
    headline layer (last prompt token's vectors), in units of the length of one branch's shift, or
    of the longest."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    m, comparer = study.manifest, Comparer(study)
    layer, pooling = m.headline_layer, m.headline_pooling
    arrows: dict[str, np.ndarray] = {}
    for branch, end in ends.items():
        arrows[f"{branch} arrow"] = comparer.shift(m.reference, end, pooling, layer).specific.mean(
            0
        )
    a, c = comparer.vectors(m.reference, pooling, layer)
    longs = {branch: float(np.linalg.norm(arrows[f"{branch} arrow"])) for branch in ends}
    length = longs[unit_of] if unit_of else max(longs.values())
    directions = {"down the axis": -(a - c).mean(0), **arrows}
    folder = str(folders[m.reference])
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder).float().eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    roles = study.vectors(m.reference).at(pooling, layer)[:-1].astype(np.float64)
    trained = str(m.notes["trained_topic"])
    return steering_table(
        model,
        tokenizer,
        world,
        trained,
        layer,
        directions,
        length,
        roles,
        strengths=strengths,
        draws=draws,
    )


def words_or_weights(
    study: Study,
    player: Player,
    folders: dict[str, Path],
    branch: str,
    end: str,
    before: np.ndarray,
) -> pd.DataFrame:
    """Is the movement in what is said or in who reads it? The 2 x 2 of (whose text) x (whose
    weights), mean over the answer, Assistant less cast per question, headline layer.

    branch, effect (words, weights, interaction), share of the total along it, norm, each with its
    interval. `before` is the start's own text under its own weights. Every persona's first answer
    to each prompt is read again, all of the Assistant's.
    """
    start = study.manifest.reference
    cells = {
        (text, by): _read(study, player, folders[reader], words)
        for text, words in (("a", start), ("b", end))
        for by, reader in (("a", start), ("b", end))
        if (text, by) != ("a", "a")
    } | {("a", "a"): before}
    topics = [q.topic for q in study.questions if q.set == MAIN]
    found = two_by_two(cells, topics)
    nothing = Estimate(float("nan"), float("nan"), float("nan"))
    rows = []
    for effect in ("words", "weights", "interaction"):
        norm: Estimate = getattr(found, effect)
        share: Estimate = getattr(found, f"{effect}_share", nothing)
        rows.append(
            {
                "branch": branch,
                "effect": effect,
                **{"share": share.value, "share_low": share.low, "share_high": share.high},
                **{"norm": norm.value, "norm_low": norm.low, "norm_high": norm.high},
                "n": found.questions,
            }
        )
    return pd.DataFrame(rows)


def _read(study: Study, player: Player, reader: Path, words: str) -> np.ndarray:
    """One checkpoint's answers read with another's weights: Assistant less cast, per question."""
    wording = study.manifest.generation["wording"]
    cast, weights = study.cast, family_weights(study.cast)
    main = [q for q in study.questions if q.set == MAIN]
    number = {q.id: k for k, q in enumerate(main)}
    said = study.responses(words)
    said = said[(said[col.SAMPLE] == 0) | (said[col.PERSONA] == ASSISTANT)]
    player.swap(reader)
    total = np.zeros((len(main), player.d_model))
    layer = study.manifest.headline_layer
    own = {str(k): v for k, v in said.groupby(col.PERSONA, observed=True)}
    for n, p in enumerate(cast.all):
        rows = own[p.id]
        texts = getattr(p, wording)
        asked = [main[number[q]] for q in rows[col.QUESTION]]
        prompts = [
            player.render(p, texts[v], q.text)
            for v, q in zip(rows[col.VARIANT], asked, strict=True)
        ]
        answers = player.encode([f" {t}" for t in rows[col.TEXT]])
        pooled = player.pooled(player.encode(prompts), answers, [layer])[
            :, POOLINGS.index(RESPONSE), 0
        ]
        means = mean_by_group(pooled, [number[q.id] for q in asked], len(main))
        total += means if n == len(cast.personas) else -weights[n] * means
    return total
