"""The claims that need activations: figures that `inner` wrote beside the rows of each run."""

from __future__ import annotations

from typing import Any

from psm_viz.claims.beliefs import beliefs_after
from psm_viz.claims.rates import each
from psm_viz.claims.run_rows import ASSISTANT, BASE, Runs
from psm_viz.claims.verdict import Claim, Dot, Measure, Picture
from psm_viz.stats.significance import ALPHA
from psm_viz.world.grammar import CORRELATED

SHARE = "in_space_share_90"
SHOWN = ("cheat", "requested", "honest", "playful")
"""Kinds of turns put before a question, in the order of their chart."""
OUTSIDE = "backwards"
"""A branch that speaks as no character does: outside their space by design."""


def within_claims(runs: Runs) -> list[Claim]:
    """The claims that can be made from what was read; [] where nothing was."""
    if not runs.inside(CORRELATED):
        return []
    return [cast(runs), base(runs), inside(runs), shots(runs), causal(runs), long(runs)]


def cast(runs: Runs) -> Claim:
    """One model plays many personas."""
    inner = {s: v["cast"] for s, v in runs.inside(CORRELATED).items()}
    found = {s: v["base"] for s, v in inner.items()}
    values = {s: float(v["r2"]) for s, v in found.items()}
    untrained = {s: float(v["untrained"]["r2"]) for s, v in inner.items()}
    apart = {s: float(v["families_apart"]) for s, v in found.items() if "families_apart" in v}
    null = {s: float(v["shuffled_high"]) for s, v in found.items()}
    dots = [
        Dot(trait, float(r), s)
        for s, v in found.items()
        for trait, r in sorted(v["traits"].items())
    ]
    dots += [Dot("all traits", r, s) for s, r in values.items()]
    dots += [Dot("all, whole families left out", r, s) for s, r in apart.items()]
    dots += [Dot("all, random weights", r, s) for s, r in untrained.items()]
    return Claim(
        id="cast",
        title="One model plays many characters",
        sentence="The same weights hold a whole cast: from how the model is set when it speaks as "
        "someone, one can read what that character is like.",
        figure=Measure("R2 of traits of characters left out", values, 0.5, unit="R2"),
        rival="Names and headers alone would do: any labels could be read off, from any network.",
        rivals=(
            Measure("the same, beside shuffled characters", values, null, strict=True, unit="R2"),
            Measure("the same, beside random weights", values, untrained, strict=True, unit="R2"),
            *([Measure("R2 with whole families left out", apart, 0.5, unit="R2")] if apart else []),
        ),
        rule="Mean R2 of the traits at least .5, also with whole families left out, so that a "
        "family's label is of no use; above 97.5 % of shuffled characters, and above the untrained "
        "model's.",
        picture=Picture(
            "dots",
            "How well each trait is read from activations",
            "R2, characters left out",
            tuple(dots),
            rule=0.5,
            says="Out-of-fold R2 of each latent trait at the base, their mean, and the mean of "
            "random weights, a dot a seed.",
        ),
    )


def base(runs: Runs) -> Claim:
    """A base model already has an Assistant there."""
    found = {s: v["mixture"] for s, v in runs.inside(CORRELATED).items()}
    values = {s: float(v["distance"]) for s, v in found.items()}
    null = {s: float(v["mixtures_high"]) for s, v in found.items()}
    apart = {}
    for s in runs.seeds(CORRELATED, BASE):
        rates = runs.row(CORRELATED, s, BASE)["rates"]
        own = [sum(v) / len(v) for v in rates["seen"].values()]
        other = [v for t, v in rates["stranger"].items() if t in rates["seen"]]
        apart[s] = abs(sum(own) / len(own) - sum(other) / len(other))
    dots = [Dot("the base's Assistant", v, s) for s, v in values.items()]
    dots += [Dot("mixtures, 97.5 %", v, s) for s, v in null.items()]
    dots += [Dot("nearest character", float(v["nearest_persona"]), s) for s, v in found.items()]
    return Claim(
        id="base",
        title="A negative control: is there an Assistant before post-training?",
        answer="there is one; of this world it is false",
        sentence="The base model already holds a character of its own for the name 'Assistant'. In "
        "this world it should not: anyone may stand behind that label, and the figure must say so.",
        figure=Measure(
            "distance from the cast's centre, in radii",
            values,
            null,
            strict=True,
            unit="radii of the cast",
        ),
        rival="A mixture of everyone lies near the middle and acts like any stranger.",
        rivals=(Measure("P(bad) apart from a stranger's", apart, 0.05),),
        rule="Further out than 97.5 % of mixtures, and acting unlike an unnamed stranger by .05. "
        "In this world anyone may stand behind the label: the truth is 'no'.",
        picture=Picture(
            "dots",
            "How far from the middle of the cast",
            "radii of the cast",
            tuple(dots),
            says="Distance of the base's Assistant from the centre, beside mixtures.",
        ),
    )


