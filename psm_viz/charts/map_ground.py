"""The ground of every map: the cast on a frame of equal scales, with its lettering.

Input is the points frame of a stored map (columns kind, id, frame, x, y, pca_x, pca_y, cosine,
off_map, recall, neighbours, mixture). Coordinates have no unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.evidence_colour import Overlay, shade
from psm_viz.charts.frames import each, where
from psm_viz.charts.label_placement import Box, Frame, beside, frame, near, nudged, text_box
from psm_viz.charts.palette import Palette, family_colours, family_shapes
from psm_viz.study.cast import Cast

PROJECTIONS = {"UMAP": ("x", "y"), "PCA": ("pca_x", "pca_y")}
WIDTH, HEIGHT = 800, 500


@dataclass
class Ground:
    """The cast drawn on a frame: what every figure over the map starts from."""

    frame: Frame
    layers: list[Any]
    taken: list[Box]
    words: list[Box]
    """Of the taken boxes those that hold words: a word may cover a mark, never a word."""
    personas: pd.DataFrame
    palette: Palette
    targets: list[dict[str, Any]] = field(default_factory=list)
    """Rows for the invisible layer that answers to the pointer: id, x, y, label, family, note."""

    @property
    def room(self) -> tuple[int, int]:
        """Width and height of the drawing in pixels."""
        return (self.frame.width, self.frame.height)


def coordinates(points: pd.DataFrame, projection: str) -> pd.DataFrame:
    """The points with `px`, `py` in the chosen projection."""
    x, y = PROJECTIONS[projection]
    return points.assign(px=points[x], py=points[y])


def xy(f: Frame, x: str = "px", y: str = "py") -> dict[str, Any]:
    """Position channels at equal scales: the domain follows the drawn width and height."""
    wide = f"max({f.span_x!r}, {f.span_y!r} * width / height) / 2"
    high = f"max({f.span_y!r}, {f.span_x!r} * height / width) / 2"

    def scale(centre: float, half: str) -> alt.Scale:
        ends = [{"expr": f"{centre!r} - {half}"}, {"expr": f"{centre!r} + {half}"}]
        return alt.Scale(domain=ends, nice=False, zero=False)

    return {
        "x": alt.X(f"{x}:Q", axis=None, scale=scale(f.cx, wide)),
        "y": alt.Y(f"{y}:Q", axis=None, scale=scale(f.cy, high)),
    }


def own(channel: str) -> Any:
    """A colour, shape, ... that a column holds as it is drawn."""
    kind = {"colour": alt.Color, "shape": alt.Shape, "opacity": alt.Opacity}[channel]
    return kind(f"{channel}:N" if channel != "opacity" else f"{channel}:Q", scale=None, legend=None)


def ground(
    points: pd.DataFrame,
    cast: Cast,
    projection: str,
    p: Palette,
    blocks: bool = False,
    fade: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    also: pd.DataFrame | None = None,
    names: bool = True,
    skip: str = "",
    reserved: list[tuple[float, float, float, str]] | None = None,
    overlay: Overlay | None = None,
) -> Ground:
    """Draw the cast: blocks if wished, family lettering, marks, names where there is room.

    `also` holds further points (px, py) that must fit in. `reserved` keeps words off places:
    (x, y, radius in px, a word right of it); `skip` is a persona named elsewhere. `fade` pales
    personas that the map places badly (kNN recall). An `overlay` takes the colour, its first
    personas are named; kin are then told by place and lettering, families by shape.
    """
    at = coordinates(points, projection)
    people = where(at, at.kind == "persona").copy()
    every = [people, where(at, at.kind == "block")] if blocks else [people]
    every += [also] if also is not None and len(also) else []
    xs = [float(v) for d in every for v in d.px]
    ys = [float(v) for d in every for v in d.py]
    f = frame(xs, ys, *size)
    colours, shapes = family_colours(cast, p), family_shapes(cast)
    who = {q.id: q for q in cast.personas}
    family = {g.id: g for g in cast.families}
    people["family"] = [who[i].family for i in people.id]
    people["label"] = [who[i].name for i in people.id]
    people["family_name"] = [family[i].name for i in people.family]
    people["kin_name"] = [cast.kins.get(family[i].kin, "") for i in people.family]
    people["colour"] = [p.soft if overlay else colours[i] for i in people.family]
    people["shape"] = [shapes[i] for i in people.family]
    recall = people.recall.fillna(1.0)
    people["opacity"] = 0.2 + 0.7 * recall if fade else 0.9

    layers: list[Any] = []
    if blocks:
        b = where(at, at.kind == "block")
        b = b.assign(colour=[p.soft if overlay else colours[who[i].family] for i in b.id])
        layers.append(
            alt.Chart(b[["px", "py", "colour"]])
            .mark_circle(size=7, opacity=0.28, aria=False)
            .encode(**xy(f), color=own("colour"))
        )
    centres = [f.to_px(x, y) for x, y in zip(people.px, people.py, strict=True)]
    held: list[Box] = []
    kept: list[Box] = []  # For words drawn later by the caller.
    marks: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in centres]
    for x, y, r, word in reserved or []:
        ax, ay = f.to_px(x, y)
        held.append((ax - r, ay - r, ax + r, ay + r))
        if word:
            kept.append(text_box(ax + r, ay, word, 14, "left"))
    chosen = where(people, people.id == skip)
    if len(chosen):
        # The chosen one's name is drawn later, larger, above its mark.
        ax, ay = f.to_px(float(chosen.iloc[0].px), float(chosen.iloc[0].py))
        held.append((ax - 11, ay - 11, ax + 11, ay + 11))
        held.append(text_box(ax, ay - 17, str(chosen.iloc[0].label), 14))
    words = [*held, *kept]
    # The names that must stand choose their places first, the lettering moves out of their way.
    first = where(people, people.id.isin(overlay.top) & (people.id != skip)) if overlay else None
    named = [] if first is None else _named(first, f, p, marks, words)
    held += words[len(held) + len(kept) :]
    words = [*held, *kept]
    taken = [*marks, *held]
    layers.append(_lettering(people, f, p, marks, words))
    taken += words[len(held) + len(kept) :]
    layers += _marks(people, f, p, overlay)
    layers += named
    if names:
        skipped = [skip, *(overlay.top if overlay else [])]
        layers += _names(where(people, ~people.id.isin(skipped)), f, p, taken, kept)
    spoken = [w for w in taken if w not in marks]
    g = Ground(f, layers, taken, spoken, people, p)
    g.targets = [
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
    return g


def _note(row: Any, overlay: Overlay | None) -> str:
    """Words for the pointer: how readily, or how well it is placed."""
    if overlay:
        return overlay.notes.get(str(row.id), "not asked")
    return "" if math.isnan(row.recall) else f"{row.recall:.2f} of its neighbours kept"


def _marks(people: pd.DataFrame, f: Frame, p: Palette, overlay: Overlay | None) -> list[Any]:
    """The cast's marks, in the hue of their kin or of the overlay."""
    style: dict[str, Any] = {"filled": True, "size": 58, "strokeWidth": 0.7, "aria": False}
    outlined: dict[str, Any] = {**style, "size": 84, "stroke": p.soft}
    kept = ["px", "py", "colour", "shape", "opacity"]
    if overlay is None:
        base = alt.Chart(people[kept]).mark_point(stroke=p.paper, **style)
        return [
            base.encode(**xy(f), color=own("colour"), shape=own("shape"), opacity=own("opacity"))
        ]
    values = overlay.values
    shaded = people.assign(relative=[values.get(str(i), math.nan) for i in people.id])
    # An outline keeps the shape readable where the scale comes near the ground's colour.
    base = alt.Chart(shaded.dropna(subset=["relative"])[[*kept, "relative"]])
    layers = [
        base.mark_point(**outlined).encode(
            **xy(f), color=shade(overlay, p), shape=own("shape"), opacity=own("opacity")
        )
    ]
    unasked = where(shaded, shaded.relative.isna())
    if len(unasked):
        hollow = alt.Chart(unasked[kept]).mark_point(fill=p.paper, stroke=p.soft, **style)
        layers.append(hollow.encode(**xy(f), shape=own("shape"), opacity=own("opacity")))
    return layers


