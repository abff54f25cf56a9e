"""The map of talks: the cast's talks are the land, the Assistant's talks its dots upon it.

Input is the table `talk_map` of a study (kind, checkpoint, persona, talk, x, y, pca_x, pca_y,
off_map, recall). Coordinates have no unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.map_ground import HEIGHT, Ground, MapView, ground, laid_out
from psm_viz.charts.map_plane import coordinates, xy
from psm_viz.charts.overlay import LEGEND, Overlay
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import chosen_persona, gestures, targets
from psm_viz.study.cast import ASSISTANT, Cast

TALK = "talk-"
"""What the id of a dot begins with, before the talk's number: personas may be clicked too."""

MANY = 2000
"""Dots from which a browser draws maps as one picture, so that they can be dragged smoothly; below
it every mark is told to who reads with the ears. As Streamlit does by rows, of which land has few.
"""


@dataclass(frozen=True)
class DotStyle:
    """How large the Assistant's talks are drawn: areas and widths of lines in pixels."""

    size: float
    hollow: float
    """Line of a hollow dot."""
    rim: float
    """Line about a full one."""
    opacity: float
    ring: float
    """About the chosen one."""


DOTS = DotStyle(size=54, hollow=1.4, rim=0.8, opacity=0.85, ring=260)


def talk_of(picked: str) -> int | None:
    """The number of a talk that was clicked, or None where something else was."""
    number = picked.removeprefix(TALK)
    return int(number) if picked.startswith(TALK) and number.isdigit() else None


def land(points: pd.DataFrame) -> pd.DataFrame:
    """The cast's talks and middles in the form of a stored map of personas."""
    own = where(points, points.kind != ASSISTANT)
    kind = own.kind.astype(str).replace({"talk": "block"})
    empty = {"frame": "", "cosine": float("nan"), "neighbours": "", "mixture": ""}
    return own.assign(kind=kind, id=own.persona.astype(str), **empty)


def dots_at(points: pd.DataFrame, checkpoint: str) -> pd.DataFrame:
    """The Assistant's talks at a checkpoint."""
    return where(points, (points.kind == ASSISTANT) & (points.checkpoint == checkpoint))


def talk_map(
    points: pd.DataFrame,
    cast: Cast,
    checkpoint: str,
    view: MapView,
    p: Palette,
    size: tuple[int | None, int] = (None, HEIGHT),
    chosen: int | None = None,
) -> Any:
    """The map of talks at one checkpoint; `chosen` is a talk of the Assistant, ringed."""
    at = coordinates(dots_at(points, checkpoint), view.projection)
    g = ground(
        land(points),
        cast,
        replace(view, blocks=True, land=True, fade=False),
        p,
        laid_out(size, LEGEND if view.overlay is not None else 0),
        columns(at, ["px", "py"]),
    )
    layers = [*g.layers, *talk_dots(g, at, DOTS, at.off_map), *g.over]
    layers += talk_ring(g, at, chosen, DOTS)
    if view.selected != ASSISTANT:
        layers += chosen_persona(g, view.selected)
    g.targets += talk_targets(
        at,
        checkpoint,
        lambda r: "like none of the cast's talks" if r.off_map else "click to read it",
    )
    layers.append(targets(g).add_params(*gestures(p)))
    chart = alt.layer(*layers)
    if view.overlay is not None:
        chart = chart.resolve_scale(color="independent")  # The overlay's scale has a legend.
    at_once(chart, int((points.kind != ASSISTANT).sum()) + len(at))
    return finish(chart, p, size[1], size[0])


def at_once(chart: Any, dots: int) -> None:
    """Have a chart of so many dots drawn as one picture where they are many."""
    if dots > MANY:
        chart.usermeta = {"embedOptions": {"renderer": "canvas"}}


def talk_dots(g: Ground, at: pd.DataFrame, style: DotStyle, empty: pd.Series) -> list[Any]:
    """A dot a talk, hollow where it is `empty`: near no talk of the cast, or whatever a caption
    says."""
    p = g.palette
    out: list[Any] = []
    for hollow in (False, True):
        own = where(at, empty.astype(bool) == hollow)
        if own.empty:
            continue
        dots = alt.Chart(own[["px", "py"]]).mark_circle(
            size=style.size,
            fill=p.paper if hollow else p.accent,
            stroke=p.accent if hollow else p.paper,
            strokeWidth=style.hollow if hollow else style.rim,
            opacity=style.opacity,
            aria=False,
        )
        out.append(dots.encode(**xy(g.frame)))
    return out


def talk_ring(g: Ground, at: pd.DataFrame, chosen: int | None, style: DotStyle) -> list[Any]:
    """A ring about the chosen talk, over the lettering too."""
    ringed = where(at, at.talk == chosen) if chosen is not None else at.head(0)
    if ringed.empty:
        return []
    ring = alt.Chart(ringed[["px", "py"]]).mark_point(
        size=style.ring, stroke=g.palette.ink, strokeWidth=1.8, filled=False, opacity=1, aria=False
    )
    return [ring.encode(**xy(g.frame))]


def talk_targets(
    at: pd.DataFrame, checkpoint: str, note: Callable[[Any], str]
) -> list[dict[str, Any]]:
    """What the pointer is told of each of the Assistant's talks; `note` says the last line of a
    row."""
    return [
        {
            "id": f"{TALK}{r.talk}",
            "px": r.px,
            "py": r.py,
            "label": f"Talk {r.talk} of the Assistant",
            "family": f"at {checkpoint}",
            "kin": "",
            "note": note(r),
        }
        for r in each(at)
    ]


def talk_table(
    points: pd.DataFrame, cast: Cast, checkpoint: str, overlay: Overlay | None = None
) -> pd.DataFrame:
    """What the map shows, as a table: the Assistant's talks, then the middles of the cast's."""
    name = {p.id: p.name for p in cast.all}
    family = {f.id: f.name for f in cast.families}
    home = {p.id: family.get(p.family, "") for p in cast.all}
    shown = pd.concat([dots_at(points, checkpoint), points[points.kind == "persona"]])
    rows = [
        {
            "who": name.get(str(r.persona), str(r.persona)),
            "family": home.get(str(r.persona), ""),
            "talk": int(r.talk) if r.kind == ASSISTANT else None,
            "x": round(float(r.x), 3),
            "y": round(float(r.y), 3),
            "like none of the cast's": bool(r.off_map),
        }
        for r in each(shown)
    ]
    more = overlay.columns([str(i) for i in shown.persona]) if overlay else {}
    return pd.DataFrame(rows).assign(**more)
