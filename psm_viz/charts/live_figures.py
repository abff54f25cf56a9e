"""Figures of a talk that is under way: its path on the map of talks, and who would have said it.

Input is what a live model process heard after each answer (`messages.HEARD`): answers, belief by
way of reading, place. Coordinates have no unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts import talk_map
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told
from psm_viz.charts.frames import each, where
from psm_viz.charts.map_ground import Ground, MapView, Reserved, ground
from psm_viz.charts.map_plane import haloed, xy
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import targets, zoom
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import BY_BELIEF, WAYS, has_talks, map_of_talks, talk_points
from psm_viz.study.cast import Cast
from psm_viz.study.talks import EXACT, LIKELIHOOD, OWN, REFERENCE

PATH = 380
"""Area of the mark where a talk is now, in square pixels; earlier places are smaller."""
NAME = 12.5
"""Type size of a voice's name."""


@dataclass(frozen=True)
class Side:
    """One of the voices of a talk, and what was heard of it: first before any answer."""

    name: str
    heard: Sequence[Mapping[str, Any]]


def at_place(place: Sequence[float], projection: str) -> dict[str, float]:
    """Where a belief lies on a map (px, py): of its four numbers those of a projection."""
    x, y = place[2:] if projection == "PCA" else place[:2]
    return {"px": float(x), "py": float(y)}


def path_rows(sides: Sequence[Side], projection: str) -> pd.DataFrame:
    """Where a talk lay after each answer: side, name, n (answers), px, py, now."""
    rows = []
    for number, side in enumerate(sides):
        placed = [(n, h["place"]) for n, h in enumerate(side.heard) if h.get("place")]
        for k, (n, place) in enumerate(placed):
            now = k == len(placed) - 1
            row = {"side": number, "name": side.name, "n": n, "now": now}
            rows.append(row | at_place(place, projection))
    return pd.DataFrame(rows, columns=["side", "name", "n", "now", "px", "py"])


def path_figure(reads: Reads, sides: Sequence[Side], projection: str, view: MapView) -> Shown:
    """The path of a talk on the study's map: a mark after every answer, joined in order."""
    study = reads.study
    if not has_talks(study):
        return Missing(
            "This study has no map of talks, so that a talk has no place.",
            "Hold talks first: python -m psm_viz talks --study DIR --weights FOLDER",
        )
    rows, points = path_rows(sides, projection), talk_points(reads)
    told = Told(
        name="live-path",
        title=path_title(sides, study.cast),
        words=PATH_WORDS if map_of_talks(study) == BY_BELIEF else f"{PATH_WORDS} {ELSEWHERE}",
        alt=f"Map of the cast with the path of this talk. {path_title(sides, study.cast)}.",
        key="live-map",
        facts=Facts(n=f"{len(sides)} talks, {int(rows.n.max()) if len(rows) else 0} answers"),
    )

    def build(p: Palette, width: int | None) -> Any:
        return path_map(points, study.cast, rows, replace(view, projection=projection), p, width)

    return Figure(build, rows.drop(columns="now"), told, Layout(WIDTH, hero="hero-live"))


WIDTH, HEIGHT = 560, 350
"""Of the map beside a talk, in pixels: half of a page."""
PATH_WORDS = (
    "Pale dots and names: the characters that this model can play. Numbers: where the talk lies "
    "after so many answers, among the characters who would say the same; before any answer (0) in "
    "the middle of all. Distances on a map are not measurements."
)
ELSEWHERE = "The Map places a talk by the model's inner state, so it may lie elsewhere there."


def path_title(sides: Sequence[Side], cast: Cast) -> str:
    """Who a talk sounds like now, by kin."""
    said = []
    for side in sides:
        if len(side.heard) < 2 or not side.heard[-1].get("belief"):
            continue
        name, mass = likeliest_kin(side.heard[-1], cast)
        said.append((side.name, name, mass))
    if not said:
        return "Say something: its place among the characters is drawn after every answer"
    if len(said) == 1:
        return f"It sounds like: {said[0][1]}, {said[0][2]:.0%}"
    return "; ".join(f"{who}: {name}, {mass:.0%}" for who, name, mass in said)


def likeliest_kin(heard: Mapping[str, Any], cast: Cast) -> tuple[str, float]:
    """The kin that a talk sounds most like, by the first way that was read, and its belief."""
    belief = headline_of(heard)
    kin = {f.id: f.kin for f in cast.families}
    mass: dict[str, float] = {}
    for family, value in belief.items():
        mass[kin[family]] = mass.get(kin[family], 0.0) + float(value)
    best = max(mass, key=lambda k: mass[k])
    return cast.kins[best], mass[best]


def headline_of(heard: Mapping[str, Any]) -> Mapping[str, float]:
    """The belief that sentences go by, and the place."""
    return heard["belief"][heard["headline"]] if heard.get("belief") else {}


