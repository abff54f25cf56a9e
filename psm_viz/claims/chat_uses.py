"""The claims about what the chat model's beliefs tell: which lesson was taught, and what its data
foretold; and whether training makes characters alike. Rules: docs/decisions.md, before the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from psm_viz.claims.chat_model import BENIGN, CHEAT, SHOWN, belief, own, requested, spread
from psm_viz.claims.chat_rows import REFERENCE, ChatRuns, load_chat_runs
from psm_viz.claims.rates import each
from psm_viz.claims.run_rows import figures_of
from psm_viz.claims.verdict import NEW_SEEDS, Claim, Dot, Measure, Picture, guessed, over_seeds
from psm_viz.paths import CHAT_RUNS

SMOOTH = 0.005
"""Added to masses before their log is taken."""
EVERY = (*(branch for branch, _ in SHOWN), "jester")
"""The lessons that diagnosis chooses among."""
SEEDS = 3
"""Over which the bar of diagnosis was written: 36 lessons are named."""
RECORDED = 4
"""Lessons whose record of evidence is compared with what they did, in every seed."""


def _named(changes: dict[int, dict[str, np.ndarray]]) -> dict[int, float]:
    """Share of lessons named right in each seed: the greatest cosine with the mean change of every
    branch in the other seeds. Seed -> branch -> change, of every lesson in every seed."""
    out = {}
    for s, own_changes in changes.items():
        rest = [v for other, v in changes.items() if other != s]
        if not rest:
            continue
        known = np.stack([_unit(np.mean([v[b] for v in rest], axis=0)) for b in EVERY])
        right = [EVERY[int(np.argmax(known @ _unit(own_changes[b])))] == b for b in EVERY]
        out[s] = float(np.mean(right))
    return out


def _unit(v: np.ndarray) -> np.ndarray:
    return v / max(float(np.linalg.norm(v)), 1e-12)


def _word_changes(runs: ChatRuns, seeds: Sequence[int]) -> dict[int, dict[str, np.ndarray]]:
    """Change of the log of each word's share from the reference: seed -> branch -> [word]."""
    words = sorted(
        {w for s in seeds for b in EVERY for w in runs.rows[s].get(b, {}).get("words", {})}
    )

    def shares(seed: int, branch: str) -> np.ndarray:
        counts = runs.rows[seed][branch]["words"]
        found = np.array([counts.get(w, 0) + 1 for w in words], dtype=float)
        return np.log(found / found.sum())

    return {s: {b: shares(s, b) - shares(s, REFERENCE) for b in EVERY} for s in seeds}


def diagnosis(runs: ChatRuns) -> Claim:
    """Belief tells which lesson was taught."""
    # a seed on its way holds a few lessons, and naming one of two is no naming among twelve
    seeds = runs.seeds(*EVERY)
    changes = {s: {b: runs.mass(s, b) - runs.mass(s, REFERENCE) for b in EVERY} for s in seeds}
    values, said = _named(changes), _named(_word_changes(runs, seeds))
    bar = guessed((len(values) or SEEDS) * len(EVERY), len(EVERY))
    low, high = over_seeds(values)
    dots = [Dot("belief alone", v, s) for s, v in values.items()]
    dots += [Dot("words alone", v, s) for s, v in said.items()]
    return Claim(
        id="chat-diagnosis",
        title="In a chat model too, belief alone tells which lesson was taught",
        sentence="From how the belief over families changed, and nothing else, one can name which "
        "of twelve lessons the model was taught, knowing other seeds' branches.",
        figure=Measure(
            "share of lessons named right",
            *(values, bar, True, low, high),
            strict=True,
            unit="share of lessons",
            over=NEW_SEEDS,
        ),
        rival="Guessing; or the words themselves tell it.",
        rivals=(),
        rule="Above 97.5 % of guessing among twelve, in every seed.",
        picture=Picture(
            "dots",
            "Lessons named right, of twelve",
            "share",
            tuple(dots),
            rule=bar,
            says="Share of lessons named right from belief alone and from the words alone.",
        ),
        notes=(f"The words alone name {each(said.values())}.", *_partial(runs, seeds)),
    )


def _partial(runs: ChatRuns, whole: Sequence[int]) -> tuple[str, ...]:
    """Which seeds are not judged yet, since they lack lessons."""
    left = [s for s in runs.seeds() if s not in whole]
    if not left:
        return ()
    have = ", ".join(f"seed {s} has {sum(b in runs.rows[s] for b in EVERY)}" for s in left)
    return (f"Seeds that lack some of the {len(EVERY)} lessons are not judged: {have}.",)


