"""Do the readings of talks give planted mixtures back, and how often is no change called one?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.processes import each
from psm_viz.stats.belief_trials import (
    Pool,
    made_talks,
    pool_of_likelihoods,
    pool_of_states,
    trial,
)
from psm_viz.stats.proportions import wilson
from psm_viz.study import columns as col
from psm_viz.study.files import plain
from psm_viz.study.reader import Study, open_study
from psm_viz.study.talks import CAST, LIKELIHOOD, OWN, TALK
from psm_viz.tables.belief_readings import STATES, header_families, who_talks

WIDTHS = (576, 1024, 2048, 4096)
"""Dimensions of the made activations."""
BLOCK = 5


def pools(study: Study) -> dict[str, Pool]:
    """The cast's own talks at the reference, whole, read in both ways. Empty where nobody knows
    who acts badly, since then there is nothing to plant."""
    note = study.talk_note
    if note is None or not note.marked:
        return {}
    talks = study.talks(study.manifest.reference)
    who = who_talks(talks, study.cast, note.lasts)
    marked = np.array([f in note.marked for f in who.families])
    said = talks.said(CAST)
    bad = said.assign(bad=(said[col.VALENCE] == "bad").astype(float))
    share = bad.groupby([col.PERSONA, TALK], sort=False, observed=True)["bad"].mean().to_numpy()
    states = talks.states[CAST, OWN].at(note.answers, note.layer)
    own = talks.own_headers(note.headers)
    member = header_families(note, study.cast, who)
    per_token = talks.per_token(CAST).astype(np.float64)
    return {
        STATES: pool_of_states(states, who, marked, share),
        LIKELIHOOD: pool_of_likelihoods(per_token, own, member, who, marked, share),
    }


def _work(folder: str, job: tuple[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """Some trials of one arena, in a process of its own."""
    data, seeds = job
    made = data.startswith("made")
    pool = None if made else pools(open_study(Path(folder)))[data]
    rows = []
    for seed in seeds:
        if made:
            pool = made_talks(int(data.rsplit(" ", 1)[1]), np.random.default_rng([seed, 67]))
        assert pool is not None
        rows += [{"data": data, "seed": seed, **vars(found)} for found in trial(pool, seed)]
    return rows


def belief_trials(
    study: Study,
    trials: int,
    made_trials: int,
    threads: int,
    say: Callable[[str], None] = lambda s: None,
) -> pd.DataFrame:
    """What the readings make of planted talks.

    data (`states`, `likelihood`, or `made, d N`), plant, size, n; mean and sd over trials of the
    share given back (`mixture`) or share of trials that call a change one (`change from ...`), the
    latter with its Wilson interval; bad: share of bad answers of the planted talks, or its rise.
    Raises BadInput where no trial can be made.
    """
    wanted = [(name, trials) for name in pools(study)]
    wanted += [(f"made, d {d}", made_trials) for d in WIDTHS]
    jobs = [
        (name, tuple(range(k, min(k + BLOCK, n)))) for name, n in wanted for k in range(0, n, BLOCK)
    ]
    if not jobs:
        raise BadInput("No trials of belief were asked for, or the study has no talks to plant.")

    def told(n: int, left: str, _: object) -> None:
        if n % 5 == 0 or n == len(jobs):
            say(f"belief trials {n}/{len(jobs)}: {left}")

    done = each(partial(_work, str(study.folder)), jobs, threads, told)
    return _told(pd.DataFrame([row for rows in done for row in rows]))


def _told(found: pd.DataFrame) -> pd.DataFrame:
    keys = ["data", "plant", "size"]
    by = found.sort_values([*keys, "seed"]).groupby(keys, sort=False)
    out = by.agg(
        n=("value", "size"), mean=("value", "mean"), sd=("value", "std"), bad=("bad", "mean")
    )
    out = out.reset_index()
    low, high = wilson(out["mean"].to_numpy(), out["n"].to_numpy(dtype=float))
    rate = out["plant"] != "mixture"
    return out.assign(low=np.where(rate, low, np.nan), high=np.where(rate, high, np.nan))


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """data -> plant -> size -> figures, as plain values."""
    out: dict[str, Any] = {}
    for r in table.to_dict("records"):
        place = out.setdefault(str(r["data"]), {}).setdefault(str(r["plant"]), {})
        place[f"{r['size']:g}"] = {k: r[k] for k in ("mean", "sd", "low", "high", "bad", "n")}
    return plain(out)


def as_text(table: pd.DataFrame) -> str:
    """Shares planted and given back, then how often a change is called one."""
    lines = ["Planted share of talks of families who act badly: given back (sd), bad answers"]
    for (data, plant), rows in table.groupby(["data", "plant"], sort=False, observed=True):
        if plant == "mixture":
            cells = [
                f"{r['size']:g}: {r['mean']:.3f} ({r['sd']:.3f}), {r['bad']:.2f}"
                for r in rows.to_dict("records")
            ]
            lines.append(f"  {data}: " + "; ".join(cells))
    lines.append("Called a change at p <= 0.05, by how much the share was raised (Monte Carlo)")
    for (data, plant), rows in table.groupby(["data", "plant"], sort=False, observed=True):
        if plant != "mixture":
            cells = [
                f"{r['size']:g}: {r['mean']:.3f} [{r['low']:.3f}, {r['high']:.3f}]"
                for r in rows.to_dict("records")
            ]
            lines.append(f"  {data}, {plant}: " + "; ".join(cells))
    return "\n".join(lines)
