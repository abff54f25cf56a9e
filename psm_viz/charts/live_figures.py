"""Figures of a talk that is under way: its path on the map of talks, and who would have said it.

Input is what a live model process heard after each answer (`messages.HEARD`): answers, belief by
way of reading, how far its state is from all families. A belief is placed here, on the study's map
of talks. Coordinates have no unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts import kin_bars, talk_map
from psm_viz.charts.figures import Facts, Figure, Layout, Missing, Shown, Told
from psm_viz.charts.frames import each, where
from psm_viz.charts.map_ground import Ground, MapView, Reserved, ground
from psm_viz.charts.map_plane import haloed, xy
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import targets, zoom
from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import BY_BELIEF, has_talks, map_of_talks, talk_points
from psm_viz.stats.belief_place import middles as middles_of
from psm_viz.stats.belief_place import place_of
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


def place_on(reads: Reads, belief: Mapping[str, float], projection: str) -> dict[str, float]:
    """Where a belief lies on the study's map of talks (px, py)."""
    families = tuple(belief)

    def made() -> Any:
        home = {p.id: p.family for p in reads.study.cast.personas}
        return middles_of(talk_points(reads), home, families)

    at = place_of(belief, families, reads.once(("family middles", *families), made))
    x, y = ("pca_x", "pca_y") if projection == "PCA" else ("x", "y")
    return {"px": at[x], "py": at[y]}


def belief_of(heard: Mapping[str, Any], way: str = "") -> Mapping[str, float]:
    """The belief of a talk read in one way, '' for the one that sentences go by; {} where it was
    not read so. Before any answer every way believes the same, and where the reference speaks its
    own state is the reference's."""
    known = heard.get("belief") or {}
    if not known:
        return {}
    if not heard.get("answers"):
        return next(iter(known.values()))
    return known.get(_read_in(heard, way), {})


def _read_in(heard: Mapping[str, Any], way: str) -> str:
    """The way in which a talk was read that is meant: '' is the one that sentences go by."""
    if way == REFERENCE and way not in (heard.get("belief") or {}):
        return OWN
    return way or str(heard.get("headline", ""))


def ways_of(sides: Sequence[Side]) -> dict[str, str]:
    """The ways in which these talks were read, the one that sentences go by first: '' and what the
    others are called."""
    heard = [h for side in sides for h in side.heard if h.get("belief") and h.get("answers")]
    read = {way for h in heard for way in h["belief"]}
    first = heard[-1]["headline"] if heard else ""
    others = [w for w in (LIKELIHOOD, OWN, REFERENCE, EXACT) if w in read and w != first]
    return {"": READ.get(first, "as sentences are"), **{w: READ[w] for w in others}}


def path_rows(reads: Reads, sides: Sequence[Side], projection: str, way: str = "") -> pd.DataFrame:
    """Where a talk lay after each answer: side, name, n (answers), px, py, now, far (its state is
    like none of the families)."""
    rows = []
    for number, side in enumerate(sides):
        placed = [(n, h, b) for n, h in enumerate(side.heard) if (b := belief_of(h, way))]
        for k, (n, h, belief) in enumerate(placed):
            row = {"side": number, "name": side.name, "n": n, "now": k == len(placed) - 1}
            rows.append(row | {"far": is_far(h, way)} | place_on(reads, belief, projection))
    return pd.DataFrame(rows, columns=["side", "name", "n", "now", "far", "px", "py"])


def is_far(heard: Mapping[str, Any], way: str) -> bool:
    """Whether a way of reading states finds a talk unlike all families."""
    return float(heard.get("far", {}).get(_read_in(heard, way), 0.0)) > 1


def path_figure(
    reads: Reads, sides: Sequence[Side], projection: str, view: MapView, way: str = ""
) -> Shown:
    """The path of a talk on the study's map, as it is read in one way: a mark after every answer,
    joined in order."""
    study = reads.study
    if not has_talks(study):
        return Missing(
            "This study has no map of talks, so that a talk has no place.",
            "Hold talks first: python -m psm_viz talks --study DIR --weights FOLDER",
        )
    rows, points = path_rows(reads, sides, projection, way), talk_points(reads)
    title = path_title(sides, study.cast, way)
    elsewhere = "" if map_of_talks(study) == BY_BELIEF else f" {ELSEWHERE}"
    told = Told(
        name="live-path",
        title=title,
        words=f"{PATH_WORDS}{elsewhere}",
        alt=f"Map of the cast with the path of this talk. {title}.",
        key="live-map",
        facts=Facts(n=f"{len(sides)} talks, {int(rows.n.max()) if len(rows) else 0} answers"),
    )

    def build(p: Palette, width: int | None) -> Any:
        return path_map(points, study.cast, rows, replace(view, projection=projection), p, width)

    return Figure(build, rows.drop(columns=["now", "far"]), told, Layout(WIDTH, hero="hero-live"))


