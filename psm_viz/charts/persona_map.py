"""The map: the cast in muted tints, the Assistant as the one star."""

from __future__ import annotations

import json
import math
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.map_ground import (
    HEIGHT,
    SELECTED,
    Ground,
    MapView,
    Reserved,
    ground,
    laid_out,
)
from psm_viz.charts.map_plane import coordinates, haloed, own, xy
from psm_viz.charts.overlay import LEGEND
from psm_viz.charts.palette import STAR, Palette, family_colours, finish
from psm_viz.charts.sentences import place
from psm_viz.study.cast import ASSISTANT, Cast

CLICK = "persona"
"""Name of the selection parameter that a click sets."""
AREA = "area"
"""Name of that which an area sets that is drawn with Shift held."""


def assistant_points(points: pd.DataFrame, checkpoint: str, space: str) -> pd.DataFrame:
    """The Assistant's row at a checkpoint in a frame ('own', 'reference'); empty if not placed."""
    here = (points.kind == "assistant") & (points.id == checkpoint) & (points.frame == space)
    return where(points, here)


def place_note(row: Any) -> str:
    """What the pointer is told of an assistant row's place; off the map is drawn hollow too."""
    return f"nearest cosine {row.cosine:.2f}" + (", off the map" if row.off_map else "")


def mixture_of(row: pd.Series) -> list[tuple[str, float]]:
    """(family id, weight) of an assistant row, largest first."""
    return [(str(f), float(w)) for f, w in json.loads(str(row["mixture"]) or "[]")]


def neighbours_of(points: pd.DataFrame, persona: str, checkpoint: str, space: str) -> list[str]:
    """Ids of the five nearest personas by centred cosine (not by distance on the map)."""
    if persona == ASSISTANT:
        row = assistant_points(points, checkpoint, space)
    else:
        row = where(points, (points.kind == "persona") & (points.id == persona))
    if row.empty:
        return []
    return list(dict.fromkeys(str(i) for i, _ in json.loads(row.iloc[0]["neighbours"] or "[]")))


def _assistant(g: Ground, at: pd.DataFrame, cast: Cast, ringed: bool) -> list[Any]:
    """Halo, ring of the mixture (in the kins' hues), star and its word."""
    p, f, row = g.palette, g.frame, at.iloc[0]
    base = alt.Chart(pd.DataFrame([{"px": row.px, "py": row.py}]))
    halo = base.mark_circle(size=1700, color=p.accent, opacity=0.13, aria=False)
    hollow = bool(row.off_map)
    star = base.mark_point(
        shape=STAR,
        size=330,
        filled=True,
        fill=p.paper if hollow else p.accent,
        stroke=p.accent if hollow else p.paper,
        strokeWidth=1.8 if hollow else 1,
        opacity=1,
        aria=False,
    )
    text = "Assistant, off the map" if hollow else "Assistant"
    place, align = g.put_near(row.px, row.py, text, SELECTED, 27)
    word = alt.Chart(pd.DataFrame([place])).encode(**xy(f), text="text:N")
    return [
        halo.encode(**xy(f)),
        *(_ring(g, row, cast) if ringed else []),
        star.encode(**xy(f)),
        *haloed(word, p, p.accent, SELECTED, {"align": align}),
    ]


def _ring(g: Ground, row: pd.Series, cast: Cast) -> list[Any]:
    """The families that place the Assistant, as a ring about its star."""
    colours, turn, ring = family_colours(cast, g.palette), 0.0, []
    for family, weight in mixture_of(row):
        end, colour = turn + 2 * math.pi * weight, colours.get(family, g.palette.other)
        ring.append({"px": row.px, "py": row.py, "a": turn, "b": end, "colour": colour})
        turn = end
    if not ring:
        return []
    arcs = alt.Chart(pd.DataFrame(ring)).mark_arc(
        innerRadius=19, outerRadius=22.5, padAngle=0.05, aria=False
    )
    turned = {"theta": alt.Theta("a:Q", scale=None, stack=None), "theta2": alt.Theta2("b:Q")}
    return [arcs.encode(**xy(g.frame), **turned, color=own("colour"))]


def _cloud(g: Ground, cloud: pd.DataFrame) -> list[Any]:
    """The Assistant's vectors question by question."""
    if cloud.empty:
        return []
    dots = alt.Chart(cloud[["px", "py"]]).mark_circle(
        size=26, color=g.palette.accent, opacity=0.16, aria=False
    )
    return [dots.encode(**xy(g.frame))]


def _selected(g: Ground, points: pd.DataFrame, persona: str) -> list[Any]:
    """Ring and name of the chosen persona, and thin lines to its five nearest."""
    p, f = g.palette, g.frame
    row = g.personas[g.personas.id == persona]
    if row.empty:
        return []
    r = row.iloc[0]
    near = g.personas[g.personas.id.isin(neighbours_of(points, persona, "", ""))]
    layers: list[Any] = []
    if len(near):
        lines = near.assign(qx=r.px, qy=r.py)[["px", "py", "qx", "qy"]]
        rules = alt.Chart(lines).mark_rule(color=p.ink, opacity=0.45, strokeWidth=1, aria=False)
        layers.append(rules.encode(**xy(f), x2="qx:Q", y2="qy:Q"))
    return layers + chosen_persona(g, persona)


