"""The chart of a claim, and the tables behind the charts.

Three kinds. `dots`: groups under each other, a lane for each series, seeds one below the other,
with mean, interval and bar; `lines`: one thin line a seed, the mean thick; `pairs`: one mark a
topic and seed against the line on which both are equal. Series are told by shape (lines: dash),
colour and a word, the ideal observer is a hollow diamond, and the accent is kept for what a
picture calls the Assistant. A single figure is drawn by `strips`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.claim_marks import (
    DASH,
    OBSERVER,
    diamonds,
    drawable,
    literal,
    picture_rows,
    reach,
    series_colours,
    tips,
)
from psm_viz.charts.claim_planes import line_picture, pair_picture
from psm_viz.charts.dot_chart import LETTER
from psm_viz.charts.findings import number
from psm_viz.charts.frames import each, where
from psm_viz.charts.palette import SHAPES, Palette, finish
from psm_viz.claims.verdict import Claim, Measure, Picture, measures_of

SEED_GAP, LANE, OBSERVER_LANE, GROUP_GAP, HEAD = 7, 16, 16, 10, 18
"""Pixels: between seeds, of a lane besides its seeds, of an observer, between groups, above all."""
Bounds = Mapping[tuple[str, str], tuple[float, float]]
"""(group, series) -> 95 % interval of its mean."""


def bounds_of(picture: Picture, measures: Sequence[Measure]) -> Bounds:
    """The intervals that a picture may show: of groups whose dots are a measure's own seeds."""
    seen: dict[tuple[str, str], dict[int, float]] = {}
    for d in picture.dots:
        if d.seed is not None:
            seen.setdefault((d.group, d.series), {})[d.seed] = d.value
    out: dict[tuple[str, str], tuple[float, float]] = {}
    for m in measures:
        if m.low is None or m.high is None:
            continue
        for key, seeds in seen.items():
            same = seeds.keys() == m.seeds.keys()
            if same and all(abs(v - m.seeds[s]) < 1e-9 for s, v in seeds.items()):
                out[key] = (m.low, m.high)
    return out


def figure_groups(claim: Claim) -> set[tuple[str, str]]:
    """The groups of the chart whose dots are the claim's own figure."""
    m = claim.figure
    return set(bounds_of(claim.picture, [Measure(m.name, m.seeds, 0.0, low=0.0, high=0.0)]))


def own_groups(claim: Claim) -> set[tuple[str, str]]:
    """Those of them that are about the Assistant: in its accent."""
    about = f"{claim.title} {claim.sentence} {claim.figure.name}"
    return {key for key in figure_groups(claim) if "Assistant" in f"{about} {key}"}


def claim_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """One row a measure: claim, part, figure, value, interval, each seed and its bar, verdict."""
    seeds = sorted({s for c in claims for _, m in measures_of(c) for s in m.seeds})
    rows = []
    for c in claims:
        for part, m in measures_of(c):
            row: dict[str, Any] = {"id": c.id, "claim": c.title, "part": part, "figure": m.name}
            row |= {"value": m.value, "low": m.low, "high": m.high}
            row |= {f"seed {s}": m.seeds.get(s) for s in seeds}
            row |= {"needs": m.needs, "bar": m.mean_bar}
            own = m.bar if isinstance(m.bar, dict) else dict.fromkeys(m.seeds, m.bar)
            row |= {f"bar, seed {s}": own.get(s) for s in seeds}
            rows.append(row | {"verdict": c.verdict})
    return pd.DataFrame(rows)


def chart_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """The data of every claim's chart, one row a mark."""
    frames = [
        picture_rows(c.picture).assign(id=c.id, kind=c.picture.kind, unit=c.picture.unit)
        for c in claims
    ]
    first = ["id", "kind", "unit"]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=first)
    return frame[[*first, *(c for c in frame.columns if c not in first)]]