WIDTH, HEIGHT = 560, 350
"""Of the map beside a talk, in pixels: half of a page."""
PATH_WORDS = (
    "Pale dots and names: the characters that this model can play. Numbers: where the talk lies "
    "after so many answers, among the characters who would say the same; before any answer (0) in "
    "the middle of all. Distances on a map are not measurements."
)
READ = {
    LIKELIHOOD: "its words",
    OWN: "its own state",
    REFERENCE: "the reference's state",
    EXACT: "the exact observer",
}
"""What is read of a talk, in two words or three."""
SOUNDS = {
    LIKELIHOOD: "by its words",
    OWN: "by its own state",
    REFERENCE: "by the state of the reference after the same words",
    EXACT: "to the exact observer of the made world",
}
FAR, FAR_LINE = ", like none of the cast's talks", "\nlike none of them"
"""Of a talk whose state is unlike all families: to the pointer, and under the name of a bar."""
ELSEWHERE = "The Map places a talk by the model's inner state, so it may lie elsewhere there."


def path_title(sides: Sequence[Side], cast: Cast, way: str = "") -> str:
    """Who a talk sounds like now, by kin, as it is read in one way."""
    said = []
    for side in sides:
        last = side.heard[-1] if len(side.heard) > 1 else {}
        if belief := belief_of(last, way):
            name, mass = likeliest_kin(belief, cast)
            far = ", and like none of them" if is_far(last, way) else ""
            said.append((side.name, f"{name}, {mass:.0%}{far}"))
        elif last.get("belief"):
            said.append((side.name, "still being read"))
    if not said:
        return "Say something: its place among the characters is drawn after every answer"
    sounds = f" {SOUNDS[way]}" if way else ""
    if len(said) == 1:
        return f"It sounds like: {said[0][1]}{sounds}"
    return f"{'; '.join(f'{who}: {what}' for who, what in said)}{sounds}"


def likeliest_kin(belief: Mapping[str, float], cast: Cast) -> tuple[str, float]:
    """The kin that a talk sounds most like, and the belief in it."""
    best = max(kin_bars.kin_masses(belief, cast), key=lambda row: row["mass"])
    return best["name"], best["mass"]


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
                "family": "",
                "kin": "",
                "note": ("now" if r["now"] else "on its way") + (FAR if r["far"] else ""),
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


def unfolding_figure(
    side: Side, cast: Cast, families: Sequence[str], key: str, way: str = ""
) -> Shown:
    """Who one voice sounds like, after 0, 1, 2, ... answers, by kin, as it is read in one way."""
    read = [(n, b) for n, h in enumerate(side.heard) if n and (b := belief_of(h, way))]
    if not read:
        return Missing("Nothing was read of this talk in this way yet.", "Say something.")
    frame = pd.DataFrame([{**belief, "answers": n} for n, belief in read])
    rows = kin_bars.unfolding(frame, cast, families)
    best, mass = likeliest_kin(read[-1][1], cast)
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
        lambda p, width: kin_bars.unfolding_chart(rows, cast, p, (width, height)),
        rows.drop(columns="kin"),
        told,
        Layout(380, small=True, label=True),
    )


def ways_figure(side: Side, cast: Cast, key: str) -> Shown:
    """Who one voice sounds like now, as every way of reading sees it."""
    heard = next((h for h in reversed(side.heard) if h.get("belief") and h.get("answers")), None)
    if heard is None:
        return Missing("Nothing was read of this talk yet.", "Say something.")
    rows = [
        {"row": READ[way] + (FAR_LINE if is_far(heard, way) else "")} | row
        for way in (LIKELIHOOD, OWN, REFERENCE, EXACT)
        if way in heard["belief"]
        for row in kin_bars.kin_masses(heard["belief"][way], cast)
    ]
    frame = pd.DataFrame(rows)
    count = frame.row.nunique()
    told = Told(
        name=f"live-ways-{key}",
        title=f"{side.name}, read in {count} way{'s' if count > 1 else ''}",
        words="By how likely the reference finds the words as each persona, by inner states, and "
        "in the made world by who knows its rules. Like none of them: its state is farther from "
        "every family than 95 % of the cast's talks are from theirs; only states can tell.",
        alt=f"Belief over kins by each way of reading {side.name}.",
        key=f"live-ways-{key}",
        facts=Facts(n=f"{heard['answers']} answers"),
    )
    return Figure(
        lambda p, width: kin_bars.named_chart(frame, cast, p, (width, 50 + 34 * count)),
        frame.drop(columns="kin").rename(columns={"row": "read"}),
        told,
        Layout(380, small=True, label=True, captioned=True),
    )
