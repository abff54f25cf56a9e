"""How far belief from talks can be trusted: how often it names who spoke, whether it means what it
says, and whether planted mixtures come back. Input are a study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from psm_viz.charts.findings import listed
from psm_viz.charts.frames import each, measured, where
from psm_viz.charts.palette import SHAPES, Palette, finish
from psm_viz.charts.sentences import SAID, amount, sentence
from psm_viz.stats.belief import equal_weights
from psm_viz.stats.belief_quality import reliability
from psm_viz.stats.significance import ALPHA
from psm_viz.study.cast import Cast
from psm_viz.study.talks import CAST, EXACT, LIKELIHOOD, OWN, RANDOM

WAYS = {
    EXACT: "the exact observer",
    LIKELIHOOD: "how likely each persona finds it",
    OWN: "the model's inner state",
    "words alone": "words alone, no model",
    RANDOM: "states of random weights",
    "families shuffled": "families dealt out anew",
}
"""Ways of reading, the best first, and what is not one: the nulls."""
STATES, MIXTURE = "states", "mixture"
"""Of the table `belief_trials`: the reading by inner states, and the plant that is no change."""
FOUND = 0.8
"""How often a real change has to be called one to count as found."""
READ = (LIKELIHOOD, OWN, EXACT)
"""The ways whose meaning is drawn: a belief against what was so."""


def told_rows(quality: pd.DataFrame, reference: str, answers: int) -> pd.DataFrame:
    """A row a way: how often the likeliest kin is the right one, for `dot_chart`."""
    at = where(quality, (quality.checkpoint == reference) & (quality.answers == answers))
    rows = []
    for way, label in WAYS.items():
        own = where(at, at.way == way)
        if len(own):
            row = {"label": label, "value": float(own.kin.mean()), "filled": way in READ}
            rows.append(row | {"note": f"Brier {own.brier.mean():.3f}"})
    return pd.DataFrame(rows)


def told_finding(quality: pd.DataFrame, reference: str, answers: int, way: str) -> str:
    """How often whole talks name the right kin, beside chance."""
    at = where(quality, (quality.checkpoint == reference) & (quality.answers == answers))
    own = where(at, at.way == way).iloc[0]
    return (
        f"After {answers} answers belief names the right kin of {own.kin:.0%} of the cast's talks, "
        f"by chance of {own.kin_chance:.0%}"
    )


def meant_rows(
    beliefs: pd.DataFrame, cast: Cast, families: Sequence[str], reference: str, answers: int
) -> pd.DataFrame:
    """Belief said against what was so, over every kin and talk of the cast at the reference: way,
    x (mean belief), y (share that was so), n."""
    kin = {f.id: f.kin for f in cast.families}
    home = {p.id: p.family for p in cast.personas}
    here = (beliefs.checkpoint == reference) & (beliefs.answers == answers) & (beliefs.who == CAST)
    rows: list[dict[str, Any]] = []
    for way in READ:
        own = where(beliefs, here & (beliefs.way == way))
        if own.empty:
            continue
        family = own.persona.astype(str).map(home)
        own, family = where(own, family.isin(list(families))), family[family.isin(list(families))]
        said, so, weight = [], [], []
        number = family.map({f: n for n, f in enumerate(families)}).to_numpy()
        for k in dict.fromkeys(kin[f] for f in families):
            columns = [f for f in families if kin[f] == k]
            said.append(own[columns].sum(axis=1).to_numpy(dtype=np.float64))
            so.append((family.map(kin) == k).to_numpy())
            weight.append(equal_weights(number))
        found = reliability(np.concatenate(said), np.concatenate(so), np.concatenate(weight))
        rows += [{"way": WAYS[way], "x": x, "y": y, "n": n} for x, y, n in found]
    return pd.DataFrame(rows, columns=["way", "x", "y", "n"])


def planted_rows(trials: pd.DataFrame) -> pd.DataFrame:
    """Planted shares against those given back: way, x, y, low, high (two deviations), n."""
    names: Mapping[str, str] = {LIKELIHOOD: WAYS[LIKELIHOOD], STATES: WAYS[OWN]}
    own = where(trials, (trials.plant == MIXTURE) & trials["data"].isin(list(names)))
    rows = [
        {
            "way": names[str(r.data)],
            "x": float(r.size),
            "y": float(r.mean),
            "low": max(0.0, float(r.mean) - 2 * float(r.sd)),
            "high": min(1.0, float(r.mean) + 2 * float(r.sd)),
            "n": int(r.n),
        }
        for r in each(own)
    ]
    return pd.DataFrame(rows, columns=["way", "x", "y", "low", "high", "n"])


def planted_finding(rows: pd.DataFrame) -> str:
    """How near the shares that come back lie to those planted, at the worst."""
    most = 100 * (rows.y - rows.x).abs().max()
    return (
        "Planted shares of talks by those who act badly come back, on average, within "
        f"{most:.1f} points"
    )


def change_rows(trials: pd.DataFrame) -> pd.DataFrame:
    """How often a change of a planted share is called one, by what was changed: label, data,
    started (the share before), raised (by how much), value, low, high, n."""
    own = where(trials, trials["plant"] != MIXTURE)
    started = own["plant"].astype(str).str.rsplit(" ", n=1).str[-1].astype(float)
    read = {LIKELIHOOD: WAYS[LIKELIHOOD], STATES: WAYS[OWN]}
    data = [read.get(str(d), str(d)) for d in own["data"]]
    return pd.DataFrame(
        {
            "label": [f"{d}: from {s:.0%}" for d, s in zip(data, started, strict=True)],
            "data": own["data"].astype(str),
            "started": started,
            "raised": own["size"].astype(float),
            **measured(own, "mean"),
            "n": own["n"].astype(int),
        }
    ).reset_index(drop=True)


def still_rows(changes: pd.DataFrame) -> pd.DataFrame:
    """Of `change_rows` those of the study's own talks with nothing changed, for `dot_chart`: hollow
    where the whole interval lies above the rule; beside it the smallest rise, in points, that is
    found four times in five, and how often (without any such, the largest)."""
    still = where(changes, (changes.raised == 0) & changes.data.isin([LIKELIHOOD, STATES]))
    notes = []
    for r in each(still):
        same = where(changes, (changes.label == r.label) & (changes.raised > 0))
        rises = list(each(same.sort_values("raised")))
        found = next((c for c in rises if c.value >= FOUND), rises[-1] if rises else None)
        notes.append("" if found is None else f"+{100 * found.raised:.0f}: {found.value:.0%}")
    return still.assign(filled=(still.low <= ALPHA).to_numpy(bool), note=notes)


def still_finding(rows: pd.DataFrame) -> str:
    """How often no change is called one, beside the share that is allowed, and where it is more."""
    low, high = f"{rows.value.min():.0%}", f"{rows.value.max():.0%}"
    between = high if low == high else f"{low} to {high}"
    loud = list(dict.fromkeys(r.label.split(": ")[0] for r in each(where(rows, ~rows.filled))))
    title = f"Where nothing changed, a change of belief is called in {between} of trials"
    title += f"; the rule is {ALPHA:.0%}"
    return f"{title}, and too many are called by {listed(loud)}" if loud else title


def diagonal_chart(
    rows: pd.DataFrame,
    p: Palette,
    titles: tuple[str, str],
    size: tuple[int | None, int] = (None, 230),
) -> Any:
    """Marks against the diagonal on which both are equal; ways are told by shape and a word."""
    ways = [str(w) for w in dict.fromkeys(rows.way)]
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = {"format": ".0%", "tickCount": 3, "grid": False}
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(title=titles[0], **axis))
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(title=titles[1], **axis))
    line = alt.Chart(pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]}))
    layers = [line.mark_line(color=p.faint, strokeDash=[3, 3], aria=False).encode(x=x, y=y)]
    said = [
        sentence(
            f"Read by {r.way}, {titles[0]} {amount(r.x, percent=True)}",
            f"{titles[1]} {amount(r.y, percent=True)}",
        )
        for r in each(rows)
    ]
    base = alt.Chart(rows.assign(said=said))
    shape = alt.Shape(
        "way:N",
        scale=alt.Scale(domain=ways, range=list(SHAPES[: len(ways)])),
        legend=alt.Legend(title=None, orient="bottom", direction="vertical", labelLimit=260),
    )
    if "low" in rows:
        layers.append(
            base.mark_rule(color=p.soft, strokeWidth=1, aria=False).encode(
                x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"
            )
        )
    tips = [
        alt.Tooltip("way:N", title="Read by"),
        alt.Tooltip("x:Q", title=titles[0], format=".1%"),
        alt.Tooltip("y:Q", title=titles[1], format=".1%"),
        alt.Tooltip("n:Q", title="Of"),
    ]
    marks = base.mark_point(color=p.ink, filled=False, size=58, strokeWidth=1.5, opacity=1)
    layers.append(marks.encode(x=x, y=y, shape=shape, tooltip=tips, description=SAID))
    return finish(alt.layer(*layers), p, size[1], size[0])
