"""The ground of every map: the cast on a frame of equal scales, with its lettering.

Input is the points frame of a stored map (columns kind, id, frame, x, y, pca_x, pca_y, cosine,
off_map, recall, neighbours, mixture). Coordinates have no unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import each, where
from psm_viz.charts.label_placement import Box, Frame, Places, frame, text_box
from psm_viz.charts.map_lettering import (
    NARROW,
    family_names,
    kin_names,
    names_that_must_stand,
    names_with_room,
)
from psm_viz.charts.map_plane import Area, cloud, coordinates, own, xy
from psm_viz.charts.overlay import Overlay, shade
from psm_viz.charts.palette import Palette, family_colours, family_shapes
from psm_viz.study.cast import ASSISTANT, Cast

WIDTH, HEIGHT = 800, 500
LAPTOP = 400
"""Height of a map in a window of 1280 x 720, below the finding above it."""
BLOCKS, LAND = {"size": 7, "opacity": 0.28}, {"size": 22, "opacity": 0.4}
"""Dots behind the cast: a detail of a map of personas, or the land of a map of talks."""
EDGE = 3.5
"""Paper about the lettering of a land, in pixels."""
SELECTED = 14
"""Type size of the chosen persona's name, and of the Assistant's."""


@dataclass(frozen=True)
class MapView:
    """How the reader looks at a stored map."""

    projection: str = "UMAP"
    space: str = "own"
    """What the Assistant is centred on: the mean of its 'own' cast or of the 'reference'."""
    selected: str = ASSISTANT
    """The chosen persona: ringed, named, joined to its five nearest."""
    blocks: bool = False
    """Whether the blocks of questions that the map was made of are drawn behind the cast."""
    land: bool = False
    """Whether those dots are what the map is of, and the personas but their middles."""
    fade: bool = False
    """Whether personas that the map places badly (kNN recall) are pale."""
    fixed: bool = False
    """Whether it is drawn as large as it is laid out, as one of several side by side."""
    zoom: float = 1.0
    """So many times closer than the whole map, about the chosen persona."""
    area: Area | None = None
    """What the reader marked: outlined."""
    overlay: Overlay | None = None
    """What takes the colour in the place of kin. The personas it names must be named."""


def part_words(view: MapView) -> str:
    """The caption's part where a map is not shown whole."""
    return f"A part of the map, {view.zoom:g} times closer. " if view.zoom > 1 else ""


def as_drawn(view: MapView, width: int | None) -> MapView:
    """The view as a page shows it (`width` is None); in a file nothing is outlined, since what is
    listed beside the map does not go with it."""
    return view if width is None else replace(view, area=None)


@dataclass(frozen=True)
class Reserved:
    """A place that words keep off: a mark that is drawn later, in map units."""

    x: float
    y: float
    radius: float
    """In pixels."""
    word: str = ""
    """What will stand right of it."""


@dataclass
class Ground:
    """The cast drawn on a frame: what every figure over the map starts from."""

    frame: Frame
    layers: list[Any]
    over: list[Any]
    """What is drawn over whatever the figure adds: the land's lettering."""
    places: Places
    personas: pd.DataFrame
    palette: Palette
    targets: list[dict[str, Any]]
    """Rows for the invisible layer that answers to the pointer: id, x, y, label, family, note."""

    def put_near(
        self, px: float, py: float, text: str, size: float, gap: float
    ) -> tuple[dict[str, Any], str]:
        """Put a word near a place in map units: its row (px, py, text) and its alignment."""
        x, y, align = self.places.put_near(*self.frame.to_px(px, py), text, size, gap)
        mx, my = self.frame.to_map(x, y)
        return {"px": mx, "py": my, "text": text}, align


def laid_out(size: tuple[int | None, int], legend: int = 0) -> tuple[int, int]:
    """The drawing that words are placed for: a file's, or, where a page chooses the width, that of
    a small window, since words that keep apart there do so in any larger one. `legend`: pixels."""
    if size[0] is None:
        return WIDTH, min(LAPTOP, size[1]) - legend
    return size[0], size[1] - legend