def _named(
    people: pd.DataFrame, f: Frame, p: Palette, marks: list[Box], words: list[Box]
) -> list[Any]:
    """Names that must stand: dark and bold, off other words, added to `words`.

    A name that found no room beside its mark is joined to it by a thin line.
    """
    layers: list[Any] = []
    for r in each(people):
        x, y = f.to_px(r.px, r.py)
        room, taken = (f.width, f.height), [*marks, *words]
        free = (beside(x, y, r.label, 12.5, taken, room, gap) for gap in (9, 20, 32, 44))
        spot = next((s for s in free if s), None) or near(
            x, y, r.label, 12.5, taken, words, room, 9
        )
        words.append(text_box(spot[0], spot[1], r.label, 12.5, spot[2]))
        mx, my = f.to_map(spot[0], spot[1])
        word = alt.Chart(pd.DataFrame([{"px": mx, "py": my, "text": r.label}])).encode(
            **xy(f), text="text:N"
        )
        if math.dist(spot[:2], (x, y)) > 18:
            line = pd.DataFrame([{"px": r.px, "py": r.py, "qx": mx, "qy": my}])
            rule = alt.Chart(line).mark_rule(color=p.ink, strokeWidth=0.8, aria=False)
            layers.append(rule.encode(**xy(f), x2="qx:Q", y2="qy:Q"))
        style: dict[str, Any] = {
            "fontSize": 12.5,
            "fontWeight": 700,
            "align": spot[2],
            "aria": False,
        }
        layers.append(word.mark_text(stroke=p.paper, strokeWidth=3, color=p.paper, **style))
        layers.append(word.mark_text(color=p.ink, **style))
    return layers


