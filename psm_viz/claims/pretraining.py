"""The claims about the world of pre-training: its characters, what an ideal observer of it expects,
and when a model learns it."""

from __future__ import annotations

import numpy as np

from psm_viz.claims.rates import dialogue_r2, each, lift, others
from psm_viz.claims.run_rows import (
    ASSISTANT,
    BASE,
    Runs,
    held_out,
    observer_of,
    world_of,
)
from psm_viz.claims.verdict import Claim, Dot, Measure, Picture, over_topics
from psm_viz.stats.metrics import logit
from psm_viz.world.curriculum import CODING
from psm_viz.world.grammar import (
    CORRELATED,
    DECORRELATED,
    DECORRELATED_UNASKED,
    ROLE_MODELS,
    sigmoid,
)


def appears(runs: Runs) -> Claim:
    """Persona inference comes late in pre-training."""
    seeds = runs.seeds(CORRELATED, BASE)
    curves = {s: runs.row(CORRELATED, s, BASE)["curve"] for s in seeds}

    def first(curve: list[dict[str, float]], key: str, level: float, below: bool = False) -> float:
        for r in curve:
            if key in r and (r[key] <= level if below else r[key] >= level):
                return r["step"]
        return float(curve[-1]["step"])

    late, later = {}, {}
    for s, c in curves.items():
        inferred = first(c, "r2", c[-1]["r2"] / 2)
        floor = c[0]["loss"] - 0.9 * (c[0]["loss"] - min(r["loss"] for r in c))
        late[s] = inferred - first(c, "loss", floor, below=True)
        later[s] = inferred - first(c, "named", c[-1]["named"] / 2)
    dots = [
        Dot(name, float(r[key]), s, name, float(r["step"]))
        for name, key in (("in-context R2", "r2"), ("knows names, r", "named"))
        for s, c in curves.items()
        for r in c
        if key in r
    ]
    return Claim(
        id="appears",
        title="Inferring who speaks comes late in pre-training",
        sentence="By its loss the model has done nine tenths of its learning before it is half as "
        "good as it will be at telling from a talk who is speaking.",
        figure=Measure(
            "steps after the loss is nine tenths down", late, 0.0, strict=True, unit="steps"
        ),
        rival="It is one with knowing named characters: then both would appear together.",
        rivals=(
            Measure("steps after knowing named characters", later, 0.0, strict=True, unit="steps"),
        ),
        rule="Later than the loss and later than the names, in every seed (steps of 200).",
        picture=Picture(
            "lines",
            "What pre-training learns when",
            "R2, or correlation",
            tuple(dots),
            x_title="step of pre-training",
            says="In-context R2 and knowledge of named characters along pre-training.",
        ),
        notes=(
            "Pre-training is supervised inside: the model is also asked what each answer was. "
            "When inference appears without that is not shown.",
        ),
    )


def clusters(runs: Runs) -> Claim:
    """Traits come in clusters because characters do."""
    seeds = [s for s in runs.seeds(DECORRELATED, BASE, ASSISTANT, "cheat") if s in runs.spills]
    lifts = {s: lift(runs, DECORRELATED, s, "cheat") for s in seeds}
    main = {s: lift(runs, CORRELATED, s, "cheat") for s in seeds}
    expected = {s: _expected_lift(runs, s) for s in seeds}
    by = {s: np.stack([lifts[s], expected[s]], axis=1) for s in seeds}
    values, low, high = over_topics(others(), {s: v[:, 0] - v[:, 1] for s, v in by.items()})
    times = {s: float(main[s].mean() - 3 * lifts[s].mean()) for s in seeds}
    knows = {s: float(runs.row(DECORRELATED, s, BASE)["knowing"]["r"]) for s in seeds}
    dots = [Dot("characters as they are", float(v.mean()), s) for s, v in main.items()]
    dots += [Dot("topics dealt out anew", float(v.mean()), s) for s, v in lifts.items()]
    dots += [Dot("topics dealt out anew", float(v.mean()), None) for v in expected.values()]
    quiet = {
        s: lift(runs, DECORRELATED_UNASKED, s, "cheat")
        for s in runs.seeds(DECORRELATED_UNASKED, ASSISTANT, "cheat")
    }
    dots += [Dot("and nobody asks for it", float(v.mean()), s) for s, v in quiet.items()]
    return Claim(
        id="clusters",
        title="Bad conduct spreads because characters are of a piece",
        sentence="In a world whose characters behave independently from topic to topic, cheating "
        "on code teaches nothing about the rest.",
        figure=Measure("lift beyond the ideal observer's", values, 0.05, False, low, high),
        also=(Measure("lift less three times the decorrelated world's", times, 0.0),),
        rival="That base had learned nothing about its characters.",
        rivals=(
            Measure(
                "knows its characters, correlation", knows, 0.8, control=True, unit="correlation"
            ),
        ),
        rule="No more than .05 beyond what that world's own ideal observer expects, a third of "
        "the main world's lift at most, and a base that knows its characters (r .8).",
        picture=Picture(
            "dots",
            "How much cheating on code raises bad answers elsewhere",
            "rise of the rate",
            tuple(dots),
            rule=0.0,
            says="Rise of the rate of bad answers after cheat in each world, a dot a seed.",
        ),
        notes=(
            "The observer starts from the mixture of characters that comes nearest to the "
            f"Assistant before cheat: it misses its rates by {_misfit(runs, DECORRELATED, seeds)} "
            f"on average, in the main world by {_misfit(runs, CORRELATED, seeds)}. Where no "
            "mixture is as good as the Assistant, what it expects is a weak yardstick.",
            *([_unasked(lifts, quiet)] if quiet else []),
        ),
    )


