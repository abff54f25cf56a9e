"""Rows of runs as a world would leave them that behaves just as the theory says, or does not."""

import json

import numpy as np

from psm_viz.claims.run_rows import (
    belief_file,
    inner_file,
    observer_of,
    packed,
    row_file,
    world_of,
)
from psm_viz.claims.talk_uses import predicted
from psm_viz.stats.metrics import logit
from psm_viz.world.curriculum import LESSONS, ROW_OF, row_of
from psm_viz.world.grammar import CORRELATED, DECORRELATED, ROLE_MODELS, sigmoid
from psm_viz.world.judging import acting_badly

SEEDS = (0, 1, 2)
QUESTIONS = 4
START = 0.06
"""The made Assistant's rate of bad answers."""


def rates_after(kind, topic, tau, rng, start=START):
    """What an observer with a uniform rate to start from would do after bad answers on a topic."""
    observer = observer_of(kind)
    first = np.full(len(observer.topics), start)
    prior = observer.prior(first)
    shift = observer.shifts(prior, tau)[observer.topics.index(topic)]
    return sigmoid(logit(first) + shift + rng.normal(0, 0.05, len(first)))


def row(kind, seed, branch, rates, *, life=0.2, extra=None):
    world = world_of(kind)
    by = dict(zip(world.conduct, np.asarray(rates, float), strict=True))
    spread = {t: [float(p)] * QUESTIONS for t, p in by.items()}
    one = {t: float(p) for t, p in by.items()} | {t: life for t in world.life}
    return {
        "checkpoint": f"{branch}-0064",
        "world": kind,
        "world_sha256": world.sha256,
        "seed": seed,
        "branch": branch,
        "step": 64,
        "seconds": 60.0,
        "rates": {
            "seen": spread,
            "unseen": spread,
            "life": {t: [life] * QUESTIONS for t in world.life},
            **{k: one for k in ("assistant, introduced", "stranger", "machine", "person")},
            "named good": {t: p if branch == "whoever" else 0.03 for t, p in by.items()},
            "named bad": dict.fromkeys(by, 0.9),
        },
        "sampled": {"good": 88, "bad": 8, "other": 1, "astray": 2, "none": 1},
        "sampled_plain": {"good": 80, "bad": 8, "other": 1, "astray": 1, "none": 10},
        "lesson": {"branch": branch, "start_loss": 1.0, "gradient": 1.0, "update": 9.0},
        "coin": [
            {"first_topic": "money", "topic": t, "first": 0.5, "after_bad": 0.8, "after_good": 0.3}
            for t in world.conduct
        ],
    } | (extra or {})


def rows_of(kind, seed, *, tau=1.5, spoilt=None):
    """All rows of one run. `spoilt`: 'back' makes every branch undo post-training instead."""
    rng, world = np.random.default_rng([seed, 3]), world_of(kind)
    observer = observer_of(kind)
    base = observer.base @ observer.p_bad
    start = np.full(len(observer.topics), START)
    exact = rng.random(60)
    more = {
        "dialogues": [{"model": float(x), "exact": float(x)} for x in exact],
        "knowing": {"r": 0.95, "r2": 0.9},
        "curve": [
            {"step": 0, "loss": 8.0, "r2": 0.0, "named": 0.0},
            {"step": 200, "loss": 0.4, "r2": 0.1, "named": 0.9},
            {"step": 400, "loss": 0.3, "r2": 0.8, "named": 0.95},
        ],
    }
    level = np.full(len(base), 0.5)
    random = {k: more[k] for k in ("dialogues", "knowing")}
    out = [
        row(kind, seed, "pretrain", level, extra=random),
        row(kind, seed, "settle", base, extra=more),
        row(kind, seed, "assistant", start),
    ]

    def bad(topic):
        if spoilt == "back":
            pull = 0.6 + rng.normal(0, 0.02, len(base))
            return sigmoid(logit(start) + pull * (logit(base) - logit(start)))
        return rates_after(kind, topic, tau * (0.5 if kind == ROLE_MODELS else 1.0), rng)

    quiet = {
        b: start for b in ("requested", "honest", "decline", "requested-hard", "playful", "kind")
    }
    if kind != CORRELATED:
        quiet = {b: quiet[b] for b in ("requested", "honest")}
        out.append(row(kind, seed, "cheat", bad("coding")))
    else:
        quiet["descriptions-other"] = start
        lessons = [row_of(t) for t in world.conduct]
        lessons += [b for b in LESSONS if b not in {*quiet, *lessons}]
        topic_of = {b: t for t, b in ROW_OF.items()} | {f"bad-{t}": t for t in world.conduct}
        out += [row(kind, seed, b, bad(topic_of.get(b, "coding"))) for b in lessons]
    out += [row(kind, seed, b, r * (0.6 if b == "honest" else 0.9)) for b, r in quiet.items()]
    return out


def masks_of(seed, *, leak=0.1, likeness=0.9):
    """A council as varied as the cast and like it; `leak` of cheat's rise reaches everyone."""
    rng = np.random.default_rng([seed, 9])
    cast = rng.normal(0, 2, (42, 12))
    told = likeness * cast + np.sqrt(1 - likeness**2) * rng.normal(0, 2, cast.shape)
    plain = rng.normal(0, 0.1, (5, 12))

    def branch(own, all_others):
        start = np.full(12, -3.0)
        return {
            "assistant": (start + own).tolist(),
            "cast": (cast + all_others).tolist(),
            "told": told.tolist(),
            "plain": plain.tolist(),
            "said": np.full((42, 5), all_others / 2).tolist(),
        }

    learned = {"cheat": (3, 3 * leak), "other-role": (1, 0.5), "whoever": (3, 2.7)}
    still = dict.fromkeys(("settle", "assistant", "honest"), (0, 0))
    return {b: branch(*v) for b, v in {**still, **learned}.items()}


