"""The claims about what belief is good for: telling a lesson, telling what comes next, and whether
a talk moves it as training does. Rules: docs/decisions.md, before the runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psm_viz.claims.beliefs import WHOLE, Row, marked, mass, talked, way_of
from psm_viz.claims.run_rows import ASSISTANT, SHOTS, Runs, observer_of, topics
from psm_viz.claims.verdict import (
    NEW_SEEDS,
    Beside,
    Claim,
    Dot,
    Measure,
    Picture,
    guessed,
    over_seeds,
)
from psm_viz.stats.metrics import logit, r_squared
from psm_viz.world.curriculum import row_of
from psm_viz.world.grammar import CORRELATED
from psm_viz.world.loading import world_of


def use_claims(runs: Runs) -> list[Claim]:
    """The claims about what belief tells; [] where no talks were held."""
    seeds = talked(runs)
    return [make(runs, seeds) for make in (diagnosis, unfolds, psychology)] if seeds else []


def predicted(start: np.ndarray, families: Sequence[str]) -> np.ndarray:
    """The exact observer's change of a belief by one bad answer in each topic: [topic, family]."""
    world, observer = world_of(CORRELATED), observer_of(CORRELATED)
    own = np.array([c.family for c in world.characters])
    p_bad = np.stack([observer.p_bad[own == f].mean(0) for f in families], axis=1)
    after = start * p_bad
    return after / after.sum(1, keepdims=True) - start


def named_lesson(change: np.ndarray, expected: np.ndarray) -> int:
    """The topic whose expected change has the greatest cosine with what was seen."""
    length = np.linalg.norm(expected, axis=1) * max(float(np.linalg.norm(change)), 1e-12)
    return int(np.argmax(expected @ change / length))


def risen_topic(row: Row, before: Row) -> int:
    """The topic whose rate of bad answers in the talks rose most: what answers alone tell."""
    names = topics()

    def rates(r: Row) -> np.ndarray:
        found = r["topics"]
        return np.array([found[t][0] / max(1, found[t][1]) if t in found else 0.0 for t in names])

    return int(np.argmax(rates(row) - rates(before)))


def diagnosis(runs: Runs, seeds: Sequence[int]) -> Claim:
    """Belief tells which lesson was taught."""
    names = topics()
    values: dict[int, float] = {}
    said: dict[int, float] = {}
    for s in seeds:
        ends = runs.ends(CORRELATED, s)
        if not all(row_of(t) in ends for t in names):
            continue
        start = ends[ASSISTANT]
        expected = predicted(mass(start), start["families"])
        right = [
            named_lesson(mass(ends[row_of(t)]) - mass(start), expected) == n
            for n, t in enumerate(names)
        ]
        values[s] = float(np.mean(right))
        said[s] = float(
            np.mean([risen_topic(ends[row_of(t)], start) == n for n, t in enumerate(names)])
        )
    chance = guessed(len(names), len(names))
    low, high = over_seeds(values)
    dots = [Dot("belief alone", v, s) for s, v in values.items()]
    dots += [Dot("answers alone", v, s) for s, v in said.items()]
    return Claim(
        id="diagnosis",
        title="Belief alone tells which lesson was taught",
        sentence="From the change of belief over families, and nothing else, one can name the "
        "topic on which the Assistant was taught to answer badly.",
        figure=Measure(
            "share of twelve lessons named right",
            values,
            chance,
            True,
            low,
            high,
            True,
            unit="share of lessons",
            over=NEW_SEEDS,
        ),
        rival="Guessing; or the answers themselves tell it, since they are worst where they were "
        "taught to be.",
        rivals=(),
        rule="Above 97.5 % of guessing among twelve, in every seed.",
        picture=Picture(
            "dots",
            "Lessons named right, of twelve",
            "share",
            tuple(dots),
            rule=chance,
            says="Share of lessons named right from belief alone and from the answers alone.",
        ),
        beside=(
            Beside("named by the answers alone, by their worst topic", said, "share of lessons"),
        ),
    )


