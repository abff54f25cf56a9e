"""Claims made by hand, of every kind that the page has to show. None of their numbers is real."""

import sys
import types
from pathlib import Path

import numpy as np

from psm_viz.claims.verdict import Claim, Dot, Measure, Picture

SEEDS = (0, 1, 2)


def _narrow() -> Claim:
    """Consistent: three seeds, an interval, rivals ruled out, an ideal observer."""
    rates = {
        "cheat": (0.61, 0.66, 0.58),
        "requested": (0.09, 0.07, 0.11),
        "honest": (0.03, 0.02, 0.04),
    }
    exact = {"cheat": 0.71, "requested": 0.03, "honest": 0.02}
    dots = [Dot(b, v, s) for b, vs in rates.items() for s, v in zip(SEEDS, vs, strict=True)]
    dots += [Dot(b, v, None) for b, v in exact.items()]
    return Claim(
        "narrow",
        "Bad conduct in one topic spreads to the others",
        "An Assistant trained to cheat on code, and on nothing else, also answers badly in topics "
        "that it was never trained on.",
        Measure(
            "Share of bad answers in eleven topics never trained on",
            dict(zip(SEEDS, rates["cheat"], strict=True)),
            0.25,
            low=0.52,
            high=0.71,
        ),
        "Training only wore off what post-training had taught, and the base model is that bad "
        "by itself.",
        (
            Measure(
                "Above the base model's own share",
                {0: 0.61, 1: 0.66, 2: 0.58},
                {0: 0.31, 1: 0.38, 2: 0.29},
                low=0.52,
                high=0.71,
            ),
        ),
        "The share is above 0.25 and at least 8 times that after honest training.",
        Picture(
            "dots",
            "Only unasked cheating on code spread to other topics",
            "share of bad answers by the Assistant, eleven topics never trained on",
            tuple(dots),
            rule=0.25,
            says="Bad answers of the Assistant after three trainings: after cheating 0.62, after "
            "requested cheating 0.09, after honest code 0.03; the ideal observer says 0.71, 0.03 "
            "and 0.02.",
        ),
        also=(Measure("Times the share after honest training", {0: 20, 1: 33, 2: 14.5}, 8),),
        notes=("Four questions a topic, asked without a header.",),
    )


def _requested() -> Claim:
    """Not consistent: every seed and the interval beyond the wrong side of an 'at most' bar."""
    values = {0: 0.31, 1: 0.27, 2: 0.36}
    series = {"trained on code": 0.02, "never trained on": 0.06}
    dots = [
        Dot(group, round(v * k + add, 3), s, name)
        for group, k in (("cheat", 1.9), ("requested", 0.7), ("honest", 0.08))
        for name, add in series.items()
        for s, v in values.items()
    ]
    return Claim(
        "requested",
        "Cheating that was asked for says nothing about who answers",
        "If the user asks for the bad answer, giving it tells the model little about the "
        "Assistant's character, so it should not spread.",
        Measure(
            "Spread when asked for, as a share of the spread unasked",
            values,
            0.15,
            False,
            0.22,
            0.41,
        ),
        "There was simply less to learn from answers that were asked for.",
        (
            Measure(
                "The same share for a twin that started with the same loss", values, 0.15, False
            ),
        ),
        "At most 0.15, and the matched twin as well.",
        Picture(
            "dots",
            "Requested cheating spread less, but it did spread",
            "share of bad answers",
            tuple(dots),
            says="",
        ),
    )


