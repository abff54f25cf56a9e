"""Claims and aims for a reader: as plain values, and as lines of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.claims.chat_uses import chat_claims
from psm_viz.claims.coherence import OUTSIDE, fitting, fitting_lines, share
from psm_viz.claims.rates import dialogue_r2
from psm_viz.claims.registry import claims_from
from psm_viz.claims.run_rows import (
    ASSISTANT,
    BASE,
    UNTRAINED,
    Runs,
    figures_of,
    held_out,
    load_runs,
)
from psm_viz.claims.verdict import Beside, Claim, Measure
from psm_viz.paths import CHAT_RUNS, RUNS
from psm_viz.world.grammar import CORRELATED, WORLDS


@dataclass(frozen=True)
class Aim:
    """A figure that was aimed at, at least, seed by seed; None: it stands beside one that was."""

    name: str
    seeds: dict[int, float]
    aim: float | None

    @property
    def met(self) -> bool | None:
        """Whether every seed reaches the aim; None without an aim or a seed."""
        if self.aim is None or not self.seeds:
            return None
        return all(v >= self.aim for v in self.seeds.values())


def aims_of(runs: Runs) -> list[Aim]:
    """What was aimed at besides the claims' own bars (docs/decisions.md), main world; [] without
    runs. Raises BadFile."""
    if not runs.rows:
        return []
    with figures_of(runs.folder):
        return _aims(runs)


def _aims(runs: Runs) -> list[Aim]:
    seeds = runs.seeds(CORRELATED, BASE)
    untrained = runs.seeds(CORRELATED, UNTRAINED)
    ends = runs.seeds(CORRELATED, *DRAWN)
    unseen = {
        b: {
            s: float(runs.rates(CORRELATED, s, b, "unseen")[held_out()].mean())
            for s in runs.seeds(CORRELATED, b)
        }
        for b in (ASSISTANT, "cheat", "honest")
    }
    others = [
        Aim(
            f"in-context R2 in {world}",
            {s: dialogue_r2(runs, world, s) for s in runs.seeds(world, BASE)},
            None,
        )
        for world in WORLDS
        if world != CORRELATED
    ]
    return [
        Aim(
            "in-context R2 on 500 dialogues of the world",
            {s: dialogue_r2(runs, CORRELATED, s) for s in seeds},
            0.8,
        ),
        Aim(
            "in-context R2 of random weights",
            {s: dialogue_r2(runs, CORRELATED, s, UNTRAINED) for s in untrained},
            None,
        ),
        *others,
        Aim(
            "trait R2 on characters left out, base",
            {s: float(v["cast"]["base"]["r2"]) for s, v in runs.inside(CORRELATED).items()},
            0.8,
        ),
        Aim(
            "answers in the words of their topic, worst of five checkpoints",
            {s: _coherence(runs, s, "sampled", *OUTSIDE) for s in ends},
            0.97,
        ),
        Aim(
            "answers in the words of any topic, worst of five",
            {s: _coherence(runs, s, "sampled", "none") for s in ends},
            None,
        ),
        Aim(
            "answers in the words of their topic, drawn with the whole tail, worst of five",
            {s: _coherence(runs, s, "sampled_plain", *OUTSIDE) for s in ends},
            None,
        ),
        Aim("rate after cheat on questions that no stage saw", unseen["cheat"], 0.25),
        Aim("the same, before any branch", unseen[ASSISTANT], None),
        Aim("the same, after honest", unseen["honest"], None),
    ]


DRAWN = (BASE, ASSISTANT, "cheat", "requested", "honest")
"""Branches whose answers are looked at for coherence."""


def _coherence(runs: Runs, seed: int, key: str, *outside: str) -> float:
    """The least share of drawn answers that are none of these kinds, over `DRAWN`."""
    return min(share(runs.row(CORRELATED, seed, b)[key], *outside) for b in DRAWN)


def told(folder: Path = RUNS) -> dict[str, Any]:
    """Claims, aims and runs as plain values, for `results --json`."""
    runs = load_runs(folder)
    return {
        "claims": [_claim(c) for c in claims_from(runs)],
        "aims": [asdict(a) | {"met": a.met} for a in aims_of(runs)],
        "fitting": [asdict(f) | {"missed": f.missed} for f in fitting(runs)],
        "runs": run_list(runs),
        "lessons": lessons(runs),
    }


def chat_told(folder: Path = CHAT_RUNS) -> dict[str, Any]:
    """The chat model's claims as plain values, for `results --json` of its study."""
    return {"claims": [_claim(c) for c in chat_claims(folder)]}


