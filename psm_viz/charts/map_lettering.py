"""The words on the ground of a map: families, personas that must be named, the rest where it fits.

Each function takes the places of the words it sets, so that those set later keep off them.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import each
from psm_viz.charts.label_placement import Frame, Places, beside, frame, near, nudged
from psm_viz.charts.map_plane import haloed, own, xy
from psm_viz.charts.palette import Palette, readable

NAME, MUST, KIN = 10.5, 12.5, 15
"""Type size of a persona's name, of one that must stand, and of a kin on a narrow drawing."""
NARROW, PHONE = 520, (324, 257)
"""Pixels: a drawing narrower than this names kins alone; width and height they are placed for."""


def _where(f: Frame, wide: bool) -> Any:
    """Opacity of what only a wide or only a narrow drawing shows."""
    if f.fixed:
        return float((f.width >= NARROW) == wide)
    return alt.ExprRef(f"width < {NARROW} ? {int(not wide)} : {int(wide)}")


def names_that_must_stand(people: pd.DataFrame, f: Frame, p: Palette, places: Places) -> list[Any]:
    """Dark and bold names, off other words.

    A name that found no room beside its mark is joined to it by a thin line.
    """
    layers: list[Any] = []
    for r in each(people):
        x, y = f.to_px(r.px, r.py)
        held = [*places.words, *places.later]
        taken = [*places.marks, *held]
        free = (beside(x, y, r.label, MUST, taken, places.room, gap) for gap in (9, 20, 32, 44))
        spot = next((s for s in free if s), None) or near(
            x, y, r.label, MUST, taken, held, places.room, 9
        )
        places.hold(spot[0], spot[1], r.label, MUST, spot[2])
        mx, my = f.to_map(spot[0], spot[1])
        word = alt.Chart(pd.DataFrame([{"px": mx, "py": my, "text": r.label}])).encode(
            **xy(f), text="text:N"
        )
        if math.dist(spot[:2], (x, y)) > 18:
            line = pd.DataFrame([{"px": r.px, "py": r.py, "qx": mx, "qy": my}])
            rule = alt.Chart(line).mark_rule(color=p.ink, strokeWidth=0.8, aria=False)
            layers.append(rule.encode(**xy(f), x2="qx:Q", y2="qy:Q"))
        layers += haloed(word, p, p.ink, MUST, {"align": spot[2]}, edge=3)
    return layers


def family_names(
    people: pd.DataFrame, f: Frame, p: Palette, places: Places, *, edge: float = 0
) -> list[Any]:
    """Family names, large and in their kin's hue, each near the middle of its family; with an
    `edge` of paper about the letters (pixels) where they stand over dots."""
    size = 17 if people.family.nunique() <= 12 else 15
    rows = []
    # Larger families first: they have less choice of place. Marks may lie under a name, words not.
    for _, group in sorted(people.groupby("family"), key=lambda g: -len(g[1])):
        x, y = f.to_px(float(group.px.median()), float(group.py.median()))
        text = str(group.family_name.iloc[0])
        words = [*places.words, *places.later]
        x, y = nudged(x, y - 14, text, size, words, places.marks, places.room)
        places.hold(x, y, text, size)
        mx, my = f.to_map(x, y)
        colour = readable(str(group.colour.iloc[0]), p)
        rows.append({"px": mx, "py": my, "text": text, "colour": colour})
    return _lettering(rows, f, p, size, edge, _where(f, True))


def kin_names(
    people: pd.DataFrame,
    f: Frame,
    p: Palette,
    *,
    edge: float = 0,
    places: Places | None = None,
) -> list[Any]:
    """The kins' names by their first words, near the middle of their personas, where a drawing is
    too narrow for the families'. `places` are its own where it is known to be; else those of a
    phone."""
    narrow, rows = f, []
    if places is None:
        narrow = frame(list(people.px), list(people.py), *PHONE)
        places = Places(PHONE)
    for name, group in sorted(people.groupby("kin_name"), key=lambda g: -len(g[1])):
        text = str(name).split(" and ")[0]
        x, y = narrow.to_px(float(group.px.median()), float(group.py.median()))
        words = [*places.words, *places.later]
        x, y = nudged(x, y, text, KIN, words, places.marks, places.room)
        places.hold(x, y, text, KIN)
        mx, my = narrow.to_map(x, y)
        colour = readable(str(group.colour.iloc[0]), p)
        rows.append({"px": mx, "py": my, "text": text, "colour": colour})
    return _lettering(rows, f, p, KIN, edge, _where(f, False))


def _lettering(
    rows: list[dict[str, Any]], f: Frame, p: Palette, size: float, edge: float, shown: Any
) -> list[Any]:
    """Words in the hues of their rows (px, py, text, colour), with an edge of paper or without."""
    words = alt.Chart(pd.DataFrame(rows)).encode(**xy(f), text="text:N")
    style = {"fontSize": size, "fontWeight": 600, "aria": False, "opacity": shown}
    about = words.mark_text(color=p.paper, stroke=p.paper, strokeWidth=edge, **style)
    letters = words.mark_text(stroke=None, **style).encode(color=own("colour"))
    return [about, letters] if edge else [letters]


def names_with_room(people: pd.DataFrame, f: Frame, p: Palette, places: Places) -> list[Any]:
    """Persona names beside their marks, only where nothing else is."""
    sides: dict[Any, list[dict[str, Any]]] = {}
    for r in each(people):
        x, y = f.to_px(r.px, r.py)
        spot = beside(x, y, r.label, NAME, [*places.taken, *places.later], places.room)
        if spot is None:
            continue
        places.hold(spot[0], spot[1], r.label, NAME, spot[2])
        mx, my = f.to_map(spot[0], spot[1])
        sides.setdefault(spot[2], []).append({"px": mx, "py": my, "text": r.label})
    return [
        alt.Chart(pd.DataFrame(rows))
        .mark_text(align=align, fontSize=NAME, color=p.soft, opacity=_where(f, True), aria=False)
        .encode(**xy(f), text="text:N")
        for align, rows in sides.items()
    ]
