"""Who the Assistant is made of and next to, and what a projection might be read off instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput, PsmVizError
from psm_viz.stats.confounds import correlations
from psm_viz.stats.family_posterior import family_posterior
from psm_viz.stats.vectors import cast_mean
from psm_viz.study import columns as col
from psm_viz.study.activations import POOLINGS
from psm_viz.study.cast import ASSISTANT, family_weights
from psm_viz.study.columns import axis_column, norm_column
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer
from psm_viz.tables.neighbours import neighbours_at
from psm_viz.world.grammar import World, load_world
from psm_viz.world.likelihood import log_utterance

CONFOUNDS = {"length": "answer length", "norm": "activation norm"}
OBSERVED, DIALOGUES = 4, 200
"""Answers in a dialogue that the exact observer hears, and how many dialogues are drawn."""


def neighbours_table(study: Study, comparer: Comparer) -> pd.DataFrame:
    """The five nearest personas of every checkpoint's Assistant, in its own cast's frame:
    checkpoint, pooling, frame, rank, persona, cosine, margin (to the next), kept."""
    m = study.manifest
    rows: list[dict[str, Any]] = []
    for c in m.checkpoints:
        for p in m.poolings:
            if not study.vectors(c.id).holds(p, m.headline_layer):
                continue
            try:
                near = neighbours_at(study, comparer, c.id, p, m.headline_layer)
            except BadInput:  # before training all may be one point: nobody is near
                continue
            key = {"checkpoint": c.id, "pooling": p, "frame": "own"}
            rows += [key | {"rank": n} | vars(x) for n, x in enumerate(near, 1)]
    columns = ["checkpoint", "pooling", "frame", "rank", "persona", "cosine", "margin", "kept"]
    return pd.DataFrame(rows, columns=columns)


def posterior_tables(
    study: Study, say: Callable[[str], None] = lambda s: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Family weights of every checkpoint's Assistant, and how far they can be trusted.

    posterior: checkpoint, branch, step, pooling, family (or "none of these"), weight, low, high,
    exact (from the Assistant's own answers, where the world is known). posterior_calibration:
    checkpoint, pooling, typicality, temperature, log_loss, chance_log_loss, accuracy,
    chance_accuracy, error (of calibration); judged on personas and questions left out.
    """
    m = study.manifest
    weights = family_weights(study.cast)
    families = [p.family for p in study.cast.personas]
    world = known_world(study)
    rows: list[dict[str, Any]] = []
    judged: list[dict[str, Any]] = []
    for c in m.checkpoints:
        if not study.holds(c.id, "folds"):
            continue
        say(f"posterior: {c.id}")
        exact = exact_families(study, world, c.id) if world else {}
        for pooling in m.poolings:
            folds = study.folds(c.id).at(pooling).astype(np.float64)
            folds = folds - cast_mean(folds[:-1], weights)[None]
            try:
                found = family_posterior(folds[:-1], folds[-1], families)
            except BadInput as e:
                say(f"posterior of {c.id}, {pooling}: left out. {e.problem}")
                continue
            key = {"checkpoint": c.id, "branch": c.branch, "step": c.step, "pooling": pooling}
            for family, w, low, high in zip(
                found.families, found.weights, found.low, found.high, strict=True
            ):
                more = {"weight": float(w), "low": float(low), "high": float(high)}
                exactly = {"exact": exact.get(family, float("nan"))}
                rows.append(key | {"family": family} | more | exactly)
            fit = found.calibration
            judged.append(
                {"checkpoint": c.id, "pooling": pooling, "typicality": found.typicality}
                | {k: getattr(fit, k) for k in CALIBRATION}
            )
    columns = ["checkpoint", "branch", "step", "pooling", "family", "weight", "low", "high"]
    return (
        pd.DataFrame(rows, columns=[*columns, "exact"]),
        pd.DataFrame(judged, columns=["checkpoint", "pooling", "typicality", *CALIBRATION]),
    )


CALIBRATION = (
    *("temperature", "log_loss", "chance_log_loss", "accuracy", "chance_accuracy", "error"),
)


def known_world(study: Study) -> World | None:
    """The made world, if the study was played in the one of this version."""
    notes = study.manifest.notes
    if "world_kind" not in notes:
        return None
    world = load_world(str(notes["world_kind"]))
    return world if notes.get("world") == world.sha256 else None


def exact_families(study: Study, world: World, checkpoint: str) -> dict[str, float]:
    """What the ideal observer thinks of the Assistant after four of its own answers on different
    topics: the posterior over families, mean over 200 seeded dialogues of its stored answers."""
    topic = {q.id: q.topic for q in study.questions}
    said = study.responses(checkpoint)
    own = said[(said[col.PERSONA] == ASSISTANT) & (said[col.VALENCE] != "none")]
    by: dict[str, list[str]] = {}
    for question, text in zip(own[col.QUESTION], own[col.TEXT], strict=True):
        by.setdefault(topic[str(question)], []).append(str(text))
    if len(by) < OBSERVED:
        return {}
    heard: dict[tuple[str, str], np.ndarray] = {}
    rng = np.random.default_rng(0)
    total = np.zeros(len(world.characters))
    for _ in range(DIALOGUES):
        score = np.zeros(len(world.characters))
        for t in rng.choice(sorted(by), OBSERVED, replace=False):
            text = by[str(t)][int(rng.integers(len(by[str(t)])))]
            if (str(t), text) not in heard:
                read = world.read(str(t), text)
                assert read is not None  # its valence was read from the same bank
                heard[str(t), text] = log_utterance(world, str(t), read[0], saying=read[1])
            score += heard[str(t), text]
        total += np.exp(score - np.logaddexp.reduce(score)) / DIALOGUES
    out: dict[str, float] = {}
    for c, p in zip(world.characters, total, strict=True):
        out[c.family] = out.get(c.family, 0.0) + float(p)
    return out


def confounds_table(study: Study) -> pd.DataFrame:
    """Correlation of the answers' projection on the axis with their length and activation norm,
    over all answers and within personas: checkpoint, pooling, confound, within, value, low, high,
    n (answers)."""
    rows = []
    for c in study.manifest.checkpoints:
        if not study.holds(c.id, "responses"):
            continue
        said = study.responses(c.id)
        for pooling in POOLINGS:
            if axis_column(pooling) not in said or len(said) < 2:
                continue
            try:
                found = correlations(
                    said[axis_column(pooling)].to_numpy(dtype=np.float64),
                    said[col.TOKENS].to_numpy(dtype=np.float64),
                    said[norm_column(pooling)].to_numpy(dtype=np.float64),
                    list(said[col.PERSONA]),
                )
            except PsmVizError:  # no usable rows: the table says nothing of this checkpoint
                continue
            rows += [
                {
                    "checkpoint": c.id,
                    "pooling": pooling,
                    "confound": CONFOUNDS[r.confound],
                    "within": r.within,
                    **{"value": r.r.value, "low": r.r.low, "high": r.r.high},
                    "n": r.rows,
                }
                for r in found
            ]
    columns = ["checkpoint", "pooling", "confound", "within", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)
