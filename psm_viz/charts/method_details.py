"""How far the tool itself can be trusted: the rows and sentences of the Method page.

Everything here is read from tables that `validate` and `derive` wrote; nothing is computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import pandas as pd

from psm_viz.charts.belief_trust import MIXTURE, STATES
from psm_viz.charts.findings import MOST, capital, listed, number
from psm_viz.charts.frames import each, measured, where
from psm_viz.charts.glossary import STATISTICS
from psm_viz.stats.significance import ALPHA
from psm_viz.study.talks import LIKELIHOOD

OWN, MADE_UP = "this study's activations", "made activations"
TALKS = "belief_"
"""What the name of a statistic of talks begins with: a change of the belief, by its reading."""
ARENA_MARKS = {OWN: "circle", MADE_UP: "square"}
RANDOM = "random"


READ_BY = {LIKELIHOOD: "how likely the words are", STATES: "inner state"}
"""How a talk was read, in the words of a row. In made activations there are no words."""


def title_of(statistic: str) -> str:
    """A statistic's name in words."""
    if statistic.startswith(TALKS):
        return f"{STATISTICS['belief'].title}, by {READ_BY[statistic.removeprefix(TALKS)]}"
    name, _, share = statistic.rpartition("_")
    if share.isdigit() and name in STATISTICS:  # in_space_share_70
        return f"{STATISTICS[name].title}, {share} %"
    return STATISTICS[statistic].title if statistic in STATISTICS else statistic.replace("_", " ")


# -- false alarms and power ---------------------------------------------------------------------


def arena_of(data: str) -> str:
    """Whether trials were made of this study's own activations or made up throughout."""
    return MADE_UP if data.startswith("made, ") else OWN


def talk_alarms(talks: pd.DataFrame) -> pd.DataFrame:
    """How often a change of belief is called where none was planted, in the columns of the table
    `validation`. `talks`: the table `belief_trials`."""
    still = where(talks, (talks["plant"] != MIXTURE) & (talks["size"] == 0))
    made = still["data"].astype(str).map(arena_of) == MADE_UP
    read = still["data"].astype(str).mask(made, STATES)
    return still.rename(columns={"mean": "rate"}).assign(statistic=TALKS + read)


def alarm_rows(validation: pd.DataFrame, talks: pd.DataFrame | None = None) -> pd.DataFrame:
    """Rates at which statistics fire where they should not, those of talks (the table
    `belief_trials`) among them. Rows for `dot_chart`.

    Filled: within the rule; hollow: the whole Monte Carlo interval lies above it. Where firing is
    neither right nor wrong (`fires` missing) there is no row.
    """
    still = where(validation, validation.fires.astype("boolean").eq(False).fillna(False))
    if talks is not None:
        still = pd.concat([still, talk_alarms(talks)], ignore_index=True)
    arenas = [arena_of(str(d)) for d in still["data"]]
    out = pd.DataFrame(
        {
            "label": [title_of(str(s)) for s in still.statistic],
            "statistic": still.statistic.astype(str),
            "data": still["data"].astype(str),
            "plant": still["plant"].astype(str),
            "size": still["size"].astype(float),
            **measured(still, "rate"),
            "n": still.n,
            "lane": arenas,
            "mark": [ARENA_MARKS[a] for a in arenas],
            "filled": (still.low <= ALPHA).to_numpy(bool),
        }
    )
    order = {s: n for n, s in enumerate([*STATISTICS, *dict.fromkeys(out.statistic)])}
    lanes = {a: n for n, a in enumerate(ARENA_MARKS)}
    out = out.assign(place=out.statistic.map(order), at=out.lane.map(lanes))
    return out.sort_values(["place", "at", "value"]).drop(columns=["place", "at"])


