"""The Assistant's way over the map: one trail a branch, thin and pale towards the past.

Between saved checkpoints nothing was measured: those straight pieces are dotted. A branch is
told by its end-mark and a word beside it; hollow means off the map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.label_placement import near, text_box
from psm_viz.charts.map_ground import HEIGHT, Ground, coordinates, ground, xy
from psm_viz.charts.palette import STAR, Palette, branch_marks, finish
from psm_viz.charts.persona_map import assistant_points, place_note
from psm_viz.study.cast import Cast
from psm_viz.study.manifest import Checkpoint

WIDTH = 640


def trail_points(
    points: pd.DataFrame, branches: Mapping[str, Sequence[Checkpoint]], projection: str, space: str
) -> pd.DataFrame:
    """The placed checkpoints of each branch, the branch point first.

    Columns: branch, order, checkpoint, step, px, py, off_map, cosine. Unplaced ones are left out.
    """
    at = coordinates(points, projection)
    rows = []
    for branch, saved in branches.items():
        for order, c in enumerate(saved):
            place = assistant_points(at, c.id, space)
            if place.empty:
                continue
            r = place.iloc[0]
            # The branch point belongs to another branch; here it is where this one starts.
            step = c.step if c.branch == branch else 0
            rows.append((branch, order, c.id, step, r.px, r.py, bool(r.off_map), float(r.cosine)))
    columns = ["branch", "order", "checkpoint", "step", "px", "py", "off_map", "cosine"]
    return pd.DataFrame(rows, columns=columns)


def _pieces(trail: pd.DataFrame, now: int) -> pd.DataFrame:
    """Straight pieces up to step `now`: age 0 (oldest) to 1 (the last), for width and opacity."""
    own = where(trail, trail.step <= now).sort_values("order")
    rows = []
    for k in range(len(own) - 1):
        a, b = own.iloc[k], own.iloc[k + 1]
        age = (k + 1) / (len(own) - 1)
        rows.append((a.px, a.py, b.px, b.py, 0.25 + 0.65 * age, 1.0 + 1.8 * age))
    return pd.DataFrame(rows, columns=["px", "py", "qx", "qy", "opacity", "width"])


def _ends(g: Ground, trails: pd.DataFrame, now: int, every: Sequence[str]) -> list[Any]:
    """The present of each branch: its mark and its word, with the step where it ended before."""
    p, f, marks = g.palette, g.frame, branch_marks(list(every))
    layers: list[Any] = []
    words: dict[str, list[dict[str, Any]]] = {}
    ends = []
    for branch, trail in trails.groupby("branch", sort=False):
        own = where(trail, (trail.step <= now) & (trail.step > 0)).sort_values("order")
        if len(own):
            ends.append((str(branch), own.iloc[-1]))
    for branch, r in ends:
        one = alt.Chart(pd.DataFrame([{"px": r.px, "py": r.py}]))
        layers.append(
            one.mark_circle(size=420, color=p.accent, opacity=0.14, aria=False).encode(**xy(f))
        )
        layers.append(
            one.mark_point(
                shape=marks.get(branch, "circle"),
                size=120,
                filled=True,
                opacity=1,
                fill=p.paper if r.off_map else p.accent,
                stroke=p.accent if r.off_map else p.paper,
                strokeWidth=1.8 if r.off_map else 1,
                aria=False,
            ).encode(**xy(f))
        )
        x, y = f.to_px(r.px, r.py)
        text = branch if r.step == now else f"{branch}, step {r.step}"
        spot = near(x, y, text, 13, g.taken, g.words, g.room, 12)
        g.words.append(text_box(spot[0], spot[1], text, 13, spot[2]))
        g.taken.append(text_box(spot[0], spot[1], text, 13, spot[2]))
        mx, my = f.to_map(spot[0], spot[1])
        words.setdefault(spot[2], []).append({"px": mx, "py": my, "text": text})
        g.targets.append(
            {"px": r.px, "py": r.py, "label": f"Assistant after {r.checkpoint}", "family": branch}
            | {"note": place_note(r), "id": r.checkpoint}
        )
    for align, rows in words.items():
        word = alt.Chart(pd.DataFrame(rows)).encode(**xy(f), text="text:N")
        style: dict[str, Any] = {"fontSize": 13, "fontWeight": 700, "align": align, "aria": False}
        layers.append(word.mark_text(stroke=p.paper, strokeWidth=4, color=p.paper, **style))
        layers.append(word.mark_text(color=p.accent, **style))
    return layers


def trail_map(
    points: pd.DataFrame,
    cast: Cast,
    branches: Mapping[str, Sequence[Checkpoint]],
    every: Sequence[str],
    reference: str,
    now: int,
    p: Palette,
    projection: str = "UMAP",
    space: str = "own",
    size: tuple[int | None, int] = (None, HEIGHT),
) -> Any:
    """The map with the trails of `branches` up to step `now` of each."""
    trails = trail_points(points, branches, projection, space)
    star = assistant_points(coordinates(points, projection), reference, space)
    spots = [(float(r.px), float(r.py), 11.0, "") for r in each(trails)]
    spots += [(float(star.iloc[0].px), float(star.iloc[0].py), 18.0, "")] if len(star) else []
    nominal = (size[0] or WIDTH, size[1])
    also = columns(pd.concat([trails, star]), ["px", "py"])
    g = ground(points, cast, projection, p, size=nominal, also=also, names=False, reserved=spots)
    f = g.frame
    layers: list[Any] = list(g.layers)
    for _, trail in trails.groupby("branch", sort=False):
        pieces = _pieces(trail, now)
        if len(pieces):
            layers.append(
                alt.Chart(pieces)
                .mark_rule(color=p.accent, strokeDash=[0.5, 4], strokeCap="round", aria=False)
                .encode(
                    **xy(f),
                    x2="qx:Q",
                    y2="qy:Q",
                    opacity=alt.Opacity("opacity:Q", scale=None),
                    strokeWidth=alt.StrokeWidth("width:Q", scale=None),
                )
            )
        past = where(trail, (trail.step <= now))
        layers.append(
            alt.Chart(past[["px", "py"]])
            .mark_circle(size=22, color=p.accent, opacity=0.55, aria=False)
            .encode(**xy(f))
        )
    if len(star):
        r = star.iloc[0]
        one = alt.Chart(pd.DataFrame([{"px": r.px, "py": r.py}]))
        layers.append(
            one.mark_circle(size=900, color=p.accent, opacity=0.13, aria=False).encode(**xy(f))
        )
        layers.append(
            one.mark_point(
                shape=STAR,
                size=260,
                filled=True,
                fill=p.accent,
                stroke=p.paper,
                opacity=1,
                aria=False,
            ).encode(**xy(f))
        )
        x, y = f.to_px(r.px, r.py)
        g.taken.append((x - 16, y - 16, x + 16, y + 16))
        g.targets.append(
            {
                "px": r.px,
                "py": r.py,
                "label": "Assistant",
                "family": reference,
                "note": place_note(r),
                "id": reference,
            }
        )
    layers += _ends(g, trails, now, every)
    tips = [
        alt.Tooltip(f"{c}:N", title=t)
        for c, t in (("label", "Who"), ("family", "Where"), ("note", "Map"))
    ]
    layers.append(
        alt.Chart(pd.DataFrame(g.targets))
        .mark_circle(size=220, opacity=0)
        .encode(**xy(f), tooltip=tips, description="label:N")
    )
    return finish(alt.layer(*layers), p, size[1], size[0])


def trail_table(trails: pd.DataFrame) -> pd.DataFrame:
    """The trails as a table."""
    return trails.rename(
        columns={"px": "x", "py": "y", "off_map": "off the map", "cosine": "nearest cosine"}
    ).drop(columns="order")
