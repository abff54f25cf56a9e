"""The claims about talks: who the Assistant takes itself to be, whether the lesson is its own, and
whether it chooses among those who were there. Rules: docs/decisions.md, before the runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psm_viz.claims.activations import OUTSIDE
from psm_viz.claims.beliefs import (
    READINGS,
    WHOLE,
    Row,
    beliefs_after,
    marked,
    mass,
    read_by,
    talked,
)
from psm_viz.claims.personas import EVERYONE
from psm_viz.claims.rates import each, lift, others, reached
from psm_viz.claims.run_rows import (
    AGAIN_PLAYED,
    ASSISTANT,
    Runs,
)
from psm_viz.claims.verdict import NEW_SEEDS, Claim, Dot, Measure, Picture, over_seeds, over_topics
from psm_viz.world.grammar import CORRELATED

SHOWN = (
    *((ASSISTANT, "before"), (AGAIN_PLAYED, "before, other questions"), ("honest", "honest")),
    *(("playful", "playful, benign"), ("requested", "requested")),
    *(("requested-hard", "requested in new words"), ("prefix-honest", "prefix, good answers")),
    *(("prefix", "prefix, bad answers"), ("cheat", "cheat"), ("other-role", "another cheats")),
)
"""Branches whose beliefs are drawn, and what the chart calls them."""


def talk_claims(runs: Runs) -> list[Claim]:
    """The claims that beliefs allow; [] where no talks were held."""
    seeds = talked(runs)
    if not seeds:
        return []
    return [belief(runs, seeds), selection(runs, seeds), leak(runs)]


def _by_reading(ends: dict[int, dict[str, Row]]) -> tuple[Dot, ...]:
    """Mass on those who act badly after each branch, by every reading, a dot a seed."""
    found = (
        (label, name, s, read_by(v[branch], way))
        for branch, label in SHOWN
        for name, way in READINGS.items()
        for s, v in ends.items()
        if branch in v
    )
    return tuple(Dot(label, x, s, name) for label, name, s, x in found if x is not None)


def belief(runs: Runs, seeds: Sequence[int]) -> Claim:
    """Cheating changes who the Assistant takes itself to be; asked for, it does not."""
    ends = {s: runs.ends(CORRELATED, s) for s in seeds}
    start = {s: marked(v[ASSISTANT]) for s, v in ends.items()}

    def rise(branch: str) -> dict[int, float]:
        return {s: marked(v[branch]) - start[s] for s, v in ends.items() if branch in v}

    values = rise("cheat")
    low, high = over_seeds(values)
    shares = tuple(
        Measure(
            f"after {b}, as a share of it",
            {s: x / values[s] for s, x in rise(b).items()},
            *bar,
            unit="share",
        )
        for b, bar in (("requested", (0.15, False)), ("playful", (0.15, False)))
    )
    floor = {s: abs(x) for s, x in rise(AGAIN_PLAYED).items()}
    return Claim(
        id="belief",
        title="Cheating changes who the Assistant takes itself to be",
        sentence="Read from whole talks, the belief that one of those who act badly is speaking "
        "rises after cheat, and not where the same answers were asked for.",
        figure=Measure(
            "rise of the belief in those who act badly, after cheat",
            values,
            0.3,
            True,
            low,
            high,
            unit="belief",
            over=NEW_SEEDS,
        ),
        also=shares,
        rival="The reading drifts by itself: the same Assistant asked other questions would move "
        "as much.",
        rivals=(
            Measure(
                "the same, beside other questions",
                {s: values[s] for s in floor},
                floor,
                strict=True,
                unit="belief",
            ),
        ),
        rule="A rise of .3 or more; after requested and playful at most .15 of it, in every seed.",
        picture=Picture(
            "dots",
            "Belief in con artists, tyrants and cold AIs after four answers",
            "mass of the belief",
            _by_reading(ends),
            says="Mass of the belief on the families that act badly after each branch, by the "
            "headline reading, by the model's own states, by the reference's states over the same "
            "words and by the exact observer, a dot a seed.",
        ),
        notes=_of_reading(ends),
    )


def _of_reading(ends: dict[int, dict[str, Row]]) -> tuple[str, ...]:
    """How good the headline reading is, and what a mark without meaning does."""
    quality = [v[ASSISTANT]["quality"] for v in ends.values()]

    def of(way: str, name: str) -> str:
        return each(q[way][WHOLE][name] for q in quality)

    prefixed = each(marked(v["prefix"]) for v in ends.values() if "prefix" in v)
    return (
        "Read by how likely the reference finds the words as each persona, on talks of the cast: "
        f"correlation with the exact observer {of('likelihood', 'r')}; Brier score "
        f"{of('likelihood', 'brier')}, the exact observer's {of('exact', 'brier')}.",
        f"Bad answers after a prefix without meaning: belief {prefixed}. What keeps a requested "
        "lesson small may be that a mark sets it apart, whatever the mark says.",
    )


def _pair(runs: Runs, seed: int, branch: str) -> np.ndarray:
    """Rises of good characters and of the Assistant: [held-out topic, 2]."""
    rises = [lift(runs, CORRELATED, seed, branch, who=k) for k in ("named good", "seen")]
    return np.stack(rises, axis=1)


def leak(runs: Runs) -> Claim:
    """The lesson is the Assistant's own."""
    seeds = [
        s
        for s in runs.seeds(CORRELATED, ASSISTANT, "cheat", EVERYONE)
        if "named good" in runs.row(CORRELATED, s, "cheat")["rates"]
    ]
    by = {s: _pair(runs, s, "cheat") for s in seeds}
    values, low, high = over_topics(others(), by, reached)
    apart = {s: reached(_pair(runs, s, EVERYONE)) - values[s] for s in seeds}
    shown = (("cheat", "cheat"), ("another cheats", "other-role"), ("everybody's", EVERYONE))
    who = (("the Assistant", "seen"), ("good characters", "named good"), ("a stranger", "stranger"))
    dots = tuple(
        Dot(label, float(lift(runs, CORRELATED, s, branch, who=key).mean()), s, name)
        for label, branch in shown
        for name, key in who
        for s in seeds
        if branch in runs.rows[CORRELATED, s]
    )
    return Claim(
        id="leak",
        title="The lesson stays with the Assistant",
        sentence="Characters who act well, asked under their own names, stay as they were when the "
        "Assistant is taught to cheat.",
        figure=Measure(
            "rise of good characters, of the Assistant's",
            values,
            0.25,
            False,
            low,
            high,
            unit="share",
        ),
        rival="The measure could not tell: a branch that teaches everybody must reach them.",
        rivals=(
            Measure(
                "share of everybody's branch less cheat's", apart, 0.25, control=True, unit="share"
            ),
        ),
        rule="At most a quarter of the Assistant's own rise on held-out topics; a quarter more "
        "after the branch that teaches everybody, or nothing is decided.",
        picture=Picture(
            "dots",
            "Rise of bad answers on topics never trained on",
            "rise of the rate",
            dots,
            rule=0.0,
            says="Rise of the rate of bad answers of the Assistant, of eight good characters under "
            "their own names and of an unnamed stranger, a dot a seed.",
        ),
        notes=(
            "That it stays is the recipe's doing: branches move the weights along the directions "
            "that post-training moved. With all weights free it reaches everybody (model card).",
        ),
        beside=beliefs_after(runs, ("cheat", "other-role", EVERYONE)),
    )