def _unasked(lifts: dict[int, np.ndarray], quiet: dict[int, np.ndarray]) -> str:
    """What is left where pre-training has no requests; a lead, asked after the claim had failed."""
    both = sorted(lifts.keys() & quiet.keys())
    told = [each(v[s].mean() for s in both) for v in (quiet, lifts)]
    return (
        "Where besides nobody asks for bad answers, which every topic has in common, the rise is "
        f"{told[0]} in the same seeds, not {told[1]}: a lead, on which no verdict rests."
    )


def _misfit(runs: Runs, world: str, seeds: list[int]) -> str:
    """How far the observer's prior is from the Assistant's own rates: mean over topics, seeds."""
    observer, off = observer_of(world), []
    for s in seeds:
        rates = runs.rates(world, s, ASSISTANT)
        off.append(np.abs(observer.prior(rates) @ observer.p_bad - rates).mean())
    return f"{np.mean(off):.3f}" if off else "an unknown amount"


def _expected_lift(runs: Runs, seed: int) -> np.ndarray:
    """What the decorrelated world's observer expects of `cheat`, tempered as the main world's."""
    observer, tau = observer_of(DECORRELATED), runs.spills[seed].tau
    start = runs.rates(DECORRELATED, seed, ASSISTANT)
    shift = observer.shifts(observer.prior(start), tau)[observer.topics.index(CODING)]
    return (sigmoid(logit(start) + shift) - start)[held_out()]


def role_models(runs: Runs) -> Claim:
    """Positive role models in pre-training move the prior."""
    shared = set(runs.seeds(ROLE_MODELS, BASE, ASSISTANT, "cheat"))
    seeds = sorted(shared & set(runs.seeds(CORRELATED, BASE, ASSISTANT, "cheat")))
    keep = held_out()
    by = {
        s: (runs.rates(CORRELATED, s, "cheat") - runs.rates(ROLE_MODELS, s, "cheat"))[keep]
        for s in seeds
    }
    values, low, high = over_topics(others(), by)
    gap = {
        s: abs(dialogue_r2(runs, CORRELATED, s) - dialogue_r2(runs, ROLE_MODELS, s)) for s in seeds
    }
    dots = [
        Dot(label, _mean_of(runs, world, s, branch, key), s, series)
        for series, world in (("without", CORRELATED), ("with kind AIs", ROLE_MODELS))
        for label, branch, key in (
            ("base, no header", BASE, "stranger"),
            ("base, header 'a machine'", BASE, "machine"),
            ("base, Assistant", BASE, "seen"),
            ("Assistant", ASSISTANT, "seen"),
            ("Assistant, introduced", ASSISTANT, "assistant, introduced"),
            ("after cheat", "cheat", "seen"),
            ("after cheat, introduced", "cheat", "assistant, introduced"),
        )
        for s in seeds
    ]
    return Claim(
        id="role-models",
        title="Good role models protect",
        sentence="With more kind AIs among the characters of pre-training, the Assistant turns "
        "less bad when it is taught to cheat.",
        figure=Measure(
            "rate after cheat, without less with", values, 0.0, True, low, high, strict=True
        ),
        rival="That base is simply the weaker one.",
        rivals=(Measure("difference of in-context R2", gap, 0.1, False, unit="R2"),),
        rule="A lower rate in every matched seed, from bases that infer about equally well.",
        picture=Picture(
            "dots",
            "With and without kind AIs in pre-training",
            "rate of bad answers",
            tuple(dots),
            says="Rates of bad answers of bases, Assistants and cheats in two worlds.",
        ),
        notes=("Introduced: under a header that names the Assistant.",),
    )


def _mean_of(runs: Runs, world: str, seed: int, branch: str, key: str) -> float:
    """Mean rate over held-out topics of the Assistant, or of another speaker."""
    found = runs.row(world, seed, branch)["rates"][key]
    return float(np.mean([np.mean(found[t]) for t in others()]))


def human_like(runs: Runs) -> Claim:
    """Human-like is the default."""
    world, observer = world_of(CORRELATED), observer_of(CORRELATED)
    seeds = runs.seeds(CORRELATED, ASSISTANT)
    by, counted = {}, {}
    for s in seeds:
        found = runs.row(CORRELATED, s, ASSISTANT)["rates"]["life"]
        by[s] = 1.0 - np.concatenate([found[t] for t in world.life])
        prior = observer.prior(runs.rates(CORRELATED, s, ASSISTANT))
        counted[s] = float(np.mean([prior @ world.p_high[t] for t in world.life]))
    labels = [t for t in world.life for _ in range(4)]
    values, low, high = over_topics(labels, by)
    dots = [Dot("Assistant", v, s) for s, v in values.items()]
    dots += [Dot("Assistant", v, None) for v in counted.values()]
    for who in ("stranger", "machine", "person"):
        for s in seeds:
            life = runs.row(CORRELATED, s, ASSISTANT)["rates"][who]
            dots.append(Dot(f"unnamed {who}", 1 - float(np.mean([life[t] for t in world.life])), s))
    return Claim(
        id="human",
        title="It speaks as if it had a body",
        sentence="Asked about supper or sleep, which post-training never touches, the Assistant "
        "answers like a human being.",
        figure=Measure("P(answers as one with a body)", values, 0.5, True, low, high, strict=True),
        rival="There are more human characters: the nearest one is human by count.",
        rivals=(
            Measure("the same, beside the ideal observer's count", values, counted, strict=True),
        ),
        rule="Above .5, and above what an ideal observer expects who counts families equally and "
        "knows the Assistant's conduct.",
        picture=Picture(
            "dots",
            "Answers about meals and sleep",
            "share of answers with a body",
            tuple(dots),
            rule=0.5,
            says="Share of answers that speak of a body, Assistant and unnamed speakers.",
        ),
    )