def spoken(picture: Picture) -> str:
    """The chart in words, for those who do not see it: the picture's own, else its means."""
    if picture.says:
        return picture.says
    rows = drawable(picture)
    rows = where(rows, rows.seed.notna())
    means = rows.groupby(["group", "series"], sort=False, as_index=False)["value"].mean()
    told = [
        f"{' '.join(filter(None, (m.group, m.series)))} {number(m.value)}"
        for m in each(pd.DataFrame(means))
    ]
    return f"{picture.title}. Means over seeds: {'; '.join(told[:12])}."


def picture_chart(
    picture: Picture,
    p: Palette,
    bounds: Bounds | None = None,
    own: Collection[tuple[str, str]] = (),
    rule_name: str = "the bar",
    width: int | None = None,
    nominal: int = 620,
) -> Any:
    """A claim's chart. Groups in `own` are drawn in the accent; `rule_name` are the words at
    the bar; `nominal` is the width in pixels that the words are laid out for where the page chooses
    the width. Pairs have their own width."""
    if picture.kind == "lines":
        return line_picture(picture, p, rule_name, width, nominal)
    if picture.kind == "pairs":
        return pair_picture(picture, p)
    return _dots(picture, p, bounds or {}, own, rule_name, width, nominal)


def _laid(
    rows: pd.DataFrame, bounds: Bounds
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float], int]:
    """Marks and means with their pixels from the top, so that nothing lies on anything else;
    the centre of each group, and the height of all."""
    place: dict[Any, float] = {}
    means: list[dict[str, Any]] = []
    centres: dict[str, float] = {}
    top = float(HEAD)
    for group in map(str, dict.fromkeys(rows.group)):
        start = top
        for name in map(str, dict.fromkeys(rows.series)):
            own = where(rows, (rows.group == group) & (rows.series == name))
            seeds = where(own, own.seed.notna()).sort_values("seed")
            if len(seeds):
                high = LANE + SEED_GAP * (len(seeds) - 1)
                place |= {at: top + LANE / 2 + n * SEED_GAP for n, at in enumerate(seeds.index)}
                low, up = bounds.get((group, name), (float("nan"), float("nan")))
                edge = max([float(seeds.value.max()), *([up] if up == up else [])])
                lane = {"group": group, "series": name, "mean": float(seeds.value.mean())}
                lane |= {"low": low, "high": up, "edge": edge, "y": top + high / 2}
                means.append(lane | {"top": top + 1, "bottom": top + high - 1})
                top += high
            exact = own.index[own.seed.isna()]
            place |= {at: top + OBSERVER_LANE / 2 for at in exact}
            top += OBSERVER_LANE if len(exact) else 0
        centres[group] = round((start + top) / 2, 2)
        top += GROUP_GAP
    columns = ["group", "series", "mean", "low", "high", "edge", "y", "top", "bottom"]
    marks = rows.assign(y=[place[i] for i in rows.index])
    return marks, pd.DataFrame(means, columns=columns), centres, int(top)


def _rightmost(exact: pd.DataFrame) -> pd.DataFrame:
    """The observer's mark that is named: of the first group, the one with room at its right."""
    return where(exact, exact.group == exact.group.iloc[0]).nlargest(1, "value")