def ground(
    points: pd.DataFrame,
    cast: Cast,
    view: MapView,
    p: Palette,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    also: pd.DataFrame | None = None,
    reserved: Sequence[Reserved] = (),
    names: bool = True,
) -> Ground:
    """Draw the cast: blocks if wished, family lettering, marks, names where there is room.

    `also` holds further points (px, py) that must fit in; `reserved` keeps words off places.
    """
    at = coordinates(points, view.projection)
    people = _people(where(at, at.kind == "persona"), cast, view, p)
    blocks = where(at, at.kind == "block") if view.blocks else at.head(0)
    every = [f for f in (people, blocks, also) if f is not None]
    f = frame(
        [float(v) for d in every for v in d.px], [float(v) for d in every for v in d.py], *size
    )
    f = _closer(replace(f, fixed=view.fixed), people, also, view)
    places = _places(people, f, view.selected, reserved)
    # what is drawn later is no place for a name either
    places.marks += [_about(*f.to_px(r.px, r.py)) for r in each(also)] if also is not None else []
    top = view.overlay.named if view.overlay else ()
    # The names that must stand choose their places first, the lettering moves out of their way.
    first = where(people, people.id.isin(top) & (people.id != view.selected))
    named = names_that_must_stand(first, f, p, places)
    edge = EDGE if view.land else 0
    drawn_narrow = f.width < NARROW  # a page of unknown width has the lettering of both
    if drawn_narrow:
        letters = kin_names(people, f, p, edge=edge, places=places)
    else:
        letters = family_names(people, f, p, places, edge=edge) + kin_names(people, f, p, edge=edge)
    layers = _outline(view.area, f, p) if view.area else []
    layers += _blocks(blocks, cast, f, p, view) if view.blocks else []
    # over land the lettering comes last, since dots will lie there
    layers += [] if view.land else letters
    layers += [*_marks(people, f, p, view), *named]
    if names and not drawn_narrow:
        rest = where(people, ~people.id.isin([view.selected, *top]))
        layers += names_with_room(rest, f, p, places)
    over = letters if view.land else []
    return Ground(f, layers, over, places, people, p, _targets(people, view.overlay))


def _closer(f: Frame, people: pd.DataFrame, also: pd.DataFrame | None, view: MapView) -> Frame:
    """The frame of a part of the map: about the chosen persona, or about what is the Assistant's
    (`also`)."""
    chosen = where(people, people.id == view.selected)
    about = chosen if len(chosen) else also
    if view.zoom <= 1 or about is None or about.empty:
        return f
    spans = {"span_x": f.span_x / view.zoom, "span_y": f.span_y / view.zoom}
    return replace(f, cx=float(about.px.median()), cy=float(about.py.median()), **spans)


def _outline(area: Area, f: Frame, p: Palette) -> list[Any]:
    """The area that is marked."""
    ends = {"px": area.left, "qx": area.right, "py": area.bottom, "qy": area.top}
    box = alt.Chart(pd.DataFrame([ends])).mark_rect(
        fill=p.ink, fillOpacity=0.05, stroke=p.ink, strokeDash=[4, 3], clip=True, aria=False
    )
    return [box.encode(**xy(f), x2="qx:Q", y2="qy:Q")]


def _people(rows: pd.DataFrame, cast: Cast, view: MapView, p: Palette) -> pd.DataFrame:
    """The personas of a map with their names, and with colour, shape and opacity of their marks."""
    colours, shapes = family_colours(cast, p), family_shapes(cast)
    who = {q.id: q for q in cast.personas}
    home = [cast.family(who[i].family) for i in rows.id]
    return rows.assign(
        family=[g.id for g in home],
        label=[who[i].name for i in rows.id],
        family_name=[g.name for g in home],
        kin_name=[cast.kins.get(g.kin, "") for g in home],
        colour=[p.soft if view.overlay else colours[g.id] for g in home],
        shape=[shapes[g.id] for g in home],
        opacity=0.2 + 0.7 * rows.recall.fillna(1.0) if view.fade else 0.9,
    )


