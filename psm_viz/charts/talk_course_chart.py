"""Talks along training, a column a branch: what it says, where its talks lie, whose they are taken
for. One slider moves all of it in the browser, without a server.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from psm_viz.charts.frames import columns, each, where
from psm_viz.charts.key_row import key_row
from psm_viz.charts.label_placement import Frame, Places, frame, nudged
from psm_viz.charts.map_plane import fixed_xy, own
from psm_viz.charts.palette import Palette, finish, kin_colours, readable
from psm_viz.charts.plane import value_axis
from psm_viz.charts.quotations import VALENCES
from psm_viz.charts.sentences import SAID, measure, sentence
from psm_viz.charts.typeface import SERIF
from psm_viz.study.cast import Cast

STEP = "step_shown"
"""Name of the slider's parameter: the number of a step, with what lies between two."""
COLUMNS_AT_ONCE = 4
"""Most branches side by side: with more the maps are too small to read."""
WIDTH = 810
"""Pixels that all columns together may take."""
LEAST, GAP = 168, 14
"""Pixels: the least width of a column, and what lies between two."""
SPEECH, LAND, MASS = 80, 186, 96
"""Heights of the three rows in pixels."""
LETTERING = 11.5
"""Type size of the kins' names on the maps."""
HEAVY = "All who act badly (heavy)"
"""What the heavy line is, where the hues are named."""
SHOWN_FROM = 0.1
"""Mass from which a kin has a line of its own."""


@dataclass(frozen=True)
class CourseRows:
    """The rows of the chart (`charts.talk_course`)."""

    dots: pd.DataFrame
    land: pd.DataFrame
    said: pd.DataFrame
    mass: pd.DataFrame
    steps: Sequence[int]
    branches: Sequence[str]
    ends: Mapping[str, int]
    """The last step at which each branch was saved."""
    grow: float = 1.0
    """How much larger its type is than on a page."""