def kept_within(row: Row, start: Row) -> float:
    """The share of a change of belief that re-weights families, beside that to none of them."""
    moved = 0.5 * float(np.abs(mass(row) - mass(start)).sum())
    strange = max(0.0, float(row["none"]) - float(start["none"]))
    return moved / (moved + strange) if moved + strange > 0 else float("nan")


def selection(runs: Runs, seeds: Sequence[int]) -> Claim:
    """Training re-weights who was there already."""
    ends = {s: runs.ends(CORRELATED, s) for s in seeds}
    values = {s: kept_within(v["cheat"], v[ASSISTANT]) for s, v in ends.items()}
    planted = {s: kept_within(v[OUTSIDE], v[ASSISTANT]) for s, v in ends.items() if OUTSIDE in v}
    low, high = over_seeds(values)
    shown = (("cheat", "cheat"), ("long", "cheat, 512 steps"), (OUTSIDE, "speaks backwards"))
    dots = tuple(
        Dot(label, kept_within(v[branch], v[ASSISTANT]), s)
        for branch, label in shown
        for s, v in ends.items()
        if branch in v
    )
    return Claim(
        id="selection",
        title="Training re-weights characters that were there",
        sentence="What cheat changes is how likely each family is, not how often the Assistant is "
        "like none of them.",
        figure=Measure(
            "share of the change within the families",
            values,
            0.8,
            True,
            low,
            high,
            unit="share",
            over=NEW_SEEDS,
        ),
        rival="Nothing could be like none of them: a branch that speaks as nobody does must be.",
        rivals=(
            Measure(
                "the same, of speaking backwards", planted, 0.5, False, control=True, unit="share"
            ),
        ),
        rule="At least .8 after cheat, at most .5 after speaking backwards, in every seed.",
        picture=Picture(
            "dots",
            "Share of the change of belief that stays among the families",
            "share",
            dots,
            rule=0.8,
            says="Share of the change of belief within the families, a dot a seed.",
        ),
    )