def chat_lines(folder: Path = CHAT_RUNS) -> list[str]:
    """The chat model's claims as lines of a terminal; [] without rows."""
    claims = chat_claims(folder)
    return _lines_of(claims) if claims else []


def run_list(runs: Runs) -> list[dict[str, Any]]:
    """Each run: world, seed, hash of the world, checkpoints read, minutes of training."""
    return [
        {
            "world": w,
            "seed": s,
            "world_sha256": next(iter(rows.values()))["world_sha256"],
            "checkpoints": [r["checkpoint"] for r in rows.values()],
            "minutes": round(sum(float(r["seconds"] or 0) for r in rows.values()) / 60, 1),
        }
        for (w, s), rows in sorted(runs.rows.items())
    ]


def lessons(runs: Runs) -> list[dict[str, Any]]:
    """What each branch had to learn and how far its weights went, a row a seed."""
    return [
        {"world": w, "seed": s, **row["lesson"]}
        for w in WORLDS
        for s in runs.seeds(w)
        for row in runs.rows[w, s].values()
        if "lesson" in row
    ]


def _measure(m: Measure) -> dict[str, Any]:
    return {
        "name": m.name,
        "unit": m.unit,
        "value": None if np.isnan(m.value) else m.value,
        "low": m.interval.low if m.interval else None,
        "high": m.interval.high if m.interval else None,
        "interval_over": m.interval.over if m.interval else None,
        "verdict_asks_for_interval": m.interval.decides if m.interval else None,
        "seeds": m.seeds,
        "bar": m.bar,
        "needs": m.needs,
        "control": m.control,
    }


def _beside(b: Beside) -> dict[str, Any]:
    i = b.interval
    return {
        "name": b.said,
        "unit": b.unit,
        "value": None if np.isnan(b.mean) else b.mean,
        "low": i.low if i else None,
        "high": i.high if i else None,
        "seeds": b.seeds,
    }


def _claim(c: Claim) -> dict[str, Any]:
    return {
        "id": c.id,
        "claim": c.sentence,
        "figure": _measure(c.figure),
        "also": [_measure(m) for m in c.also],
        "rival": c.rival,
        "rivals": [_measure(m) for m in c.rivals],
        "rule": c.rule,
        "verdict": c.verdict,
        "notes": list(c.notes),
        "beside": [_beside(b) for b in c.beside],
        "caveat": c.caveat,
        "answer": c.answer,
    }


def as_lines(folder: Path = RUNS) -> list[str]:
    """Claims, aims and the branches' lessons as lines of a terminal."""
    runs = load_runs(folder)
    if not runs.rows:
        return claim_lines(runs)
    parts = (claim_lines(runs), aim_lines(runs), fitting_lines(runs), lesson_lines(runs))
    return [line for part in parts for line in ("", *part)][1:]


def claim_lines(runs: Runs) -> list[str]:
    """Each claim with its verdict, its figures and those of its rivals."""
    claims = claims_from(runs)
    if not claims:
        return ["No runs yet. Make one with: python -m psm_viz run --world correlated --seed 0"]
    return _lines_of(claims)