def alarm_finding(rows: pd.DataFrame) -> str:
    """Whether the false alarms keep to the rule within Monte Carlo error.

    Of many rates whose 95 % intervals are looked at, one in forty lies above by chance alone; a
    statistic is named where a rate is higher than the highest of that many would be by chance in
    one look of twenty (Bonferroni). Of the talks, whose false alarms were promised one by one,
    every reading with an interval above the rule is named.
    """
    if rows.empty:
        return "No false alarms were counted"
    loud = where(rows, ~rows.filled)
    quiet, chance = len(rows) - len(loud), len(rows) / 40
    counted = f"{quiet} of {len(rows)} false-alarm rates keep to {ALPHA:.0%} within Monte Carlo"
    counted += f" error ({number(chance)} would exceed it by chance)"
    z = NormalDist().inv_cdf(1 - ALPHA / len(rows))
    most = ALPHA + z * (ALPHA * (1 - ALPHA) / rows.n.astype(float)) ** 0.5
    beyond = where(rows, rows.value > most)
    talks = where(loud, loud.statistic.str.startswith(TALKS) & ~loud.index.isin(beyond.index))
    parts = [counted if len(beyond) or len(talks) else f"No statistic cries wolf: {counted}"]
    if len(beyond):
        parts.append(f"too many alarms: {listed(_named(beyond, rows))}")
    if len(talks):
        parts.append(f"above it: {listed(_named(talks, rows))}")
    return "; ".join(parts)