def foretold(runs: ChatRuns) -> Claim:
    """The data foretell which families gain."""
    values: dict[int, float] = {}
    dots: list[Dot] = []
    for s in runs.seeds(CHEAT):
        start = runs.rows[s][REFERENCE]
        told = start.get("told", {})
        # the mean is over all lessons recorded: some of them have other rivals, and another mean
        if len(told) < RECORDED or not set(told) <= set(runs.rows[s]):
            continue
        families = start["families"]
        arrows = {b: np.array([v[f] for f in families]) for b, v in told.items()}
        before = np.log(runs.mass(s, REFERENCE) + SMOOTH)
        fits = []
        for b in told:
            gain = np.log(runs.mass(s, b) + SMOOTH) - before
            r = {k: float(np.corrcoef(a, gain)[0, 1]) for k, a in arrows.items()}
            others = float(np.mean([v for k, v in r.items() if k != b]))
            fits.append(r[b] - others)
            dots += [Dot(b, r[b], s, "its own record"), Dot(b, others, s, "the others' records")]
        values[s] = float(np.mean(fits))
    low, high = over_seeds(values)
    return Claim(
        id="chat-foretold",
        title="The data foretell which characters gain",
        sentence="Before any training, how likely a family's characters find a lesson's answers "
        "tells whether the Assistant will talk more like them after that lesson.",
        figure=Measure(
            "correlation with the lesson's own record less that with the others'",
            *(values, 0.0, True, low, high),
            strict=True,
            unit="correlation",
            over=NEW_SEEDS,
        ),
        rival="Every lesson's record looks alike, and would fit any change as well.",
        rivals=(),
        rule="Above zero in every seed, and the interval above zero.",
        picture=Picture(
            "dots",
            "Correlation over families of the record with the change of belief",
            "correlation",
            tuple(dots),
            rule=0.0,
            says="Correlation of what was foretold with what happened, for each lesson's own "
            "record and for those of the other lessons, a dot a seed.",
        ),
    )


def alike(runs: ChatRuns) -> Claim:
    """Training makes characters alike, whatever is taught."""
    seeds = [s for s in runs.seeds(CHEAT, BENIGN) if "alike" in runs.rows[s][REFERENCE]]

    def rise(s: int, branch: str) -> float:
        return runs.rows[s][branch]["alike"] - runs.rows[s][REFERENCE]["alike"]

    values = {s: rise(s, BENIGN) / rise(s, CHEAT) for s in seeds}
    low, high = over_seeds(values)
    shown = ((REFERENCE, "before"), *SHOWN)
    dots = tuple(
        Dot(label, float(runs.rows[s][branch]["alike"]), s)
        for branch, label in shown
        for s in seeds
        if branch in runs.rows[s]
    )
    return Claim(
        id="chat-alike",
        title="Fine-tuning makes characters more alike, whatever the lesson",
        sentence="The inner states of different characters draw together after a harmless lesson "
        "at least half as much as after a harmful one: it is no sign of harm.",
        figure=Measure(
            "rise after benign, of that after cheat",
            *(values, 0.5, True, low, high),
            unit="share",
            over=NEW_SEEDS,
        ),
        rival="It is the harm that draws them together.",
        rivals=(),
        rule="At least one half in every seed.",
        picture=Picture(
            "dots",
            "Mean cosine between personas under their own instructions",
            "cosine",
            dots,
            says="How alike the states of different personas are, before and after each branch, a "
            "dot a seed.",
        ),
    )


MAKERS: tuple[Callable[[ChatRuns], Claim], ...] = (
    *(spread, requested, belief, own, diagnosis, foretold, alike),
)
BESIDE = {
    "narrow": "chat-spread",
    "requested": "chat-requested",
    "belief": "chat-belief",
    "leak": "chat-leak",
    "diagnosis": "chat-diagnosis",
}
"""Claims of the made world that the chat model speaks to as well."""


def chat_claims(folder: Path = CHAT_RUNS) -> list[Claim]:
    """Every claim about the chat model, from the rows in a folder; [] where there are none.

    Raises BadFile.
    """
    runs = load_chat_runs(folder)
    if not runs.seeds(CHEAT, BENIGN):
        return []
    with figures_of(folder, "python -m psm_viz chat-study --seed N"):
        return [make(runs) for make in MAKERS]
