"""How far the map can be trusted: beside noise, and beside other settings and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.findings import number
from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.label_placement import frame
from psm_viz.charts.map_plane import own, xy
from psm_viz.charts.palette import Palette, family_colours, family_shapes, finish
from psm_viz.charts.sentences import SAID, sentence
from psm_viz.charts.typeface import width_of
from psm_viz.study.cast import Cast

NOISE = "Gaussian noise"
TWINS, HEAD, GAP = 640, 12.5, 14
"""Width in pixels that the two maps are laid out for, the type size of their titles, and what is
kept between these."""


def twin_points(points: pd.DataFrame, noise: pd.DataFrame) -> pd.DataFrame:
    """The stored map and the map of noise, each scaled to the same size, side by side."""
    cast = columns(where(points, points.kind == "persona"), ["id", "x", "y"])
    out = []
    for n, (name, f) in enumerate((("cast", cast), (NOISE, columns(noise, ["id", "x", "y"])))):
        # Equal scales within a map, equal size between them: neither has a unit.
        spans = [float(f[c].max() - f[c].min()) for c in ("x", "y")]
        size = max(*spans, 1e-9)
        middle = {c: float(f[c].max() + f[c].min()) / 2 for c in ("x", "y")}
        moved = {f"p{c}": (f[c].astype(float) - middle[c]) / size for c in ("x", "y")}
        moved["px"] = moved["px"] + 1.22 * n
        out.append(f.assign(data=name, **moved))
    return pd.concat(out, ignore_index=True)


def twin_map(
    twins: pd.DataFrame,
    words: Mapping[str, str],
    cast: Cast,
    p: Palette,
    size: tuple[int | None, int] = (None, 250),
) -> Any:
    """Two small maps of the same marks: personas, and noise that no cast is in."""
    f = frame(list(twins.px), [*twins.py, 0.66], size[0] or TWINS, size[1], 0.03)
    colours, shapes = family_colours(cast, p), family_shapes(cast)
    family = {q.id: q.family for q in cast.personas}
    marks = where(twins, twins.id.isin(list(family)))
    who = {
        q.id: f"{q.name}, one of the {cast.family(q.family).name.lower()}" for q in cast.personas
    }
    on = {"cast": "placed by its vectors", NOISE: "placed by Gaussian noise"}
    marks = marks.assign(
        colour=[colours[family[i]] for i in marks.id],
        shape=[shapes[family[i]] for i in marks.id],
        said=[sentence(who[str(r.id)], on[str(r.data)]) for r in each(marks)],
    )
    starts = [f.to_px(-0.5 + 1.22 * n, 0.64)[0] for n in range(2)]
    room = (starts[1] - starts[0] - GAP) / HEAD  # of a title, in its own type size
    heads = pd.DataFrame(
        [
            {"px": -0.5 + 1.22 * n, "py": 0.64, "text": _head(words[d], room)}
            for n, d in enumerate(words)
        ]
    )
    layers = [
        alt.Chart(marks[["px", "py", "colour", "shape", "said"]])
        .mark_point(filled=True, size=30, stroke=p.paper, strokeWidth=0.5, opacity=0.9)
        .encode(**xy(f), color=own("colour"), shape=own("shape"), description=SAID),
        alt.Chart(heads)
        .mark_text(
            align="left",
            baseline="line-bottom",
            lineBreak="\n",
            fontSize=HEAD,
            fontWeight=600,
            color=p.ink,
            aria=False,
        )
        .encode(**xy(f), text="text:N"),
    ]
    return finish(alt.layer(*layers), p, size[1], size[0])


def _head(words: str, room: float) -> str:
    """A title in one line, or in two where it is wider than its map."""
    return words if width_of(words) <= room else words.replace(": ", ":\n", 1)


def map_finding(info: Mapping[str, Any], noise: pd.DataFrame) -> str:
    """What the stored map keeps, beside chance and beside maps of noise: how well UMAP draws those
    hangs on its seed, so their whole range is told."""
    kept, chance = info.get("knn_recall"), info.get("knn_chance")
    if not isinstance(kept, int | float) or not isinstance(chance, int | float):
        return "How much of the space this map keeps was not measured"
    text = f"The map keeps {kept:.0%} of the neighbours it should (chance {chance:.0%}"
    drawn = noise.knn_recall.dropna() if len(noise) else pd.Series(dtype=float)
    if len(drawn) == 1:
        text += f"; a map of noise {float(drawn.iloc[0]):.0%}"
    elif len(drawn):
        text += f"; {len(drawn)} maps of noise {drawn.min():.0%} to {drawn.max():.0%}"
    return text + ")"


def trial_rows(trials: pd.DataFrame) -> pd.DataFrame:
    """Settings and seeds tried: one row a setting, one dot a seed. Rows for `dot_chart`."""
    cast = where(trials, trials.data == "cast")
    out = pd.DataFrame(
        {
            "label": [f"{r.neighbours} neighbours, {r.min_dist:g}, {r.metric}" for r in each(cast)],
            "value": cast.disparity.astype(float),
            "filled": cast.chosen.astype(bool),
            "seed": cast.seed,
            "neighbours kept": cast.knn_recall,
            "trustworthiness": cast.trustworthiness,
        }
    )
    first = list(dict.fromkeys([*where(out, out.filled).label, *out.label]))
    order = {label: n for n, label in enumerate(first)}
    out = out.sort_values(
        ["label", "value"], key=lambda c: c.map(order) if c.name == "label" else c
    )
    notes = {}
    for label, group in out.groupby("label"):
        low, high = float(group["neighbours kept"].min()), float(group["neighbours kept"].max())
        notes[label] = f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"
    last = ~out.duplicated("label", keep="last")
    return out.assign(
        note=[f"keeps {notes[r.label]}" if x else "" for r, x in zip(each(out), last, strict=True)]
    )


def trial_finding(rows: pd.DataFrame) -> str:
    """How much another setting or seed would change the picture."""
    others = where(rows, ~rows.filled)
    if others.empty:
        return "One setting and one seed were tried"
    low, high = float(others.value.min()), float(others.value.max())
    return (
        f"{len(others)} other settings and seeds draw maps that differ from it by {number(low)} "
        f"to {number(high)} (0: the same, 1: nothing in common)"
    )