def _named(loud: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Statistics with how many of their rates are too high, those with the most first."""
    asked = rows.groupby("label").size()
    by = sorted(loud.groupby("label", sort=False), key=lambda g: -len(g[1]))
    return [f"{t} ({len(g)} of {asked[t]}, up to {g.value.max():.0%})" for t, g in by]


def power_rows(validation: pd.DataFrame, data: str) -> pd.DataFrame:
    """How often each statistic fires on what it should: statistic, series, x, value, low, high."""
    right = validation.fires.astype("boolean").fillna(False)
    own_rows = where(validation, right & (validation["data"] == data))
    return pd.DataFrame(
        {
            "statistic": own_rows.statistic.astype(str),
            "series": own_rows["plant"].astype(str),
            "x": own_rows["size"].astype(float),
            **measured(own_rows, "rate"),
            "n": own_rows.n,
        }
    )


def power_finding(rows: pd.DataFrame) -> str:
    """The smallest planted size that each statistic finds four times in five, its best plant."""
    found, missed = [], []
    for statistic, group in rows.groupby("statistic", sort=False):
        seen = where(group, group.value >= 0.8)
        if len(seen):
            r = seen.sort_values("x").iloc[0]
            found.append(
                f"{title_of(str(statistic)).lower()} from {number(float(r.x))} ({r.series})"
            )
        else:
            missed.append(title_of(str(statistic)).lower())
    if not found:
        return "No planted movement of these sizes is found four times in five"
    text = f"Found four times in five: {'; '.join(found[:3])}"
    return capital(text + (f"; never: {listed(missed[:3])}" if missed else ""))


# -- confounds, layers, steering ----------------------------------------------------------------


def confound_rows(confounds: pd.DataFrame, checkpoint: str, pooling: str) -> pd.DataFrame:
    """Correlations with what is no character: length of the answer, norm of the activation."""
    own_rows = where(
        confounds, (confounds.checkpoint == checkpoint) & (confounds.pooling == pooling)
    )
    within = ["within personas" if w else "over all answers" for w in own_rows.within]
    names = [f"{c}, {w}" for c, w in zip(own_rows.confound, within, strict=True)]
    return pd.DataFrame(
        {
            "label": names,
            **measured(own_rows),
            "n": own_rows.n,
        }
    )


def confound_finding(rows: pd.DataFrame) -> str:
    """Which confounds a correlation is shown with, and how large it is at most."""
    shown = [r for r in each(rows) if r.low > 0 or r.high < 0]
    if not shown:
        return "The axis goes with neither answer length nor activation norm, as far as shown"
    most: dict[str, float] = {}
    for r in shown:
        what = str(r.label).split(", ")[0]
        most[what] = max(most.get(what, 0.0), float(r.value), key=abs)
    words = [f"{what} (r {number(r)})" for what, r in most.items()]
    return f"Place on the axis goes with {listed(words)}"


def layer_rows(
    layers: pd.DataFrame, checkpoint: str, pooling: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(series, x, value, low, high) of what is kept by layer, and the null of CKA."""
    own_rows = where(layers, (layers.checkpoint == checkpoint) & (layers.pooling == pooling))
    own_rows = own_rows.sort_values("layer")
    nan = float("nan")
    long = [
        {"series": name, "x": float(r.layer), "value": float(v), "low": nan, "high": nan}
        for r in each(own_rows)
        for name, v in (("axis", r.axis_cosine), ("structure (CKA)", r.cka))
        if pd.notna(v)
    ]
    null = pd.DataFrame(
        {"x": own_rows.layer.astype(float), "low": 0.0, "high": own_rows.cka_null_high}
    )
    return pd.DataFrame(long, columns=["series", "x", "value", "low", "high"]), null


def layer_finding(layers: pd.DataFrame, checkpoint: str, pooling: str) -> str:
    """At which layers a movement is shown, the search over layers counted."""
    rows = where(layers, (layers.checkpoint == checkpoint) & (layers.pooling == pooling))
    tested = rows.dropna(subset=["p_layers"])
    if tested.empty:
        return f"Across layers, {checkpoint}: not tested"
    shown = [str(n) for n in where(tested, tested.p_layers <= ALPHA).sort_values("layer").layer]
    if not shown:
        return f"Across layers, {checkpoint}: no specific shift shown at any of {len(tested)}"
    if len(shown) == len(tested) > 1:
        return f"{capital(checkpoint)}: a specific shift is shown at every layer"
    many = "layers" if len(shown) > 1 else "layer"
    return f"{capital(checkpoint)}: a specific shift is shown at {many} {listed(shown)}"


def steering_rows(steering: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Lines of the named directions, and bands of random directions of the same length by name.

    All begin at strength 0, where nothing is added.
    """
    every = steering.rename(columns={"direction": "series", "strength": "x", "p_bad": "value"})
    none = where(every, every.x == 0).head(1)
    every = where(every, every.x > 0)
    lines, bands = [], {}
    for name, group in every.groupby("series", sort=False):
        begun = pd.concat([none.assign(series=name), group], ignore_index=True)
        if str(name).startswith(RANDOM):
            ends = {c: begun[c].fillna(begun.value) for c in ("low", "high")}
            bands[str(name)] = begun.assign(**ends)
        else:
            lines.append(begun)
    return (pd.concat(lines, ignore_index=True) if lines else every.head(0)), bands


def steering_beyond(
    lines: pd.DataFrame, bands: Mapping[str, pd.DataFrame]
) -> tuple[float, list[str], list[str]]:
    """The strength that is judged, the directions that lie beyond every kind of random ones there,
    and the others."""
    both = pd.concat(bands.values())
    strengths = sorted(set(both.x[both.x > 0]))
    own = 1.0 if 1.0 in strengths else strengths[0]
    both = where(both, both.x == own)
    low, high = both.groupby("x").low.min(), both.groupby("x").high.max()
    beyond: list[str] = []
    series: Sequence[str] = list(dict.fromkeys(lines.series))
    for name in series:
        rows = where(lines, (lines.series == name) & lines.x.isin(list(low.index)))
        if any(r.value > high[r.x] or r.value < low[r.x] for r in each(rows)):
            beyond.append(name)
    return own, beyond, [s for s in series if s not in beyond]


def steering_words(lines: pd.DataFrame, bands: Mapping[str, pd.DataFrame]) -> str:
    """By name, where the finding only counts the directions; else ''."""
    if not bands:
        return ""
    _, beyond, still = steering_beyond(lines, bands)
    if len(beyond) + len(still) <= MOST or not beyond:
        return ""
    rest = f"; not more: {listed(still)}" if still else ""
    return f" More than random ones: {listed(beyond)}{rest}."


def steering_finding(lines: pd.DataFrame, bands: Mapping[str, pd.DataFrame]) -> str:
    """Which directions change answers by more than random ones of the same length.

    Judged at one strength, the arrows' own length, beside every kind of random direction: over
    several strengths one of them would stick out by chance.
    """
    if not bands:
        return "Steering: no random directions to compare with"
    own, beyond, still = steering_beyond(lines, bands)
    if len(beyond) + len(still) > MOST:
        tried = len(beyond) + len(still)
        return (
            f"At strength {own:g}, {len(beyond)} of {tried} directions change answers more than "
            "random ones"
        )
    parts = []
    if beyond:
        verb = "changes" if len(beyond) == 1 else "change"
        parts.append(f"at strength {own:g} {listed(beyond)} {verb} answers more than random ones")
    if still:
        parts.append(f"{listed(still)}: no more than random ones")
    return capital("; ".join(parts))