def chosen_persona(g: Ground, persona: str) -> list[Any]:
    """Ring and name of the chosen persona."""
    p, f = g.palette, g.frame
    row = g.personas[g.personas.id == persona]
    if row.empty:
        return []
    r = row.iloc[0]
    one = alt.Chart(pd.DataFrame([{"px": r.px, "py": r.py, "text": r.label}]))
    style: dict[str, Any] = {"filled": False, "opacity": 1, "aria": False}
    ring = one.mark_point(size=240, stroke=p.ink, strokeWidth=1.6, **style)
    below = f.to_px(r.px, r.py)[1] < 40
    word = one.encode(**xy(f), text="text:N")
    return [ring.encode(**xy(f)), *haloed(word, p, p.ink, SELECTED, {"dy": 17 if below else -17})]


def targets(g: Ground) -> Any:
    """The invisible layer on top that answers to the pointer: hover words and the click."""
    click = alt.selection_point(
        name=CLICK, fields=["id"], on="click[!event.shiftKey]", toggle=False
    )
    return target_marks(g).add_params(click)


def target_marks(g: Ground) -> Any:
    """The same without the click: marks with hover words, a sentence each, since a browser makes
    all that is said of every mark anew in each frame of a drag. For the same reason its words are
    read as they are: an encoding would ask of each whether it is a list, and whether there is one.
    """
    rows = pd.DataFrame(g.targets).assign(said=[place(row) for row in g.targets])
    words = alt.ExprRef("datum.said")
    # Wider than the mark: a small mark is hard to hit with a finger or an unsteady hand.
    style = {"size": 260, "opacity": 0, "cursor": "pointer", "filled": True}
    marks = alt.Chart(rows).mark_point(**style, tooltip=words, description=words)
    return marks.encode(**xy(g.frame), detail="id:N")


DRAG = "[pointerdown[{}event.shiftKey], window:pointerup] > window:pointermove!"


def zoom() -> Any:
    """Pan by dragging, zoom by Ctrl + wheel, so that a plain wheel still scrolls the page."""
    return alt.selection_interval(
        name="view",
        bind="scales",
        zoom="wheel![event.ctrlKey || event.metaKey]",
        translate=DRAG.format("!"),
    )


def gestures(p: Palette) -> list[Any]:
    """Those of `zoom`, and an area by dragging with Shift held."""
    area = alt.selection_interval(
        name=AREA,
        encodings=["x", "y"],
        on=DRAG.format(""),
        translate=False,
        zoom=False,
        mark=alt.BrushConfig(fill=p.ink, fillOpacity=0.07, stroke=p.ink, strokeDash=[4, 3]),
    )
    return [zoom(), area]


def cast_map(
    points: pd.DataFrame,
    cast: Cast,
    checkpoint: str,
    view: MapView,
    p: Palette,
    size: tuple[int | None, int] = (None, HEIGHT),
) -> Any:
    """The map of one checkpoint. `size` (None, h) lets the page choose the width.

    With an overlay colour means its number; the Assistant's ring, whose hues mean kin, is left
    out.
    """
    at = coordinates(points, view.projection)
    star = assistant_points(at, checkpoint, view.space)
    cloud = where(at, (at.kind == "cloud") & (at.id == checkpoint) & (at.frame == view.space))
    kept_free = [Reserved(float(r.px), float(r.py), 26.0, "Assistant") for r in each(star.head(1))]
    # The overlay's legend stands below the map, inside the figure's height.
    nominal = laid_out(size, LEGEND if view.overlay is not None else 0)
    also = columns(pd.concat([star, cloud]), ["px", "py"])
    g = ground(points, cast, view, p, nominal, also, kept_free)
    layers = [*g.layers]
    if view.selected != ASSISTANT:
        layers += _selected(g, points, view.selected)
    if len(star):
        row = star.iloc[0]
        layers += _cloud(g, cloud) + _assistant(g, star, cast, ringed=view.overlay is None)
        g.targets.append(
            {"id": ASSISTANT, "px": row.px, "py": row.py, "label": "Assistant"}
            | {"note": place_note(row), "family": f"at {checkpoint}", "kin": ""}
        )
    layers.append(targets(g).add_params(*gestures(p)))
    chart = alt.layer(*layers)
    if view.overlay is not None:
        chart = chart.resolve_scale(color="independent")  # The overlay's scale has a legend.
    return finish(chart, p, size[1], size[0])


def map_table(points: pd.DataFrame, cast: Cast, checkpoint: str, view: MapView) -> pd.DataFrame:
    """What the map shows, as a table: one row a persona, the Assistant first."""
    at = coordinates(points, view.projection)
    star = assistant_points(at, checkpoint, view.space)
    people = where(at, at.kind == "persona")
    family = {g.id: g.name for g in cast.families}
    name = {q.id: q.name for q in cast.all}
    home = {q.id: family.get(q.family, "") for q in cast.all}

    def words(row: Any) -> str:
        return ", ".join(name.get(str(i), str(i)) for i, _ in json.loads(row.neighbours or "[]"))

    rows = [
        {
            "who": "Assistant" if r.kind == "assistant" else name[r.id],
            "family": "" if r.kind == "assistant" else home[r.id],
            "x": round(r.px, 3),
            "y": round(r.py, 3),
            "off the map": bool(r.off_map),
            "nearest cosine": round(r.cosine, 3),
            "neighbours kept": r.recall,
            "five nearest by cosine": words(r),
        }
        for r in each(pd.concat([star, people]))
    ]
    out = pd.DataFrame(rows)
    if view.overlay is not None:
        ids = ["", *people.id] if len(star) else list(people.id)
        out = out.assign(**view.overlay.columns(ids))
    return out
