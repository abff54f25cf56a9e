"""The chart of a claim, and the tables behind the charts.

Three kinds. `dots`: groups under each other, a lane for each series, seeds one below the other,
with mean, interval and bar; `lines`: one thin line a seed, the mean thick; `pairs`: one mark a
topic and seed against the line on which both are equal. Series are told by shape (lines: dash),
colour and a word, the ideal observer is a hollow diamond, and the accent is kept for what a
picture calls the Assistant. A single figure is drawn by `bar_strips`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from psm_viz.charts.claim_dots import Bounds, dot_picture
from psm_viz.charts.claim_marks import drawable, picture_rows
from psm_viz.charts.claim_planes import line_picture, pair_picture
from psm_viz.charts.findings import number
from psm_viz.charts.frames import each, where
from psm_viz.charts.palette import Palette
from psm_viz.claims.verdict import Beside, Claim, Interval, Measure, Picture, measures_of


def bounds_of(picture: Picture, measures: Sequence[Measure]) -> Bounds:
    """The intervals that a picture may show: of groups whose dots are a measure's own seeds."""
    return {key: (i.low, i.high) for key, i in intervals_of(picture, measures).items()}


def intervals_of(picture: Picture, measures: Sequence[Measure]) -> dict[tuple[str, str], Interval]:
    """(group, series) -> the interval of the first measure whose own seeds are its dots."""
    seen: dict[tuple[str, str], dict[int, float]] = {}
    for d in picture.dots:
        if d.seed is not None:
            seen.setdefault((d.group, d.series), {})[d.seed] = d.value
    out: dict[tuple[str, str], Interval] = {}
    for m in measures:
        if m.interval is None:
            continue
        for key, seeds in seen.items():
            same = seeds.keys() == m.seeds.keys()
            if same and all(abs(v - m.seeds[s]) < 1e-9 for s, v in seeds.items()):
                out.setdefault(key, m.interval)
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
    """One row a measure, and one a figure that stands beside without a bar: claim, part, figure,
    value, interval, each seed and its bar, verdict."""
    judged = {s for c in claims for _, m in measures_of(c) for s in m.seeds}
    seeds = sorted(judged | {s for c in claims for b in c.beside for s in b.seeds})
    rows = []
    for c in claims:
        for part, m in measures_of(c):
            row: dict[str, Any] = {"id": c.id, "claim": c.title, "part": part, "figure": m.name}
            row["unit"] = m.unit
            row |= {"value": m.value, **_interval(m)}
            row |= {f"seed {s}": m.seeds.get(s) for s in seeds}
            row |= {"needs": m.needs, "bar": m.mean_bar}
            own = m.bar if isinstance(m.bar, dict) else dict.fromkeys(m.seeds, m.bar)
            row |= {f"bar, seed {s}": own.get(s) for s in seeds}
            rows.append(row | {"verdict": c.verdict})
        for b in c.beside:
            row = {"id": c.id, "claim": c.title, "part": "beside", "figure": b.said, "unit": b.unit}
            row |= {"value": b.mean, **_interval(b)}
            row |= {f"seed {s}": b.seeds.get(s) for s in seeds}
            rows.append(row | {"verdict": c.verdict})
    return pd.DataFrame(rows)


def _interval(m: Measure | Beside) -> dict[str, Any]:
    """A measure's interval as columns: empty where it has none."""
    found = m.interval
    if found is None:
        return dict.fromkeys(("low", "high", "interval over", "verdict asks for it"))
    decides = "yes" if found.decides else "no"
    return {
        "low": found.low,
        "high": found.high,
        "interval over": found.over,
        "verdict asks for it": decides,
    }


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
) -> Any:
    """A claim's chart. Groups in `own` are drawn in the accent; `rule_name` are the words at
    the bar; `width` None lets the page choose. Pairs are no wider than their own square."""
    if picture.kind == "lines":
        return line_picture(picture, p, rule_name, width)
    if picture.kind == "pairs":
        return pair_picture(picture, p, width)
    return dot_picture(picture, p, bounds or {}, own, rule_name, width)
