"""Two checkpoints side by side on the same land of talks, with one pointer for both.

Whatever is pointed at on one map, a talk of the Assistant or a persona, is lit on the other as
well; a click chooses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import columns
from psm_viz.charts.map_ground import Ground, MapView, ground
from psm_viz.charts.map_plane import coordinates, haloed, xy
from psm_viz.charts.palette import Palette, finish
from psm_viz.charts.persona_map import CLICK, chosen_persona, target_marks
from psm_viz.charts.talk_map import (
    DotStyle,
    at_once,
    dots_at,
    land,
    talk_dots,
    talk_ring,
    talk_targets,
)
from psm_viz.study.cast import ASSISTANT, Cast

WIDTH, HEIGHT, GAP = 582, 366, 26
"""Of one of the two maps in pixels, and between them."""
NARROW = 720
"""Pixels for both below which they stand under each other."""
POINTED = "pointed"
"""Name of the parameter that the pointer sets, on both maps."""
TARGETS = "targets"
"""Name of the layers that listen."""
DOTS = DotStyle(size=44, hollow=1.2, rim=0.7, opacity=0.8, ring=240)
LINE = 46
"""Letters of an answer that the pointer is told."""


def compare_map(
    points: pd.DataFrame,
    cast: Cast,
    checkpoints: tuple[str, str],
    view: MapView,
    p: Palette,
    chosen: int | None = None,
    said: Mapping[str, Mapping[int, str]] | None = None,
    width: int | None = None,
) -> Any:
    """Two maps of talks, one a checkpoint, linked by what is pointed at.

    `chosen` is a talk of the Assistant, ringed on both; `said`: checkpoint -> talk -> a line of it
    for the pointer. `width`, in pixels, is that of both; where it is narrow one stands below the
    other.
    """
    size, beside = _size(width)
    every = pd.concat([dots_at(points, c) for c in checkpoints])
    also = columns(coordinates(every, view.projection), ["px", "py"])
    sides = []
    for c in checkpoints:
        told = (said or {}).get(c, {})
        g, at = _ground(points, cast, c, (replace(view, fixed=True), p, size), also)
        g.targets += talk_targets(at, c, partial(_line_of, told))
        layers = [
            *g.layers,
            *talk_dots(g, at, DOTS, at.off_map),
            *g.over,
            *_chosen(g, at, chosen, view),
            *_pointed(g),
        ]
        layers.append(target_marks(g).properties(name=TARGETS))
        sides.append(_titled(alt.layer(*layers), c, p, size))
    both = (alt.hconcat if beside else alt.vconcat)(*sides, spacing=GAP)
    # each map's last layer listens; joining them has given it a name of its own
    joined = both.hconcat if beside else both.vconcat
    both.params = _shared([str(side.layer[-1].name) for side in joined])
    at_once(both, 2 * int((points.kind != ASSISTANT).sum()) + len(every))
    return finish(both, p, None)


def _size(width: int | None) -> tuple[tuple[int, int], bool]:
    """Of one of the maps, and whether they stand side by side."""
    if width is None or width >= 2 * WIDTH + GAP:
        return (WIDTH, HEIGHT), True
    beside = width >= NARROW
    own = (width - GAP) // 2 if beside else min(width, WIDTH)
    return (own, round(HEIGHT * own / WIDTH)), beside


def _shared(views: list[str]) -> list[Any]:
    """What the pointer and a click set, listened to in both maps and known to both."""
    pointed: dict[str, Any] = {"on": "pointerover", "clear": "pointerout"}
    clicked: dict[str, Any] = {"on": "click", "toggle": False}
    return [
        alt.TopLevelSelectionParameter(
            name=name,
            select=alt.PointSelectionConfig(type="point", fields=["id"], **how),
            views=views,
        )
        for name, how in ((POINTED, pointed), (CLICK, clicked))
    ]


def _ground(
    points: pd.DataFrame,
    cast: Cast,
    checkpoint: str,
    look: tuple[MapView, Palette, tuple[int, int]],
    also: pd.DataFrame,
) -> tuple[Ground, pd.DataFrame]:
    """The land, and the Assistant's talks at a checkpoint upon it."""
    view, p, size = look
    at = coordinates(dots_at(points, checkpoint), view.projection)
    seen = replace(view, blocks=True, land=True, fade=False)
    g = ground(land(points), cast, seen, p, size, also if len(also) else None)
    for row in g.targets:
        row["note"] = "the same place on both maps"
    return g, at


def _line_of(said: Mapping[int, str], row: Any) -> str:
    """The line of a talk that the pointer is told."""
    return said.get(int(row.talk), "")


def _titled(layers: Any, checkpoint: str, p: Palette, size: tuple[int, int]) -> Any:
    """A map with its checkpoint above it."""
    title = alt.TitleParams(
        checkpoint, anchor="start", fontSize=13, fontWeight=600, color=p.ink, offset=2
    )
    return layers.properties(width=size[0], height=size[1], title=title)


def _chosen(g: Ground, at: pd.DataFrame, chosen: int | None, view: MapView) -> list[Any]:
    """Rings about what was clicked."""
    layers = [] if view.selected == ASSISTANT else chosen_persona(g, view.selected)
    return layers + talk_ring(g, at, chosen, DOTS)


def _pointed(g: Ground) -> list[Any]:
    """The ring and the name of what is pointed at, on this map or on the other."""
    p = g.palette
    base = (
        alt.Chart(pd.DataFrame(g.targets)[["id", "px", "py", "label"]])
        .transform_filter({"param": POINTED, "empty": False})
        .encode(**xy(g.frame))
    )
    ring = base.mark_point(
        size=330, stroke=p.ink, strokeWidth=2.2, filled=False, opacity=1, aria=False
    )
    return [ring, *haloed(base.encode(text="label:N"), p, p.ink, 12.5, {"dy": -18})]


def first_lines(answers: pd.DataFrame) -> dict[int, str]:
    """Talk -> the end of it: its last answer, cut to a line."""
    last = answers.sort_values("turn").groupby("talk", observed=True).tail(1)
    return {
        int(t): s if len(s) <= LINE else s[: LINE - 1] + "\N{HORIZONTAL ELLIPSIS}"
        for t, s in zip(last.talk, last.text.astype(str), strict=True)
    }


def compare_table(points: pd.DataFrame, checkpoints: tuple[str, str]) -> pd.DataFrame:
    """Where each of the Assistant's talks lies at both checkpoints: talk, x and y at each."""
    sides = [
        dots_at(points, c).set_index("talk")[["x", "y"]].add_prefix(f"{which}: ")
        for which, c in zip(("first", "second"), checkpoints, strict=True)
    ]
    return pd.concat(sides, axis=1).round(3).sort_index().reset_index(names="talk")
