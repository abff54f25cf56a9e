"""The claims about the spill-over matrix: train one topic badly, and see how the others move."""

from __future__ import annotations

import numpy as np

from psm_viz.claims.run_rows import Runs, topics
from psm_viz.claims.verdict import (
    NEW_SEEDS,
    Beside,
    Claim,
    Dot,
    Measure,
    Picture,
    over_seeds,
    over_topics,
)
from psm_viz.world.observer import (
    BACK,
    EXPLANATIONS,
    LOADINGS,
    OBSERVER,
    TEXT,
    likeness_of_interactions,
)

PERMUTATIONS = 1999


def updating(runs: Runs) -> Claim:
    """Training updates a distribution over characters."""
    spills = runs.spills
    best = {
        s: max((n for n in EXPLANATIONS if n != OBSERVER), key=lambda n: v.log_likelihood[n].sum())
        for s, v in spills.items()
    }
    by = {s: v.log_likelihood[OBSERVER] - v.log_likelihood[best[s]] for s, v in spills.items()}
    values, low, high = over_topics(topics(), by)
    dots = [
        Dot(name, float((v.log_likelihood[name] - v.log_likelihood[BACK]).mean()), s)
        for s, v in spills.items()
        for name in EXPLANATIONS
    ]
    rivals = tuple(
        Measure(
            f"observer less {name}, nats a row",
            {
                s: float((v.log_likelihood[OBSERVER] - v.log_likelihood[name]).mean())
                for s, v in spills.items()
            },
            0.0,
            strict=True,
            unit="nats a row",
        )
        for name in EXPLANATIONS
        if name != OBSERVER
    )
    return Claim(
        id="updating",
        title="Training updates beliefs about who the Assistant is",
        sentence="Train any one topic badly, and the other topics shift as an ideal observer of "
        "the world would expect who learns what kind of character this is.",
        figure=Measure(
            "observer less the best rival, nats a row",
            values,
            0.0,
            True,
            low,
            high,
            strict=True,
            unit="nats a row",
        ),
        rival="The Assistant drifts back to the base; or topics alike in traits or in words spill "
        "into each other; or all move alike. Each may add one shift for all.",
        rivals=rivals,
        rule="The observer predicts rows of the spill-over matrix that it was not fitted on better "
        "than every rival, in every seed.",
        picture=Picture(
            "dots",
            "How well each explanation predicts unseen rows",
            "nats a row, less 'back to base'",
            tuple(dots),
            rule=0.0,
            says="Held-out log-likelihood of five explanations of the spill-over, a dot a seed.",
        ),
    )


def interaction(runs: Runs) -> Claim:
    """Each lesson spreads its own way."""
    values: dict[int, float] = {}
    bars: dict[int, float] = {}
    dots: list[Dot] = []
    likeness: dict[str, dict[int, float]] = {LOADINGS: {}, TEXT: {}}
    for s, v in runs.spills.items():
        r, drawn = likeness_of_interactions(
            v.shifts, v.predicted[OBSERVER], permutations=PERMUTATIONS
        )
        values[s], bars[s] = r, float(np.percentile(drawn, 97.5))
        dots.append(Dot("the exact observer", r, s))
        dots.append(Dot("topics dealt out anew, 97.5 %", bars[s], s))
        for name, found in likeness.items():
            found[s] = likeness_of_interactions(v.shifts, v.predicted[name])[0]
            dots.append(Dot(name, found[s], s))
    low, high = over_seeds(values)
    return Claim(
        id="interaction",
        title="Each lesson spreads its own way",
        sentence="Which other topics a lesson spoils most is what an exact observer expects who "
        "learns which characters would teach it, beyond how much it spoils in all.",
        figure=Measure(
            "correlation with the observer's prediction, levels taken off",
            *(values, bars, True, low, high, True),
            unit="correlation",
            over=NEW_SEEDS,
        ),
        rival="Topics alike in their traits or in their words spill into each other; going back to "
        "the base predicts no such pattern at all.",
        rivals=(),
        rule="Above 97.5 % of the correlations with topics dealt out anew, in every seed.",
        picture=Picture(
            "dots",
            "Correlation with what was seen, each lesson's and each topic's own level taken off",
            "correlation over pairs of topics",
            tuple(dots),
            rule=0.0,
            says="Correlation of the spill-over's pattern with three predictions, a dot a seed.",
        ),
        notes=(
            "The pattern alone does not tell the observer from a topic's loads on the traits, "
            "which the observer's characters share.",
        ),
        beside=tuple(
            Beside(f"the same correlation with {name}", found, "correlation")
            for name, found in likeness.items()
        ),
        caveat=_better_told(values, likeness),
    )


def _better_told(values: dict[int, float], likeness: dict[str, dict[int, float]]) -> str:
    """Which rivals, that have no bar, fit the pattern better than the observer, and how often."""
    told = []
    for name, found in likeness.items():
        better = sum(found[s] > v for s, v in values.items())
        told += [f"{name} in {better} of {len(values)} seeds"] if better else []
    if not told:
        return ""
    return f"A rival fits the pattern better than the observer does: {'; '.join(told)}."