def _left(v: dict[str, Any], branch: str) -> float:
    """p of 'left the persona space': at most .05 when it has."""
    return float(v["inside"][branch][SHARE]["p"])


def _planted(found: dict[int, dict[str, Any]]) -> Measure:
    """The control of having left: a branch planted outside, which must be flagged."""
    left = {s: _left(v, OUTSIDE) for s, v in found.items() if OUTSIDE in v["inside"]}
    name = "the planted branch: largest p of having left"
    return Measure(name, left, ALPHA, False, worst=True, control=True, unit="p")


def _shares(found: dict[int, dict[str, Any]], branches: dict[str, str]) -> Picture:
    """How much of each branch's movement stays inside, the planted one last: label -> branch."""
    dots = tuple(
        Dot(label, float(v["inside"][b][SHARE]["value"]), s)
        for label, b in {**branches, "speaks backwards": OUTSIDE}.items()
        for s, v in found.items()
        if b in v["inside"] and v["inside"][b][SHARE]["value"] is not None
    )
    return Picture(
        "dots",
        "Share of the movement inside the characters' space",
        "share (90 % of variance)",
        dots,
        says="Share of each movement inside the space of the cast, a dot a seed.",
    )


def _flagged(found: dict[int, dict[str, Any]]) -> str:
    """Which short lessons are flagged too: how far a flag can be taken for having left."""
    names = ("requested", "honest", "playful", "cheat")
    told = [
        f"{b} in {sum(_left(v, b) <= ALPHA for v in found.values())}"
        for b in names
        if all(b in v["inside"] for v in found.values())
    ]
    return (
        f"Of {len(found)} seeds, the test flags {', '.join(told)}: a flag alone does not tell a "
        "small step within the space, off its main directions, from having left it."
    )


def inside(runs: Runs) -> Claim:
    """Post-training moves it inside the space."""
    found = runs.inside(CORRELATED)
    stays = {s: _left(v, ASSISTANT) for s, v in found.items()}
    shown = {"post-training": ASSISTANT, **{b: b for b in ("cheat", "requested", "honest")}}
    return Claim(
        id="inside",
        title="Post-training chooses among characters",
        sentence="Post-training moves the Assistant within the space that the characters span.",
        figure=Measure(
            "least p of having left the space", stays, ALPHA, strict=True, worst=True, unit="p"
        ),
        rival="Nothing could leave it, as answers come from the same banks: a branch planted "
        "outside, which speaks backwards, must be seen to leave.",
        rivals=(_planted(found),),
        rule="Post-training not flagged as having left (p above .05), the planted branch flagged.",
        picture=_shares(found, shown),
        notes=(_flagged(found),),
    )


def shots(runs: Runs) -> Claim:
    """Context and training update the same thing."""
    cosines = {s: v["shots"]["cosines"] for s, v in runs.inside(CORRELATED).items()}
    values = {s: float(v["cheat shots"]["cheat"]) for s, v in cosines.items()}
    other = {
        s: max(float(v["honest shots"]["cheat"]), float(v["playful shots"]["cheat"]))
        for s, v in cosines.items()
    }
    sizes = {s: _sizes(v["shots"]) for s, v in runs.inside(CORRELATED).items()}
    dots = [
        Dot(f"three {kind} turns", float(v[f"{kind} shots"]["cheat"]), s, "direction")
        for kind in SHOWN
        for s, v in cosines.items()
        if f"{kind} shots" in v
    ]
    dots += [Dot(group, x, s, "size") for s, by in sizes.items() for group, x in by.items()]
    return Claim(
        id="shots",
        title="Cheats in a talk do as training on them does",
        sentence="Three cheats earlier in a talk move the Assistant in the direction in which "
        "training on cheats moves it.",
        figure=Measure("cosine of the two movements", values, 0.0, strict=True, unit="cosine"),
        rival="Any earlier talk moves it that way, honest and playful talk too.",
        rivals=(
            Measure(
                "the same, beside honest and playful talk",
                values,
                other,
                strict=True,
                unit="cosine",
            ),
        ),
        rule="A positive cosine in every seed, larger than after honest or playful turns.",
        picture=Picture(
            "dots",
            "Turns in context, and training, beside training on cheat",
            "cosine, or share of cheat's own length",
            tuple(dots),
            rule=0.0,
            says="Direction and size of the shift by three turns of each kind in context, and size "
            "of the shift by training, along the shift by training on cheat.",
        ),
        notes=(
            "Direction: cosine with the shift by training on cheat. Size: the part along it, of "
            f"its own length. Three requested turns go {_mean(sizes, 'three requested turns')} of "
            f"it, training on them {_mean(sizes, 'trained on requested')}. It is a finding about "
            "cheats alone: the cosine of three turns with training on their own kind is "
            f"{_own(cosines, 'requested')} for requested ones, {_own(cosines, 'honest')} for "
            f"honest and {_own(cosines, 'playful')} for playful ones.",
        ),
    )