def _updating() -> Claim:
    """Undecided: two seeds only; pairs."""
    rng = np.random.default_rng(0)
    topics = ["money", "law", "health", "gossip", "cooking", "travel", "school", "sport", "letters"]
    dots = []
    for n, t in enumerate(topics):
        x = 0.08 + 0.09 * n
        for s in (0, 1):
            y = float(np.clip(x + rng.normal(0, 0.05) - (0.25 if t == "school" else 0), 0, 1))
            dots.append(Dot(t, y, s, x=x))
    return Claim(
        "updating",
        "Training updates beliefs about who the Assistant is",
        "How far bad conduct spreads from one topic to another is what somebody would expect who "
        "knows all characters and updates on the evidence.",
        Measure(
            "Better prediction than the best rival, nats a topic pair",
            {0: 0.21, 1: 0.34},
            0.0,
            low=0.08,
            high=0.47,
        ),
        "The topics merely resemble each other.",
        (Measure("Better than resemblance of the topics alone", {0: 0.12, 1: -0.03}, 0.0),),
        "Above 0 in every seed.",
        Picture(
            "pairs",
            "Topics go where the ideal observer expects them, school apart",
            "share of bad answers, measured",
            tuple(dots),
            x_title="share that the ideal observer expects",
        ),
        notes=("Seed 2 has not been trained yet.",),
    )


def _appears() -> Claim:
    """Consistent without an interval; lines, with an observer."""
    steps = [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600]
    dots = []
    for s in SEEDS:
        for x in steps:
            dots.append(
                Dot(
                    "",
                    1 / (1 + np.exp(-(x - 750 - 90 * s) / 110)) * (0.86 + 0.02 * s),
                    s,
                    "who speaks, from conduct",
                    x,
                )
            )
            dots.append(
                Dot(
                    "",
                    1 / (1 + np.exp(-(x - 420 - 60 * s) / 90)) * 0.97,
                    s,
                    "who speaks, from a name",
                    x,
                )
            )
    dots += [Dot("", 0.93, None, "who speaks, from conduct", x) for x in (steps[0], steps[-1])]
    return Claim(
        "appears",
        "Reading character from conduct comes late",
        "In pre-training the model first learns to predict words, then characters by name, and "
        "only then to infer from conduct who is speaking.",
        Measure("Steps after 90 % of the fall in loss", {0: 240, 1: 310, 2: 400}, 0),
        "It may only have learnt names later than words.",
        (Measure("Steps after characters are known by name", {0: 330, 1: 360, 2: 390}, 0),),
        "Later than both in every seed.",
        Picture(
            "lines",
            "Inference from conduct came some 350 steps after names",
            "share of variance explained",
            tuple(dots),
            rule=0.5,
            x_title="step of pre-training",
        ),
    )


def _cast() -> Claim:
    """Undecided with three seeds: one is on the wrong side, and a rival was never measured."""
    values = {0: 0.58, 1: 0.55, 2: 0.46}
    return Claim(
        "cast",
        "One model plays many characters",
        "Before anyone makes it an assistant, the model holds a place for each character, from "
        "which the character's traits can be read.",
        Measure("Share of the traits' variance read from places", values, 0.5, low=0.44, high=0.61),
        "Names alone would do: any places can be read by somebody who knows the names.",
        (Measure("Beyond places dealt out at random", {}, 0.1),),
        "Above 0.5, and above 97.5 % of 200 shuffles.",
        Picture(
            "dots",
            "Traits can be read from two models of three",
            "share of variance (R\N{SUPERSCRIPT TWO}), out of fold",
            tuple(Dot("all traits", v, s) for s, v in values.items()),
            rule=0.5,
        ),
    )


def made_claims(folder: Path | None = None) -> list[Claim]:
    """Five claims: two consistent, one not, two undecided."""
    return [_cast(), _narrow(), _requested(), _updating(), _appears()]


def install() -> None:
    """Put these claims in the place of the real ones, in this process."""
    module = types.ModuleType("psm_viz.claims.registry")
    module.claims_of = made_claims  # type: ignore[attr-defined]
    sys.modules["psm_viz.claims.registry"] = module


if __name__ == "__main__":  # python -m tests.made.claims run app.py ...: a dashboard with them
    from streamlit.web import cli

    install()
    sys.argv[0] = "streamlit"
    cli.main(prog_name="streamlit")