def _places(people: pd.DataFrame, f: Frame, selected: str, reserved: Sequence[Reserved]) -> Places:
    """What is taken before any word is set."""
    centres = [f.to_px(x, y) for x, y in zip(people.px, people.py, strict=True)]
    places = Places((f.width, f.height), [_about(x, y) for x, y in centres])
    for spot in reserved:
        x, y, r = *f.to_px(spot.x, spot.y), spot.radius
        places.words.append((x - r, y - r, x + r, y + r))
        if spot.word:
            places.later.append(text_box(x + r, y, spot.word, SELECTED, "left"))
    for chosen in each(where(people, people.id == selected)):
        # Its name is drawn later, larger, above its mark.
        x, y = f.to_px(float(chosen.px), float(chosen.py))
        places.words.append((x - 11, y - 11, x + 11, y + 11))
        places.hold(x, y - 17, str(chosen.label), SELECTED)
    return places


def _about(x: float, y: float) -> Box:
    """The room of a mark."""
    return (x - 5, y - 5, x + 5, y + 5)


def _blocks(blocks: pd.DataFrame, cast: Cast, f: Frame, p: Palette, view: MapView) -> list[Any]:
    """The dots behind the cast in the hue of their persona's kin, or of the overlay where they are
    what the map is of."""
    style: dict[str, Any] = {**(LAND if view.land else BLOCKS), "clip": view.zoom > 1}
    if view.overlay and view.land:
        shaded = blocks.assign(value=[view.overlay.values.get(str(i), math.nan) for i in blocks.id])
        asked = where(shaded, shaded.value.notna())[["px", "py", "value"]]
        dots = alt.Chart(asked).mark_circle(**{**style, "opacity": 0.75, "aria": False})
        return [dots.encode(**xy(f), color=shade(view.overlay, p, told=False))]
    colours, family = family_colours(cast, p), {q.id: q.family for q in cast.personas}
    hues = [p.soft if view.overlay else colours[family[i]] for i in blocks.id]
    return [cloud(blocks.assign(colour=hues), f, **style)]


def _marks(people: pd.DataFrame, f: Frame, p: Palette, view: MapView) -> list[Any]:
    """The cast's marks, in the hue of their kin or of the overlay."""
    overlay, size = view.overlay, 30 if view.land else 58
    style: dict[str, Any] = {"filled": True, "size": size, "strokeWidth": 0.7}
    style |= {"aria": False, "clip": view.zoom > 1}
    outlined: dict[str, Any] = {**style, "size": 44 if view.land else 84, "stroke": p.soft}
    kept = ["px", "py", "colour", "shape", "opacity"]
    if overlay is None:
        base = alt.Chart(people[kept]).mark_point(stroke=p.paper, **style)
        return [
            base.encode(**xy(f), color=own("colour"), shape=own("shape"), opacity=own("opacity"))
        ]
    values = overlay.values
    shaded = people.assign(value=[values.get(str(i), math.nan) for i in people.id])
    # An outline keeps the shape readable where the scale comes near the ground's colour.
    base = alt.Chart(shaded.dropna(subset=["value"])[[*kept, "value"]])
    layers = [
        base.mark_point(**outlined).encode(
            **xy(f), color=shade(overlay, p), shape=own("shape"), opacity=own("opacity")
        )
    ]
    unasked = where(shaded, shaded.value.isna())
    if len(unasked):
        hollow = alt.Chart(unasked[kept]).mark_point(fill=p.paper, stroke=p.soft, **style)
        layers.append(hollow.encode(**xy(f), shape=own("shape"), opacity=own("opacity")))
    return layers


def _targets(people: pd.DataFrame, overlay: Overlay | None) -> list[dict[str, Any]]:
    """What the pointer is told of each persona."""
    return [
        {
            "id": r.id,
            "px": r.px,
            "py": r.py,
            "label": r.label,
            "family": r.family_name,
            "kin": r.kin_name,
            "note": _note(r, overlay),
        }
        for r in each(people)
    ]


def _note(row: Any, overlay: Overlay | None) -> str:
    """Words for the pointer: its number, or how well it is placed."""
    if overlay:
        return overlay.notes.get(str(row.id), "not asked")
    return "" if math.isnan(row.recall) else f"{row.recall:.2f} of its neighbours kept"