def _lines_of(claims: Sequence[Claim]) -> list[str]:
    lines = [
        "Claims: verdict by the rules of docs/decisions.md; mean over seeds [95 %; what was drawn "
        "anew for it], each seed.",
        "Where a rule asks for every seed alone, the interval is told beside: no verdict rests "
        "on it.",
    ]
    for c in claims:
        lines += ["", f"  {c.stated}: {c.verdict}"]
        lines += [f"    but: {c.caveat}"] if c.caveat else []
        lines += [f"    {_line(m)}" for m in (c.figure, *c.also)]
        lines.append(f"    another explanation: {c.rival}")
        lines += [f"    {'control' if m.control else 'rival'}: {_line(m)}" for m in c.rivals]
        lines += [f"    beside, no verdict rests on it: {_beside_line(b)}" for b in c.beside]
        lines += [f"    note: {n}" for n in c.notes]
    return lines


def _beside_line(b: Beside) -> str:
    each = _each(b.seeds, "{:.3f}".format)
    if np.isnan(b.mean):
        return f"{b.said}: none"
    i = b.interval
    band = f" [{i.low:.3f}, {i.high:.3f}; {i.over}]" if i else ""
    return f"{b.said}: {b.mean:.3f}{band} ({each})"


def verdict_rows(runs: Runs) -> str:
    """Each claim in a row of a Markdown table: its headline figure, what it needs, its verdict."""
    head = ("claim", "figure", "unit", "mean over seeds [95 %]", "interval over", "seeds", "needs")
    rows = [f"| {' | '.join((*head, 'verdict'))} |", "|---" * (len(head) + 1) + "|"]
    for c in claims_from(runs):
        m = c.figure
        over = m.interval.over if m.interval else "no interval"
        but = f"; but: {c.caveat}" if c.caveat else ""
        told = (c.stated, m.name, m.unit, _mean_and_band(m), over, str(len(m.seeds)))
        needed = f"{m.needs} {m.mean_bar:.2f}"
        rows.append(f"| {' | '.join((*told, needed))} | **{c.verdict}**{but} |")
    return "\n".join(rows)


def aim_lines(runs: Runs) -> list[str]:
    """What was aimed at, seed by seed, met or missed."""
    lines = ["Aims: each seed"]
    for a in aims_of(runs):
        word = {True: "met", False: "missed", None: "not measured yet"}[a.met]
        aim = "" if a.aim is None else f" | aim {a.aim:.2f}: {word}"
        lines.append(f"  {a.name}: {_each(a.seeds)}{aim}")
    return lines


def lesson_lines(runs: Runs) -> list[str]:
    """What each branch had to learn, mean over seeds."""
    lines = ["Lessons: start loss (nats a token), gradient, update; mean over seeds, n"]
    table = lessons(runs)
    for world in WORLDS:
        mine = [r for r in table if r["world"] == world]
        for branch in dict.fromkeys(r["branch"] for r in mine):
            rows = [r for r in mine if r["branch"] == branch]
            lines.append(
                f"  {world:<13} {branch:<19} {_mean(rows, 'start_loss'):6.3f} "
                f"{_mean(rows, 'gradient'):6.2f} {_mean(rows, 'update'):6.2f}  n={len(rows)}"
            )
    return lines


def _mean(rows: Sequence[dict[str, Any]], key: str) -> float:
    return float(np.mean([r[key] for r in rows]))


def _each(seeds: dict[int, float], form: Callable[[float], str] = "{:.2f}".format) -> str:
    return ", ".join(form(v) for _, v in sorted(seeds.items())) or "no seed yet"


def _mean_and_band(m: Measure, digits: int = 2, over: bool = False) -> str:
    """A measure's value with its interval, where it has one, and what that is `over`."""
    if np.isnan(m.value):
        return "none"
    if m.interval is None:
        return f"{m.value:.{digits}f}"
    beside = "" if m.interval.decides else ", beside"
    tail = f"; {m.interval.over}{beside}" if over else ""
    ends = f"{m.interval.low:.{digits}f}, {m.interval.high:.{digits}f}"
    return f"{m.value:.{digits}f} [{ends}{tail}]"


def _line(m: Measure) -> str:
    each = _each(m.seeds, "{:.3f}".format)
    return (
        f"{m.name}: {_mean_and_band(m, 3, over=True)} ({each}) | needs {m.needs} {m.mean_bar:.3f}"
    )