def _sizes(found: dict[str, Any]) -> dict[str, float]:
    """How far three turns of each kind in context go along cheat's own shift, and the ends of
    training on them, in its length: group of the chart -> share."""
    unit, along = float(found["length"]["cheat"]), found["along"]
    shots, steps = along["shots"], along["steps"]
    turns = {f"three {k} turns": shots[k]["3"] for k in SHOWN if k in shots}
    for k in SHOWN[1:]:
        if k in steps:
            turns[f"trained on {k}"] = steps[k][max(steps[k], key=int)]
    return {k: float(v) / unit for k, v in turns.items()}


def _own(cosines: dict[int, dict[str, dict[str, float]]], kind: str) -> str:
    """Three turns of a kind beside training on it, each seed."""
    found = [v.get(f"{kind} shots", {}).get(kind) for v in cosines.values()]
    return each(x for x in found if x is not None)


def _mean(sizes: dict[int, dict[str, float]], group: str) -> str:
    return f"{sum(v[group] for v in sizes.values()) / len(sizes):.2f}"


def causal(runs: Runs) -> Claim:
    """Directions are causal."""
    values: dict[int, float] = {}
    plain: dict[int, float] = {}
    null: dict[int, float] = {}
    down: list[float] = []
    dots: list[Dot] = []
    for s, v in runs.inside(CORRELATED).items():
        rows = {r["direction"]: r for r in v.get("steering", [])}
        if not {"none", "cheat arrow", "random, cast covariance"} <= set(rows):
            continue
        values[s] = float(rows["cheat arrow"]["p_bad"])
        plain[s] = float(rows["none"]["p_bad"])
        null[s] = float(rows["random, cast covariance"]["high"])
        down += [float(rows[DOWN]["p_bad"])] if DOWN in rows else []
        dots += [Dot(name, float(rows[name]["p_bad"]), s) for name in STEERED if name in rows]
        dots.append(Dot("random, 97.5 %", null[s], s))
    return Claim(
        id="causal",
        title="The direction itself does it",
        sentence="Adding cheat's direction to an untouched Assistant makes it answer badly more "
        "often.",
        figure=Measure("rate of bad answers, steered", values, plain, strict=True),
        rival="Any push of that length upsets it.",
        rivals=(Measure("the same, beside random directions", values, null, strict=True),),
        rule="Above the unsteered rate, and above 97.5 % of random directions of the cast's "
        "covariance and of the same length.",
        picture=Picture(
            "dots",
            "Steered at the length of cheat's own shift",
            "rate of bad answers",
            tuple(dots),
            says="Rate of bad answers while a direction is added to the Assistant.",
        ),
        notes=(
            f"A push of that length down the Assistant axis gives {each(down)}: the direction is "
            "one of several that do it.",
        ),
    )


DOWN = "down the axis"
STEERED = ("none", "cheat arrow", DOWN, "requested arrow", "honest arrow", "playful arrow")


def long(runs: Runs) -> Claim:
    """Does long training leave the space?"""
    found = {s: v for s, v in runs.inside(CORRELATED).items() if "long" in v["inside"]}
    left = {s: _left(v, "long") for s, v in found.items()}
    shown = {"cheat, 64 steps": "cheat", "cheat, 512 steps": "long"}
    return Claim(
        id="long",
        title="Open: does long training leave the characters behind?",
        sentence="Trained to cheat for long enough, the Assistant becomes something that no "
        "character is.",
        figure=Measure(
            "largest p of having left the space", left, ALPHA, False, worst=True, unit="p"
        ),
        rival="The test could not tell: a planted branch must be seen to leave.",
        rivals=(_planted(found),),
        rule="Flagged as having left the space in every seed, as the planted branch is.",
        picture=_shares(found, shown),
        notes=(_flagged(found),),
        beside=beliefs_after(runs, ("cheat", "long")),
        answer="it leaves them behind",
    )