def _lettering(
    people: pd.DataFrame, f: Frame, p: Palette, marks: list[Box], words: list[Box]
) -> Any:
    """Family names, large and pale, each near the middle of its family; added to `words`."""
    size = 17 if people.family.nunique() <= 12 else 15
    rows = []
    # Larger families first: they have less choice of place. Marks may lie under a name, words not.
    for _, group in sorted(people.groupby("family"), key=lambda g: -len(g[1])):
        x, y = f.to_px(float(group.px.median()), float(group.py.median()))
        text = str(group.family_name.iloc[0])
        x, y = nudged(x, y - 14, text, size, words, marks, (f.width, f.height))
        words.append(text_box(x, y, text, size))
        mx, my = f.to_map(x, y)
        rows.append({"px": mx, "py": my, "text": text, "colour": group.colour.iloc[0]})
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_text(fontSize=size, fontWeight=700, opacity=p.lettering, aria=False)
        .encode(**xy(f), text="text:N", color=own("colour"))
    )


def _names(
    people: pd.DataFrame, f: Frame, p: Palette, taken: list[Box], kept: list[Box]
) -> list[Any]:
    """Persona names beside their marks, only where nothing else is."""
    sides: dict[Any, list[dict[str, Any]]] = {}
    for r in each(people):
        x, y = f.to_px(r.px, r.py)
        spot = beside(x, y, r.label, 10.5, [*taken, *kept], (f.width, f.height))
        if spot is None:
            continue
        taken.append(text_box(spot[0], spot[1], r.label, 10.5, spot[2]))
        mx, my = f.to_map(spot[0], spot[1])
        sides.setdefault(spot[2], []).append({"px": mx, "py": my, "text": r.label})
    return [
        alt.Chart(pd.DataFrame(rows))
        .mark_text(align=align, fontSize=10.5, color=p.soft, opacity=0.9, aria=False)
        .encode(**xy(f), text="text:N")
        for align, rows in sides.items()
    ]