def path_map(
    points: pd.DataFrame,
    cast: Cast,
    rows: pd.DataFrame,
    view: MapView,
    p: Palette,
    width: int | None,
) -> Any:
    """The land with the path upon it; `width` None lets the page choose."""
    seen = replace(view, blocks=True, land=True, fade=False)
    size = (width or WIDTH, HEIGHT)
    kept = [Reserved(float(r.px), float(r.py), 13.0) for r in each(rows)]
    also = rows[["px", "py"]] if len(rows) else None
    g = ground(talk_map.land(points), cast, seen, p, size, also, kept)
    layers = [*g.layers, *g.over]
    for number in sorted(set(rows.side)):
        layers += _path(g, where(rows, rows.side == number), number)
    for r in rows.to_dict("records"):
        g.targets.append(
            {
                "id": f"live-{r['side']}-{r['n']}",
                "px": r["px"],
                "py": r["py"],
                "label": f"{r['name']}, after {r['n']} answers",
                "family": "this talk",
                "kin": "",
                "note": "now" if r["now"] else "on its way",
            }
        )
    layers.append(targets(g).add_params(zoom()))
    return finish(alt.layer(*layers), p, HEIGHT, width)


def _path(g: Ground, rows: pd.DataFrame, number: int) -> list[Any]:
    """One voice: a line, a disc a place, the first voice's full and the second's hollow, with the
    number of answers inside."""
    p, hollow = g.palette, number % 2 == 1
    own = rows.assign(
        text=rows.n.astype(int).astype(str), area=[PATH if x else 200 for x in rows.now]
    )
    dash = [1, 0] if not hollow else [5, 3]
    line = alt.Chart(own).mark_line(
        color=p.accent, strokeWidth=1.8, strokeDash=dash, opacity=0.75, aria=False
    )
    disc = alt.Chart(own).mark_circle(
        fill=p.paper if hollow else p.accent,
        stroke=p.accent,
        strokeWidth=1.8,
        opacity=1,
        aria=False,
    )
    word = alt.Chart(own).mark_text(
        fontSize=11, fontWeight=700, color=p.accent if hollow else p.paper, aria=False
    )
    place = xy(g.frame)
    out = [
        line.encode(**place, order="n:Q"),
        disc.encode(**place, size=alt.Size("area:Q", scale=None, legend=None)),
        word.encode(**place, text="text:N"),
    ]
    last = own.iloc[-1]
    word, align = g.put_near(float(last.px), float(last.py), str(last["name"]), NAME, 14)
    named = alt.Chart(pd.DataFrame([word])).encode(**place, text="text:N")
    return [*out, *haloed(named, p, p.accent, NAME, {"align": align})]


def unfolding_figure(side: Side, cast: Cast, families: Sequence[str], key: str) -> Shown:
    """Who one voice sounds like, after 0, 1, 2, ... answers, by kin."""
    read = [h for h in side.heard if headline_of(h)]
    if not read:
        return Missing("Nothing was read of this talk yet.", "Say something.")
    frame = pd.DataFrame(
        [dict(headline_of(h)) | {"answers": n} for n, h in enumerate(side.heard) if headline_of(h)]
    )
    rows = talk_map.unfolding(where(frame, frame.answers > 0), cast, families)
    best, mass = likeliest_kin(read[-1], cast)
    told = Told(
        name=f"live-belief-{key}",
        title=f"{side.name}: {best}, {mass:.0%}",
        words="Belief: how likely each kin is to have said this. The last one, two or four answers "
        "are read; before any answer all families count alike.",
        alt=f"Belief over kins after each answer of {side.name}; now {best} {mass:.0%}.",
        key=f"live-belief-{key}",
        facts=Facts(n=f"{len(side.heard) - 1} answers"),
    )
    height = 70 + 22 * min(len(side.heard), 8)
    return Figure(
        lambda p, width: talk_map.unfolding_chart(rows, cast, p, (width, height)),
        rows.drop(columns="kin"),
        told,
        Layout(380, small=True, label=True),
    )


def ways_table(heard: Mapping[str, Any], cast: Cast) -> pd.DataFrame:
    """How each way of reading sees the talk now: way, the likeliest three families with their
    belief, and whether it is like none of them."""
    names = {f.id: f.name for f in cast.families}
    rows = []
    for way in (LIKELIHOOD, OWN, REFERENCE, EXACT):
        belief = heard.get("belief", {}).get(way)
        if not belief:
            continue
        top = sorted(belief, key=lambda f: -belief[f])[:3]
        far = heard.get("far", {}).get(way)
        rows.append(
            {
                "read": WAYS[way],
                "sounds like": ", ".join(f"{names[f]} {belief[f]:.0%}" for f in top),
                "like none of these": "" if far is None else ("yes" if far > 1 else "no"),
            }
        )
    return pd.DataFrame(rows, columns=["read", "sounds like", "like none of these"])
