"""Do the statistics cry wolf, and do they see what is there?

Every test that the product calls significant is put, by the same functions that measure a study, to
trials whose truth is known (`stats.planted`). A statistic must fire on what it is for, and in at
most one trial of twenty on everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.processes import each
from psm_viz.stats import significance as sig
from psm_viz.stats.planted import FEW, PLANTS, QUIET, made, split_pool
from psm_viz.stats.proportions import wilson
from psm_viz.stats.search_trials import LayerPool, cast_trial, layer_trial
from psm_viz.stats.trials import FIRES, UNSAID, Bench, bench_of, one_trial
from psm_viz.study.activations import POOLING_NAMES
from psm_viz.study.cast import trait_values
from psm_viz.study.files import plain
from psm_viz.study.manifest import AGAIN, MAIN
from psm_viz.study.reader import Study, open_study
from psm_viz.tables.derive import editing, small

MADE = ((150, 128, 1), (275, 1024, 4), (275, 4096, 8))
"""Roles and dimensions of the made arenas, and which share of the trials asked for they get."""
MORE, MORE_SEEDS = 3, 100_000
"""Quiet trials for each full one, and where their seeds begin: small rates need many trials."""
MANY = 256
"""Dimensions above which only every other size is planted."""
MADE_ENDS = 3
BLOCK = 5
"""Trials a process takes at a time."""


@dataclass(frozen=True)
class Job:
    """Some trials of one arena, for one process."""

    data: str
    seeds: tuple[int, ...]
    flips: int
    quiet: bool = False
    """Only plants that should leave most statistics silent."""


def arenas(study: Study) -> dict[str, tuple[Bench, str, bool]]:
    """The study's own activations, each pooling, with the Assistant and with anyone as subject:
    name -> (bench, pooling, anyone)."""
    m = study.manifest
    kept = study.activations(m.reference)
    again = study.activations(m.noise_floor) if m.noise_floor else None
    out: dict[str, tuple[Bench, str, bool]] = {}
    if kept is None or again is None:
        return out
    topics = tuple(q.topic for s in (MAIN, AGAIN) for q in study.questions if q.set == s)
    for pooling in m.poolings:
        pool = np.concatenate([kept.at(pooling), again.at(pooling)], axis=1).astype(np.float64)
        for anyone in (False, True):
            who = "anyone as the Assistant" if anyone else "the Assistant"
            name = f"{m.name}, {POOLING_NAMES[pooling]}, {who}"
            arena = split_pool(pool, topics, anyone, name)
            roles = len(pool) - 1 - anyone
            traits = {} if anyone else trait_values(study.cast)
            out[name] = (bench_of(arena, roles, traits, FLIPS), pooling, anyone)
    return out


FLIPS = 499


def _work(folder: str, job: Job) -> list[tuple[str, str, str, float, bool]]:
    """The trials of one job, in a process of its own."""
    if job.data.startswith("made"):
        roles, d = (int(n) for n in job.data.removeprefix("made, ").split(" roles, d "))
        arena = made(roles, d, job.data, ends=1 + MADE_ENDS)
        plants = QUIET if job.quiet else FEW if d > MANY else PLANTS
        b = bench_of(arena, roles, {}, job.flips, plants)
        return [(job.data, *row) for seed in job.seeds for row in one_trial(b, seed)]
    study = open_study(Path(folder))
    b, pooling, anyone = arenas(study)[job.data]
    if job.quiet:
        b = replace(b, plants=QUIET)
        return [(job.data, *row) for seed in job.seeds for row in one_trial(b, seed)]
    rows = [(job.data, *row) for seed in job.seeds for row in one_trial(b, seed)]
    if anyone:
        families = [p.family for p in study.cast.personas]
        rows += [(job.data, *row) for n in job.seeds for row in cast_trial(b.arena, families, n)]
    else:
        pool = layer_pool(study, pooling)
        rows += [(job.data, *row) for n in job.seeds for row in layer_trial(pool, n, job.flips)]
    return rows


def validation_table(
    study: Study,
    trials: int,
    made_trials: int,
    threads: int,
    say: Callable[[str], None] = lambda s: None,
) -> pd.DataFrame:
    """How often every statistic fires on every plant.

    statistic, data, plant, size, fires (whether it should; missing where neither is right), rate,
    low, high (Wilson 95 %: Monte Carlo error), n. Raises BadInput where the study keeps too few
    activations to split.
    """
    if min(trials, made_trials) < 0:
        raise BadInput(
            f"{trials} and {made_trials} trials cannot be run.",
            "Give --trials and --made at least 0.",
        )
    wanted = [(name, trials) for name in arenas(study)]
    wanted += [(f"made, {r} roles, d {d}", made_trials // share) for r, d, share in MADE]
    if not any(n for _, n in wanted):
        raise BadInput("No trials were asked for, or the study keeps no activations to split.")
    jobs = [
        Job(name, tuple(range(k, min(k + BLOCK, n))), FLIPS)
        for name, n in wanted
        for k in range(0, n, BLOCK)
    ]
    jobs += quiet_jobs([(name, n) for name, n in wanted if n and not _large(name)])

    def told(n: int, left: str, _: object) -> None:
        if n % 10 == 0 or n == len(jobs):
            say(f"validate {n}/{len(jobs)}: {left}")

    done = each(partial(_work, str(study.folder)), jobs, threads, told)
    rows = [row for rows in done for row in rows]
    return rates(pd.DataFrame(rows, columns=["data", "statistic", "plant", "size", "fired"]))


def _large(name: str) -> bool:
    return any(name == f"made, {r} roles, d {d}" for r, d, _ in MADE if d > MANY)


def quiet_jobs(wanted: list[tuple[str, int]]) -> list[Job]:
    """The further trials of false alarms alone, for arenas whose trials are quick."""
    return [
        Job(name, tuple(range(MORE_SEEDS + k, MORE_SEEDS + min(k + BLOCK, MORE * n))), FLIPS, True)
        for name, n in wanted
        for k in range(0, MORE * n, BLOCK)
    ]


def rates(fired: pd.DataFrame) -> pd.DataFrame:
    """Shares of trials that fired, with their Monte Carlo interval (Wilson 1927)."""
    keys = ["statistic", "data", "plant", "size"]
    out = fired.groupby(keys, sort=False).fired.agg(["sum", "count"]).reset_index()
    n = out["count"].to_numpy(dtype=float)
    p = out["sum"].to_numpy(dtype=float) / n
    low, high = wilson(p, n)
    judged = [expected(s, k) for s, k in zip(out.statistic, out.plant, strict=True)]
    return out.assign(fires=pd.array(judged, dtype="boolean"), rate=p, low=low, high=high).rename(
        columns={"count": "n"}
    )[[*keys, "fires", "rate", "low", "high", "n"]]


def expected(statistic: str, kind: str) -> bool | None:
    """Whether a statistic should fire on a plant; None where neither is wrong."""
    if kind in UNSAID.get(statistic, set()):
        return None
    return kind in FIRES[statistic]


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """false_alarm (over all data and plants it should be silent on) and power by size."""
    out: dict[str, Any] = {}
    for name, part in table.groupby("statistic", sort=False):
        quiet = part[part.fires.eq(False).fillna(False)]
        loud = part[part.fires.fillna(False)]
        worst = quiet.iloc[int(quiet.rate.to_numpy().argmax())]
        power: dict[str, dict[str, float]] = {}
        for (kind, size), rows in loud.groupby(["plant", "size"], sort=False):
            rate = float((rows.rate * rows.n).sum() / rows.n.sum())
            power.setdefault(str(kind), {})[f"{size:g}"] = rate
        out[str(name)] = {
            "false_alarm": float((quiet.rate * quiet.n).sum() / quiet.n.sum()),
            "worst": plain(dict(worst[["data", "plant", "size", "rate", "low", "n"]])),
            "power": power,
        }
    return {"alpha": sig.ALPHA, "statistics": out}


def as_text(table: pd.DataFrame) -> str:
    """The summary for a terminal: false alarms, their worst case, power at each size."""
    found = summary(table)
    lines = [f"Fired at p <= {found['alpha']} where nothing should (mean; worst case), then power"]
    for name, s in found["statistics"].items():
        w = s["worst"]
        lines.append(
            f"  {name:28s} {s['false_alarm']:.3f}; {w['rate']:.3f} ({w['plant']} {w['size']:g}, "
            f"{w['data']}, n={w['n']})"
        )
        for kind, sizes in s["power"].items():
            curve = "  ".join(f"{k}: {v:.2f}" for k, v in sizes.items())
            lines.append(f"      {kind:14s} {curve}")
    return "\n".join(lines)


def store(study: Study, table: pd.DataFrame, beliefs: pd.DataFrame | None = None) -> Study:
    """Keep the table, and that of planted talks where there is one, in the study, and return the
    study that holds them."""
    text = {"statistic": "category", "data": "category", "plant": "category"}
    with editing(study) as edit:
        edit.writer.write_table("validation", table.astype(text))
        if beliefs is not None:
            edit.writer.write_table("belief_trials", small(beliefs))
    return edit.done


def layer_pool(study: Study, pooling: str) -> LayerPool:
    """Question vectors of the reference and the noise floor, pooled for splitting."""
    m = study.manifest
    rows = []
    for checkpoint in (m.reference, str(m.noise_floor)):
        q = study.question_vectors(checkpoint)
        p = q.poolings.index(pooling)
        rows.append((q.assistant[:, p] - q.cast[:, p]).astype(np.float64))
    topics = tuple(q.topic for s in (MAIN, AGAIN) for q in study.questions if q.set == s)
    return LayerPool(np.concatenate(rows), topics)