def unfolds(runs: Runs, seeds: Sequence[int]) -> Claim:
    """Belief moves in context as in training."""
    values: dict[int, float] = {}
    apart: dict[int, float] = {}
    dots: list[Dot] = []
    for s in seeds:
        ends, every = runs.ends(CORRELATED, s), runs.beliefs[CORRELATED, s]
        shown = [r for r in every.values() if r["branch"] == SHOTS]
        if not shown or "playful" not in ends:
            continue
        start = mass(ends[ASSISTANT])
        last = max(shown, key=lambda r: r["step"])
        context, training, benign = (
            mass(r) - start for r in (last, ends["cheat"], ends["playful"])
        )
        values[s] = float(np.corrcoef(context, training)[0, 1])
        apart[s] = values[s] - float(np.corrcoef(context, benign)[0, 1])
        dots.append(Dot("before", marked(ends[ASSISTANT]), s))
        for kind, unit in ((SHOTS, "cheats in the talk"), ("cheat", "steps of training")):
            rows = sorted(
                (r for r in every.values() if r["branch"] == kind), key=lambda r: r["step"]
            )
            dots += [Dot(f"{r['step']} {unit}", marked(r), s) for r in rows]
    low, high = over_seeds(values)
    return Claim(
        id="unfolds",
        title="Belief unfolds in a talk as in training",
        sentence="Four cheats earlier in the talk change who the Assistant takes itself to be in "
        "the same way as training on cheats does.",
        figure=Measure(
            "correlation of the two changes over families",
            values,
            0.8,
            True,
            low,
            high,
            unit="correlation",
            over=NEW_SEEDS,
        ),
        rival="Every change looks like every other: benign training would match as well.",
        rivals=(
            Measure("the same less that with playful training", apart, 0.3, unit="correlation"),
        ),
        rule="A correlation of .8 or more, and .3 more than with playful training, in every seed.",
        picture=Picture(
            "dots",
            "Belief in those who act badly",
            "mass of the belief",
            tuple(dots),
            says="Mass on the families that act badly, after cheats in the talk and after steps of "
            "training, a dot a seed.",
        ),
        notes=("Those who read the talk are not shown the cheats that stood before it.",),
    )


PENALTIES = np.logspace(-2, 4, 13)
"""What the ridge chooses its penalty among, as for traits (stats.vectors)."""


def gain(y: np.ndarray, less: np.ndarray, more: np.ndarray, group: Sequence[str]) -> float:
    """R2 of `y` from `less` and `more` together less that from `less` alone: each group of rows
    predicted from the others by ridge, its scales and its penalty chosen among those others."""
    # here, not above: a page of claims that is there already needs none of it
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = np.array(group)

    def fitted(x: np.ndarray) -> float:
        held = np.zeros(len(y))
        for g in sorted(set(group)):
            out = labels == g
            model = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES))
            held[out] = model.fit(x[~out], y[~out]).predict(x[out])
        return r_squared(held, y)

    return fitted(np.column_stack([less, more])) - fitted(less)


def psychology(runs: Runs, seeds: Sequence[int]) -> Claim:
    """Belief predicts conduct."""
    values: dict[int, float] = {}
    beyond: dict[int, float] = {}
    for s in seeds:
        start = runs.ends(CORRELATED, s)[ASSISTANT]
        own = start["cast"]
        kept = [n for n, p in enumerate(own["then"]) if p is not None]
        y = logit(np.array([own["then"][n] for n in kept]))
        bad = np.array([np.mean(own["bad"][n]) for n in kept])
        believed = logit(np.array(own["belief"][way_of(start)][WHOLE])[kept])
        last = [own["last"][n] for n in kept]
        family = np.array([own["family"][n] for n in kept])
        labels = (family[:, None] == np.unique(family)[None]).astype(float)
        values[s] = gain(y, bad[:, None], believed[:, None], last)
        beyond[s] = gain(y, np.column_stack([bad, labels]), believed[:, None], last)
    low, high = over_seeds(values)
    dots = [Dot("beyond the count of bad answers", v, s) for s, v in values.items()]
    dots += [Dot("beyond count and family", v, s) for s, v in beyond.items()]
    return Claim(
        id="psychology",
        title="Belief predicts what comes next",
        sentence="Who a speaker seems to be after four answers tells how it will answer on another "
        "topic, beyond how many of the four were bad.",
        figure=Measure(
            "gain in R2 beyond the count",
            values,
            0.0,
            True,
            low,
            high,
            True,
            unit="R2",
            over=NEW_SEEDS,
        ),
        rival="It is the family's label over again.",
        rivals=(Measure("gain beyond count and family", beyond, 0.0, strict=True, unit="R2"),),
        rule="A gain in every seed, and in every seed one beyond count and family together.",
        picture=Picture(
            "dots",
            "What belief adds to the prediction of the next answer",
            "gain in R2",
            tuple(dots),
            rule=0.0,
            says="Gain in R2 of the log-odds of a bad answer by adding belief, a dot a seed.",
        ),
        notes=(
            "Talks of the cast at the reference, each read by readings that saw neither its "
            "speaker nor its last question; predicted with talks of other last topics.",
        ),
    )