def column_width(branches: int, room: int | None = None) -> int:
    """Width of a branch's column in pixels, on a page or in a drawing that has less room."""
    beside = abreast(branches, room)
    return max(LEAST, min(262, ((room or WIDTH) - 60) // max(1, beside) - GAP))


def abreast(branches: int, room: int | None) -> int:
    """How many columns stand side by side: all on a page, in a drawing what it has room for."""
    if room is None:
        return branches
    return max(1, min(branches, (room - 60 + GAP) // (LEAST + GAP)))


def course_chart(
    rows: CourseRows, cast: Cast, p: Palette, now: int | None = None, room: int | None = None
) -> Any:
    """The chart; `now` is the step that the slider stands on at first, by default the last.

    `room`: the width of a drawing in pixels, where columns that find none stand under the others.
    """
    steps, last = list(rows.steps), len(rows.steps) - 1
    at = steps.index(now) if now in steps else last
    slider = alt.param(
        name=STEP,
        value=float(at),
        bind=alt.binding_range(min=0, max=last, step=0.05, name="Training step "),
    )
    width, beside = column_width(len(rows.branches), room), abreast(len(rows.branches), room)
    f = _frame(rows, width)
    shown = _shown_kins(rows.mass)
    parts = [
        alt.vconcat(
            _speech(rows, branch, p, width),
            _map(rows, branch, cast, p, f),
            _mass(rows, branch, cast, p, (width, n % beside == 0, room is not None), shown),
            spacing=6,
        )
        for n, branch in enumerate(rows.branches)
    ]
    lines = [alt.hconcat(*parts[k : k + beside], spacing=GAP) for k in range(0, len(parts), beside)]
    if room is not None:  # a page names the hues beside it
        hues = kin_colours(cast, p)
        named = {cast.kins[k]: hues[k] for k in cast.kins if k in shown} | {HEAVY: p.accent}
        lines.append(key_row(named, p, beside * (width + GAP) - GAP))
    chart = lines[0] if len(lines) == 1 else alt.vconcat(*lines, spacing=24)
    chart.params = [slider.param]  # type: ignore[assignment]
    # `add_params` would look for a view to put it in
    done = finish(chart, p, None)
    done.config.axis.labelFontSize *= rows.grow
    return done


def _frame(rows: CourseRows, width: int) -> Frame:
    xs, ys = list(rows.land.px), list(rows.land.py)
    for k in range(len(rows.steps)):
        if f"x{k}" in rows.dots:
            xs += list(rows.dots[f"x{k}"])
            ys += list(rows.dots[f"y{k}"])
    return frame([float(x) for x in xs], [float(y) for y in ys], width, LAND, margin=0.03)


def _words(steps: Sequence[int], end: int) -> str:
    """An expression for where the slider stands, in words, for a branch that ends at a step."""
    names = "[" + ",".join(str(s) for s in steps) + "]"
    at, before, after = f"round({STEP})", f"floor({STEP})", f"ceil({STEP})"
    exact = f"abs({STEP} - {at}) < 0.03"
    ended = f"{names}[{before}] >= {end}"
    return (
        f"{ended} ? 'step {end}, its last' : {exact} ? 'step ' + {names}[{at}] : "
        f"'between ' + {names}[{before}] + ' and ' + {names}[{after}]"
    )


def _speech(rows: CourseRows, branch: str, p: Palette, width: int) -> Any:
    """The branch's name, the step, and what it says there."""
    grow, high = rows.grow, SPEECH * rows.grow
    plane: dict[str, Any] = {
        "x": alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
        "y": alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, high])),
    }
    one = pd.DataFrame([{"x": 0.0, "y": high - 2, "text": branch}])
    base = alt.Chart(one)
    style: dict[str, Any] = {"align": "left", "baseline": "top", "aria": False}
    name = base.mark_text(**style, fontSize=13.5 * grow, fontWeight=600, color=p.ink)
    step = base.transform_calculate(words=_words(rows.steps, rows.ends[branch])).mark_text(
        **style, fontSize=11 * grow, color=p.soft, dy=18 * grow
    )
    said = where(rows.said, rows.said.branch == branch).assign(x=0.0, y=high - 36 * grow)
    told = {k: " ".join(VALENCES[k]) for k in ("bad", "good")}
    said = said.assign(judgement=[told.get(str(j), "") for j in said.judged])
    quote = alt.Chart(columns(said, ["k", "x", "y", "text", "judgement"])).transform_filter(
        f"datum.k == round({STEP})"
    )
    text = quote.mark_text(
        **style,
        fontSize=11.5 * grow,
        font=SERIF,
        color=p.ink,
        lineBreak="\n",
        lineHeight=14 * grow,
    )
    right: dict[str, Any] = {"align": "right", "baseline": "top", "aria": False}
    judged = quote.mark_text(**right, fontSize=11 * grow, color=p.ink, dy=-16 * grow).encode(
        x=alt.XValue(width), y=plane["y"], text="judgement:N"
    )
    return alt.layer(
        name.encode(**plane, text="text:N"),
        step.encode(**plane, text="words:N"),
        text.encode(**plane, text="text:N"),
        judged,
    ).properties(width=width, height=high)


def _sum(name: str, steps: int) -> str:
    """An expression for a wide column at the slider's place: straight between whole numbers."""
    return " + ".join(f"datum['{name}{k}'] * max(0, 1 - abs({STEP} - {k}))" for k in range(steps))


def _map(rows: CourseRows, branch: str, cast: Cast, p: Palette, f: Frame) -> Any:
    """The land, and the branch's talks upon it, fuller the more of their answers were bad."""
    colours = kin_colours(cast, p)
    land = rows.land.assign(
        colour=[colours[k] for k in rows.land.kin],
        opacity=[0.2 + 0.3 * min(1.0, n / 6) for n in rows.land.talks],
    )
    ground = (
        alt.Chart(columns(land, ["px", "py", "colour", "opacity"]))
        .mark_square(size=_cell(rows, f) ** 2, strokeWidth=0, aria=False)
        .encode(**fixed_xy(f), color=own("colour"), opacity=own("opacity"))
    )
    names = _names(rows, cast, p, f)
    talks = where(rows.dots, rows.dots.branch == branch) if len(rows.dots) else rows.dots
    n = len(rows.steps)
    if talks.empty:
        note = alt.Chart(pd.DataFrame([{"px": f.cx, "py": f.cy, "text": "no talks held"}]))
        words = note.mark_text(color=p.soft, fontSize=12).encode(**fixed_xy(f), text="text:N")
        return alt.layer(ground, names, words).properties(width=f.width, height=f.height)
    marks = (
        alt.Chart(talks.drop(columns=["branch"]))
        .transform_calculate(px=_sum("x", n), py=_sum("y", n), bad=_sum("b", n))
        .mark_circle(size=30, stroke=p.accent, strokeWidth=1.1, opacity=0.92, aria=False)
        .encode(
            **fixed_xy(f),
            fill=alt.Fill(
                "bad:Q",
                scale=alt.Scale(domain=[0, 1], range=[p.paper, p.accent]),
                legend=None,
            ),
        )
    )
    return alt.layer(ground, marks, names).properties(width=f.width, height=f.height)


def _names(rows: CourseRows, cast: Cast, p: Palette, f: Frame) -> Any:
    """The kins by the first words of their names, each near the middle of its land."""
    colours, out, size = kin_colours(cast, p), [], LETTERING * rows.grow
    places = Places((f.width, f.height))
    for kin, own_cells in sorted(rows.land.groupby("kin"), key=lambda g: -len(g[1])):
        x, y = (np.average(own_cells[c], weights=own_cells.talks) for c in ("px", "py"))
        x, y = f.to_px(float(x), float(y))
        text = cast.kins[str(kin)].split(" and ")[0]
        x, y = nudged(x, y, text, size, places.words, [], places.room)
        places.hold(x, y, text, size)
        mx, my = f.to_map(x, y)
        colour = readable(colours[str(kin)], p)
        out.append({"px": mx, "py": my, "text": text, "colour": colour})
    style: dict[str, Any] = {"fontSize": size, "fontWeight": 600, "aria": False}
    base = alt.Chart(pd.DataFrame(out)).encode(**fixed_xy(f), text="text:N")
    edge = base.mark_text(**style, stroke=p.paper, strokeWidth=2.5, color=p.paper, opacity=0.8)
    return alt.layer(edge, base.mark_text(**style).encode(color=own("colour")))


def _cell(rows: CourseRows, f: Frame) -> float:
    """The side of a cell of the land in pixels."""
    xs = sorted(set(rows.land.px.round(6)))
    gap = min((b - a for a, b in itertools.pairwise(xs)), default=1.0)
    return gap * f.scale


def _shown_kins(mass: pd.DataFrame) -> list[str]:
    """The kins that have a line: with such a mass at some saved step of some branch."""
    kins = where(mass, mass.of == "kin")
    most = kins.groupby("name").value.max()
    return [str(k) for k in most.index if most[k] >= SHOWN_FROM]


@dataclass(frozen=True)
class _Lines:
    """The plane of a chart of belief by step: numbers of steps along x, shares along y."""

    steps: Sequence[int]
    first: bool
    """Whether the values are written at the left."""
    titled: bool
    """Whether it is written what they are: in a file."""

    @property
    def x(self) -> alt.X:
        """Steps, evenly spaced and named."""
        last = len(self.steps) - 1
        names = "[" + ",".join(f"'{s}'" for s in self.steps) + "]"
        axis = alt.Axis(
            values=list(range(last + 1)),
            labelExpr=f"{names}[datum.value]",
            title="training step" if self.titled else None,
            titleAnchor="start",
            grid=False,
            labelOverlap=True,
        )
        return alt.X("k:Q", scale=alt.Scale(domain=[-0.12, last + 0.12], nice=False), axis=axis)

    def y(self, column: str) -> alt.Y:
        """A share."""
        axis = value_axis(True, "belief" if self.titled else "") if self.first else None
        if axis is not None:
            # a label that stood out above would push this column's plane below the others'
            inside = alt.condition("datum.value >= 1", alt.value("top"), alt.value("middle"))
            axis.labelBaseline = inside
        return alt.Y(f"{column}:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)


def _mass(
    rows: CourseRows,
    branch: str,
    cast: Cast,
    p: Palette,
    size: tuple[int, bool, bool],
    shown: Sequence[str],
) -> Any:
    """Belief by step: thin lines of kins, and heavy the marked families, with interval and null.

    `size`: width, whether values are written at the left, whether it is a drawing for a file.
    """
    at = _Lines(rows.steps, *size[1:])
    own_rows = where(rows.mass, rows.mass.branch == branch)
    marked = where(own_rows, own_rows.of == "marked")
    told = [
        sentence(
            f"{branch}, step {rows.steps[int(r.k)]}, all who act badly", measure(r, percent=True)
        )
        for r in each(marked)
    ]
    base = alt.Chart(
        columns(marked, ["k", "value", "low", "high", "null_low", "null_high"]).assign(said=told)
    )
    layers: list[Any] = []
    if len(marked):
        band = base.mark_area(color=p.band, clip=True, aria=False)
        layers.append(band.encode(x=at.x, y=at.y("null_low"), y2="null_high:Q"))
    kins = where(own_rows, (own_rows.of == "kin") & own_rows.name.isin(list(shown)))
    layers += _kins(kins, cast, p, at, branch)
    if len(marked):
        tint = base.mark_area(color=p.accent, opacity=0.13, clip=True, aria=False)
        layers.append(tint.encode(x=at.x, y=at.y("low"), y2="high:Q"))
        line = base.mark_line(color=p.accent, strokeWidth=2.6, aria=False)
        points = base.mark_circle(color=p.accent, size=34, opacity=1)
        tip = alt.Tooltip("value:Q", title="They act badly", format=".0%")
        layers.append(line.encode(x=at.x, y=at.y("value")))
        layers.append(points.encode(x=at.x, y=at.y("value"), tooltip=[tip], description=SAID))
    now = alt.Chart(pd.DataFrame([{"one": 1}])).transform_calculate(k=STEP)
    rule = now.mark_rule(color=p.ink, strokeWidth=1, opacity=0.7, aria=False)
    return alt.layer(*layers, rule.encode(x=at.x)).properties(width=size[0], height=MASS)


def _kins(kins: pd.DataFrame, cast: Cast, p: Palette, at: _Lines, branch: str) -> list[Any]:
    """A thin line a kin, in its colour."""
    if kins.empty:
        return []
    colours = kin_colours(cast, p)
    said = [
        sentence(
            f"{branch}, step {at.steps[int(r.k)]}, {cast.kins[r.name]}", measure(r, percent=True)
        )
        for r in each(kins)
    ]
    named = {"colour": [colours[k] for k in kins.name], "kin": [cast.kins[k] for k in kins.name]}
    rows = columns(kins, ["k", "name", "value", "low", "high"]).assign(**named, said=said)
    lines = alt.Chart(rows)
    tips = [
        alt.Tooltip("kin:N", title="Kin"),
        alt.Tooltip("value:Q", title="Belief", format=".0%"),
        alt.Tooltip("low:Q", title="95 % from", format=".0%"),
        alt.Tooltip("high:Q", title="to", format=".0%"),
    ]
    by = {"x": at.x, "y": at.y("value"), "color": own("colour")}
    return [
        lines.mark_line(strokeWidth=1.6, opacity=0.9, aria=False).encode(**by, detail="name:N"),
        lines.mark_circle(size=22, opacity=1).encode(**by, tooltip=tips, description=SAID),
    ]