def _dots(
    picture: Picture,
    p: Palette,
    bounds: Bounds,
    own: Collection[tuple[str, str]],
    rule_name: str,
    width: int | None,
    nominal: int,
) -> Any:
    rows = drawable(picture)
    series = [str(n) for n in dict.fromkeys(rows.series)]
    hues = series_colours(series, p)
    marks, means, centres, height = _laid(rows, bounds)

    def coloured(frame: pd.DataFrame) -> pd.DataFrame:
        keys = zip(frame.group, frame.series, strict=True)
        return frame.assign(colour=[p.accent if k in own else hues[k[1]] for k in keys])

    marks, means = coloured(marks), coloured(means)
    held = means.dropna(subset=["low", "high"])
    rule = [] if picture.rule is None else [picture.rule]
    low, high = reach([*marks.value, *held.low, *held.high, *rule])
    # Words stand at the right of their lane and need room of their own.
    words = [n for n in series if n] if len(series) > 1 else []
    words += [OBSERVER] if marks.seed.isna().any() else []
    inner = max((width or nominal) - min(14 + LETTER * max(map(len, centres), default=0), 220), 160)
    room = 18 + LETTER * max(map(len, words), default=0)
    if words and inner > 2 * room:
        most = max([*marks.value, *held.high], default=high)
        high = max(high, low + (most - low) * inner / (inner - room))
    x_axis = alt.Axis(
        title=picture.unit or None,
        titleAnchor="start",
        ticks=False,
        tickCount=6,
        domain=False,
        format="~r",
    )
    spots = list(centres.values())
    y_axis = alt.Axis(
        title=None,
        values=spots,
        labelExpr=f"{json.dumps(list(centres))}[indexof({json.dumps(spots)}, datum.value)]",
        labelColor=p.ink,
        labelFontSize=12,
        labelLimit=220,
        labelPadding=8,
        labelOverlap=False,
        ticks=False,
        domain=False,
    )
    x_scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    y_scale = alt.Scale(domain=[height, 0], nice=False, zero=False)

    def x(column: str) -> alt.X:
        return alt.X(f"{column}:Q", scale=x_scale, axis=x_axis)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", scale=y_scale, axis=y_axis)

    layers: list[Any] = []
    for at in rule:
        left = (high - at) / (high - low) * inner > LETTER * len(rule_name) + 10
        side = {"align": "left", "dx": 5} if left else {"align": "right", "dx": -5}
        place = alt.Chart(pd.DataFrame([{"at": at, "text": rule_name}]))
        dashed = place.mark_rule(color=p.soft, strokeWidth=1.3, strokeDash=DASH, aria=False)
        layers.append(dashed.encode(x=x("at")))
        named = place.mark_text(**side, fontSize=11, color=p.soft, aria=False)
        layers.append(named.encode(x=x("at"), y=alt.value(6), text="text:N"))
    if len(held):
        bars = alt.Chart(means.dropna(subset=["low", "high"])).mark_rule(
            strokeWidth=8, opacity=0.22, aria=False
        )
        layers.append(bars.encode(x=x("low"), x2="high:Q", y=y("y"), color=literal("colour")))
    told = [("mean", "mean over seeds"), ("low", "95 % from"), ("high", "to")]
    tooltip = [
        alt.Tooltip(f"{c}:Q", title=t, format=".3g") for c, t in (told if len(held) else told[:1])
    ]
    strokes = alt.Chart(means).mark_rule(strokeWidth=2)
    layers.append(
        strokes.encode(
            x=x("mean"), y=y("top"), y2="bottom:Q", color=literal("colour"), tooltip=tooltip
        )
    )
    tooltip = tips([("group:N", "what"), ("series:N", "series"), ("who:N", "run")], picture.unit)
    for n, name in enumerate(series):
        mine = where(marks, (marks.series == name) & marks.seed.notna())
        mark: dict[str, Any] = {"shape": SHAPES[n % len(SHAPES)], "filled": True, "size": 54}
        mark |= {"stroke": p.paper, "strokeWidth": 0.8, "opacity": 1}
        if len(mine):
            points = alt.Chart(mine).mark_point(**mark)
            fill = alt.Fill("colour:N", scale=None)
            layers.append(points.encode(x=x("value"), y=y("y"), fill=fill, tooltip=tooltip))
    exact = where(marks, marks.seed.isna())
    if len(exact):
        layers.append(diamonds(exact, p, x("value"), y("y"), tooltip))
        first = alt.Chart(_rightmost(exact).assign(text=OBSERVER))
        word = first.mark_text(align="left", dx=10, fontSize=11, color=p.soft, aria=False)
        layers.append(word.encode(x=x("value"), y=y("y"), text="text:N"))
    if len(series) > 1:
        ends = alt.Chart(means.drop_duplicates("series"))
        word = ends.mark_text(align="left", dx=9, fontSize=11.5, aria=False)
        layers.append(word.encode(x=x("edge"), y=y("y"), text="series:N", color=literal("colour")))
    return finish(alt.layer(*layers), p, height + (38 if picture.unit else 20), width)