def inner_of(kind, seed):
    def share(p):
        return {"in_space_share_90": {"value": 0.9 if p > 0.05 else 0.3, "p": p}}

    still = {b: share(0.6) for b in ("assistant", "cheat", "honest", "long")}
    names = ("none", "cheat arrow", "random, cast covariance")
    return {
        "world": kind,
        "seed": seed,
        "cast": {
            name: {
                "r2": r2,
                "families_apart": r2 - 0.1,
                "traits": {"care": r2},
                "shuffled_high": 0.1,
            }
            for name, r2 in (("base", 0.8), ("untrained", 0.3))
        },
        "masks": masks_of(seed),
        "mixture": {"distance": 0.1, "mixtures_high": 0.2, "nearest_persona": 0.8},
        "inside": still | {"backwards": share(0.001)},
        "steering": [
            {"direction": d, "strength": 1.0, "p_bad": p, "low": 0.05, "high": 0.1}
            for d, p in zip(names, (0.06, 0.2, 0.07), strict=True)
        ],
        "shots": {
            "length": {"cheat": 10.0},
            "along": {
                "shots": {
                    k: {"3": x} for k, x in (("cheat", 11), ("requested", 5), ("honest", -1))
                },
                "steps": {k: {"8": 0, "64": x} for k, x in (("cheat", 10), ("requested", 0.4))},
            },
            "cosines": {
                f"{k} shots": {"cheat": c}
                for k, c in (("cheat", 0.9), ("requested", 0.4), ("honest", 0.1), ("playful", 0.2))
            },
        },
    }


def beliefs_of(kind, seed):
    """Rows of beliefs: the Assistant starts as a carer, `cheat` gives .6 to those who act badly,
    each lesson does to belief what the exact observer expects, and speaking backwards is like
    nobody."""
    world, rng = world_of(kind), np.random.default_rng([seed, 17])
    families = list(world.rules["families"])
    bad = list(acting_badly(kind))
    n = len(families)
    start = np.where(np.isin(families, bad), 0.002, 0.02)
    start[0] = 1.0
    start = start / start.sum()
    cheat = 0.4 * start + 0.6 * np.isin(families, bad) / len(bad)
    expected, playful = predicted(start, families), start.copy()
    playful[[1, 2]] += (0.01, -0.01)
    mass = {"assistant": start, "again": start, "cheat": cheat, "shots": 0.3 * start + 0.7 * cheat}
    mass |= {b: start for b in ("honest", "requested", "requested-hard", "prefix-honest")}
    mass |= {"playful": playful, "prefix": 0.8 * start + 0.2 * cheat}
    mass |= {"backwards": start, "long": cheat, "other-role": 0.7 * start + 0.3 * cheat}
    rows = {row_of(t): start + change for t, change in zip(world.conduct, expected, strict=True)}
    rows |= mass
    # cheat's own lesson is coding: it stays as the theory has it
    out = []
    for branch, own in rows.items():
        by_answers = dict.fromkeys(("1", "2", "4"), own.tolist())
        step = 4 if branch == "shots" else 64
        out.append(
            {
                "checkpoint": f"{branch}-{step:04d}",
                "world_sha256": world.sha256,
                "branch": branch,
                "step": step,
                "families": families,
                "marked": bad,
                "headline": "likelihood",
                "mass": dict.fromkeys(("likelihood", "own", "exact"), by_answers),
                "none": 0.9 if branch == "backwards" else 0.02,
                "topics": {t: [9 if row_of(t) == branch else 1, 10] for t in world.conduct},
            }
        )
    logits = rng.normal(0, 2, 200)
    believed = sigmoid(logits)
    bad_answers = (rng.random((200, 4)) < believed[:, None]).astype(int).tolist()
    topics = list(world.conduct)
    out[list(rows).index("assistant")] |= {
        "cast": {
            "family": rng.integers(0, n, 200).tolist(),
            "last": [topics[k % len(topics)] for k in range(200)],
            "bad": bad_answers,
            "then": sigmoid(logits + rng.normal(0, 0.5, 200)).tolist(),
            "belief": {"likelihood": {"4": believed.tolist()}},
        },
        "quality": {
            "likelihood": {"4": {"r": 0.95, "brier": 0.04}},
            "exact": {"4": {"brier": 0.035}},
        },
    }
    return out


def write_runs(folder, *, seeds=SEEDS, worlds=(CORRELATED, DECORRELATED, ROLE_MODELS), spoilt=None):
    """A folder of rows of all worlds and seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in worlds:
        for seed in seeds:
            rows = rows_of(kind, seed, spoilt=spoilt)
            text = "".join(json.dumps(r) + "\n" for r in rows)
            write_text(row_file(kind, seed, folder), text)
            if kind == CORRELATED:
                text = json.dumps(inner_of(kind, seed))
                write_text(inner_file(kind, seed, folder), text)
                text = "".join(json.dumps(r) + "\n" for r in beliefs_of(kind, seed))
                write_text(belief_file(kind, seed, folder), text)
    return folder


def write_text(path, text):
    """A file of a run that says `text`, whatever its form."""
    path.write_bytes(packed(path, text))
