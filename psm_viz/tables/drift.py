"""Drift by checkpoint, on traits and across layers: every figure with its interval and null."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.stats import resampling
from psm_viz.stats.dispersion import cloud_test
from psm_viz.stats.estimates import p_over_steps
from psm_viz.stats.resampling import NAN, Estimate
from psm_viz.study.manifest import Checkpoint
from psm_viz.study.reader import Study
from psm_viz.tables.compare import Comparer, Comparison

SWAPPED = "before and after swapped"


def start_of(study: Study, checkpoint: Checkpoint) -> str | None:
    """Where a checkpoint's drift is counted from.

    Branches from the reference: the reference. Post-training: its own start, the base. The noise
    floor: the reference. Pre-training has no Assistant to start from: None.
    """
    m = study.manifest
    first = min((c for c in m.checkpoints if c.branch == checkpoint.branch), key=lambda c: c.step)
    return first.parent


def comparisons(
    study: Study, comparer: Comparer, say: Callable[[str], None] = lambda s: None
) -> list[Comparison]:
    """Every checkpoint that has a start, compared with it, in every pooling both hold."""
    m = study.manifest
    out = []
    for n, c in enumerate(m.checkpoints):
        start = start_of(study, c)
        if start is None:
            continue
        say(f"drift {n + 1}/{len(m.checkpoints)}: {c.id}")
        for pooling in m.poolings:
            vectors = [study.vectors(i) for i in (start, c.id)]
            if all(v.holds(pooling, m.headline_layer) for v in vectors):
                try:
                    out.append(comparer(start, c.id, pooling))
                except BadInput as e:
                    say(f"drift of {c.id}, {pooling}: left out. {e.problem}")
    return out


def _key(study: Study, c: Comparison) -> dict[str, Any]:
    at = study.manifest.checkpoint(c.end)
    return {"checkpoint": c.end, "branch": at.branch, "step": at.step, "pooling": c.pooling}


def drift_table(study: Study, comparer: Comparer, found: Sequence[Comparison]) -> pd.DataFrame:
    """One row per checkpoint, pooling and figure at the headline layer.

    value, low, high (95 %), n (questions; cast members for ranks), null_low, null_high and null
    (the figure's own null band and where it comes from), p, and p_steps: p after a search over the
    branch's saved steps. NaN where there is none.
    """
    m = study.manifest
    steps = _over_steps(study, found)
    floor = next((c for c in found if c.end == m.noise_floor), None)
    rows = []
    for c in found:
        figures = dict(c.figures)
        measured = comparer.has("questions", c.start, c.end)
        if measured:
            figures |= _standing(comparer, c) | _cloud(comparer, c)
        again = next((f for f in found if f.end == m.noise_floor and f.pooling == c.pooling), floor)
        for name in ("axis_cosine", "axis_ratio"):
            if again is not None and name in figures and again.pooling == c.pooling:
                band = again.figures[name]
                figures[name] = replace(
                    figures[name], null_low=band.low, null_high=band.high, null="noise floor"
                )
        for name, f in figures.items():
            rank = name.endswith("percentile") or name == "percentile_given_cast"
            n = c.personas if rank else len(comparer.asked.topics) if measured else 0
            searched = steps.get((c.end, c.pooling), NAN) if name == "specific_given_cast" else NAN
            rows.append(
                _key(study, c) | {"figure": name, "n": n} | asdict(f) | {"p_steps": searched}
            )
    return pd.DataFrame(rows, columns=[*COLUMNS])


COLUMNS = (
    *("checkpoint", "branch", "step", "pooling", "figure", "value", "low", "high", "n"),
    *("null_low", "null_high", "null", "p", "p_steps"),
)


def _over_steps(study: Study, found: Sequence[Comparison]) -> dict[tuple[str, str], float]:
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for c in found:
        if c.squares.size:
            key = (study.manifest.checkpoint(c.end).branch, c.pooling)
            groups.setdefault(key, []).append(c)
    out = {}
    for (_, pooling), group in groups.items():
        p = p_over_steps([c.flips for c in group], [c.squares for c in group])
        out |= {(c.end, pooling): float(v) for c, v in zip(group, p, strict=True)}
    return out


def _standing(comparer: Comparer, c: Comparison) -> dict[str, Estimate]:
    """Where the Assistant stands on the start's cross-fitted axis, in cast standard deviations."""
    shift = comparer.shift(c.start, c.end, c.pooling, c.layer)
    a, _ = comparer.vectors(c.end, c.pooling, c.layer)
    _, own = comparer.vectors(c.start, c.pooling, c.layer)
    along = ((a - own) * shift.axis).sum(1) / shift.spread
    i = resampling.interval_of_draws(lambda n: n @ along / n.sum(1), comparer.asked.counts)
    return {"axis_position": i}


def _cloud(comparer: Comparer, c: Comparison) -> dict[str, Estimate]:
    """The Assistant's cloud over questions, before and after."""
    x, y = (np.subtract(*comparer.vectors(k, c.pooling, c.layer)) for k in (c.start, c.end))
    try:
        t = cloud_test(x, y, comparer.asked.topics)
    except BadInput:  # one topic, or a cloud that is one point
        return {}
    return {
        "cloud_trace_ratio": Estimate(t.trace_ratio, p=t.trace_p, null=SWAPPED),
        "cloud_energy": Estimate(t.energy, p=t.energy_p, null=SWAPPED),
    }


def traits_table(study: Study, found: Sequence[Comparison]) -> pd.DataFrame:
    """D, g and s on every trait axis: checkpoint, branch, step, pooling, trait, part, value (cast
    standard deviations), low, high, p (max-statistic over traits, for the specific part)."""
    rows = [
        _key(study, c)
        | {"trait": trait, "part": part}
        | {k: getattr(f, k) for k in ("value", "low", "high", "p")}
        for c in found
        for part, traits in c.traits.items()
        for trait, f in traits.items()
    ]
    columns = ["checkpoint", "branch", "step", "pooling", "trait", "part"]
    return pd.DataFrame(rows, columns=[*columns, "value", "low", "high", "p"])
