"""The Assistant's way over the map: one trail a branch, thin and pale towards the past.

Between saved checkpoints nothing was measured: those straight pieces are dotted. A branch is
told by its end-mark and a word beside it; hollow means off the map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.map_ground import HEIGHT, Ground, MapView, Reserved, ground
from psm_viz.charts.map_plane import coordinates, haloed, xy
from psm_viz.charts.palette import STAR, Palette, branch_marks, finish
from psm_viz.charts.persona_map import assistant_points, place_note
from psm_viz.charts.sentences import SAID, place
from psm_viz.study.cast import Cast
from psm_viz.study.manifest import Checkpoint

WIDTH = 640
WORD = 13
"""Type size of a branch's name."""


@dataclass(frozen=True)
class Course:
    """The branches that are followed, and how far."""

    branches: Mapping[str, Sequence[Checkpoint]]
    every: Sequence[str]
    """All branches of the study: an end-mark stays with its branch, whichever are shown."""
    reference: str
    """The checkpoint where the star stands."""
    now: int
    """The chosen step: trails end there, or earlier where their branch does."""


def trail_points(
    points: pd.DataFrame, branches: Mapping[str, Sequence[Checkpoint]], view: MapView
) -> pd.DataFrame:
    """The placed checkpoints of each branch, the branch point first.

    Columns: branch, order, checkpoint, step, px, py, off_map, cosine. Unplaced ones are left out.
    """
    at = coordinates(points, view.projection)
    rows = []
    for branch, saved in branches.items():
        for order, c in enumerate(saved):
            place = assistant_points(at, c.id, view.space)
            if place.empty:
                continue
            r = place.iloc[0]
            # The branch point belongs to another branch; here it is where this one starts.
            step = c.step if c.branch == branch else 0
            rows.append((branch, order, c.id, step, r.px, r.py, bool(r.off_map), float(r.cosine)))
    columns = ["branch", "order", "checkpoint", "step", "px", "py", "off_map", "cosine"]
    return pd.DataFrame(rows, columns=columns)


def trail_map(
    points: pd.DataFrame,
    cast: Cast,
    course: Course,
    view: MapView,
    p: Palette,
    size: tuple[int | None, int] = (None, HEIGHT),
) -> Any:
    """The map with the trails of the course's branches up to its step."""
    trails = trail_points(points, course.branches, view)
    at = coordinates(points, view.projection)
    star = assistant_points(at, course.reference, view.space).head(1)
    spots = [Reserved(float(r.px), float(r.py), 11.0) for r in each(trails)]
    spots += [Reserved(float(r.px), float(r.py), 18.0) for r in each(star)]
    also = columns(pd.concat([trails, star]), ["px", "py"])
    nominal = (size[0] or WIDTH, size[1])
    g = ground(points, cast, view, p, nominal, also, spots, names=False)
    layers: list[Any] = list(g.layers)
    for _, trail in trails.groupby("branch", sort=False):
        layers += _trail(g, where(trail, trail.step <= course.now))
    layers += _star(g, star, course.reference)
    layers += _ends(g, trails, course)
    tips = [
        alt.Tooltip(f"{c}:N", title=t)
        for c, t in (("label", "Who"), ("family", "Where"), ("note", "Map"))
    ]
    layers.append(
        alt.Chart(pd.DataFrame(g.targets).assign(said=[place(row) for row in g.targets]))
        .mark_circle(size=220, opacity=0)
        .encode(**xy(g.frame), tooltip=tips, description=SAID)
    )
    return finish(alt.layer(*layers), p, size[1], size[0])


def _pieces(trail: pd.DataFrame) -> pd.DataFrame:
    """Straight pieces with their age, 0 (oldest) to 1 (the last), as width and opacity."""
    own = trail.sort_values("order")
    rows = []
    for k in range(len(own) - 1):
        a, b = own.iloc[k], own.iloc[k + 1]
        age = (k + 1) / (len(own) - 1)
        rows.append((a.px, a.py, b.px, b.py, 0.25 + 0.65 * age, 1.0 + 1.8 * age))
    return pd.DataFrame(rows, columns=["px", "py", "qx", "qy", "opacity", "width"])


def _trail(g: Ground, trail: pd.DataFrame) -> list[Any]:
    """One branch's way: dotted pieces, and a dot at each saved checkpoint."""
    accent, place = g.palette.accent, xy(g.frame)
    layers: list[Any] = []
    pieces = _pieces(trail)
    if len(pieces):
        dotted = alt.Chart(pieces).mark_rule(
            color=accent, strokeDash=[0.5, 4], strokeCap="round", aria=False
        )
        layers.append(
            dotted.encode(
                **place,
                x2="qx:Q",
                y2="qy:Q",
                opacity=alt.Opacity("opacity:Q", scale=None),
                strokeWidth=alt.StrokeWidth("width:Q", scale=None),
            )
        )
    saved = alt.Chart(trail[["px", "py"]])
    dots = saved.mark_circle(size=22, color=accent, opacity=0.55, aria=False)
    return [*layers, dots.encode(**place)]


def _star(g: Ground, star: pd.DataFrame, reference: str) -> list[Any]:
    """The reference's Assistant, where it was placed: halo and star, no word on it."""
    if star.empty:
        return []
    p, r = g.palette, star.iloc[0]
    x, y = g.frame.to_px(r.px, r.py)
    g.places.marks.append((x - 16, y - 16, x + 16, y + 16))
    g.targets.append(
        {"px": r.px, "py": r.py, "label": "Assistant", "family": f"at {reference}"}
        | {"note": place_note(r), "id": reference}
    )
    own = {"shape": STAR, "size": 260, "fill": p.accent, "stroke": p.paper}
    return _glowing(g, r, (900, 0.13), own)


def _ends(g: Ground, trails: pd.DataFrame, course: Course) -> list[Any]:
    """The present of each branch: its mark and its word, with the step where it ended before."""
    marks = branch_marks(list(course.every))
    layers: list[Any] = []
    words: dict[str, list[dict[str, Any]]] = {}
    for key, trail in trails.groupby("branch", sort=False):
        branch = str(key)
        own = where(trail, (trail.step <= course.now) & (trail.step > 0)).sort_values("order")
        if own.empty:
            continue
        r = own.iloc[-1]
        layers += _end_mark(g, r, marks.get(branch, "circle"))
        text = branch if r.step == course.now else f"{branch}, step {r.step}"
        word, align = g.put_near(r.px, r.py, text, WORD, 12)
        words.setdefault(align, []).append(word)
        g.targets.append(
            {"px": r.px, "py": r.py, "label": "Assistant", "family": f"at {r.checkpoint}"}
            | {"note": place_note(r), "id": r.checkpoint}
        )
    for align, rows in words.items():
        word = alt.Chart(pd.DataFrame(rows)).encode(**xy(g.frame), text="text:N")
        layers += haloed(word, g.palette, g.palette.accent, WORD, {"align": align})
    return layers


def _end_mark(g: Ground, r: pd.Series, shape: str) -> list[Any]:
    """The mark of a branch's present; hollow where it is off the map."""
    p = g.palette
    own: dict[str, Any] = {"fill": p.accent, "stroke": p.paper, "strokeWidth": 1}
    if r.off_map:
        own = {"fill": p.paper, "stroke": p.accent, "strokeWidth": 1.8}
    return _glowing(g, r, (420, 0.14), {"shape": shape, "size": 120, **own})


def _glowing(
    g: Ground, r: pd.Series, halo: tuple[int, float], mark: Mapping[str, Any]
) -> list[Any]:
    """A mark of the Assistant's on a pale disc; `halo`: the disc's size and opacity."""
    one = alt.Chart(pd.DataFrame([{"px": r.px, "py": r.py}]))
    size, opacity = halo
    disc = one.mark_circle(size=size, color=g.palette.accent, opacity=opacity, aria=False)
    own = one.mark_point(filled=True, opacity=1, aria=False, **mark)
    return [disc.encode(**xy(g.frame)), own.encode(**xy(g.frame))]


def trail_table(trails: pd.DataFrame) -> pd.DataFrame:
    """The trails as a table."""
    return trails.rename(
        columns={"px": "x", "py": "y", "off_map": "off the map", "cosine": "nearest cosine"}
    ).drop(columns="order")
