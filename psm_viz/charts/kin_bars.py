"""Bars of belief by kin: of one talk after each answer, of a model at each look, or of one talk by
every way of reading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import each
from psm_viz.charts.key_row import key_row
from psm_viz.charts.palette import Palette, finish, kin_colours
from psm_viz.charts.plane import row_names
from psm_viz.charts.sentences import SAID, amount, sentence
from psm_viz.study.cast import Cast

BESIDE_BARS, BELOW_BARS = 46, 42
"""Pixels of a file's width and height that the axes of the bars take."""
NAMES = 150
"""Pixels that names of rows take beside the bars."""


def kin_masses(belief: Mapping[str, float], cast: Cast) -> list[dict[str, Any]]:
    """A belief over families by kin: kin, name, mass, of the kins that it has a family of."""
    kin = {f.id: f.kin for f in cast.families}
    rows = []
    for k, name in cast.kins.items():
        own = [f for f in belief if kin[f] == k]
        if own:
            rows.append({"kin": k, "name": name, "mass": sum(float(belief[f]) for f in own)})
    return rows


def unfolding(beliefs: pd.DataFrame, cast: Cast, families: Sequence[str]) -> pd.DataFrame:
    """One talk's belief after each number of answers, by kin: answers, kin, name, mass.

    `beliefs` holds the rows of one talk read in one way. Before any answer families are even.
    """
    start = pd.DataFrame([dict.fromkeys(families, 1 / len(families)) | {"answers": 0}])
    rows = [
        {"answers": int(r["answers"])} | row
        for r in pd.concat([start, beliefs[[*families, "answers"]]]).to_dict("records")
        for row in kin_masses({f: r[f] for f in families}, cast)
    ]
    return pd.DataFrame(rows)


def unfolding_chart(
    rows: pd.DataFrame,
    cast: Cast,
    p: Palette,
    size: tuple[int | None, int] = (None, 150),
    counted: str = "answers",
) -> Any:
    """Bars of belief by kin, one for each number of answers, or of what else was `counted`."""
    y = alt.Y("answers:O", title=counted, axis=alt.Axis(ticks=False, domain=False))
    said = [f"After {r.answers} {counted}" for r in each(rows)]
    return _bars(rows.assign(row=said), cast, p, y, size, BESIDE_BARS)


def named_chart(
    rows: pd.DataFrame, cast: Cast, p: Palette, size: tuple[int | None, int] = (None, 150)
) -> Any:
    """Bars of belief by kin, one for each `row` in the order given; a name may have two lines."""
    order = list(dict.fromkeys(rows.row))
    axis = alt.Axis(
        labelExpr="split(datum.label, '\\n')",
        labelLineHeight=12,
        minExtent=NAMES,
        maxExtent=NAMES,
        **row_names(p),
    )
    return _bars(rows, cast, p, alt.Y("row:N", sort=order, axis=axis), size, NAMES)


def _bars(
    rows: pd.DataFrame, cast: Cast, p: Palette, y: alt.Y, size: tuple[int | None, int], beside: int
) -> Any:
    """A bar a row, its parts the kins; `row` is what a part's sentence begins with."""
    colours = kin_colours(cast, p)
    used = [k for k in cast.kins if k in set(rows.kin)]
    frame = rows.assign(
        order=[used.index(k) for k in rows.kin],
        said=[
            sentence(f"{r.row.replace(chr(10), ', ')}, {r.name}", amount(r.mass, percent=True))
            for r in each(rows)
        ],
    )
    hues = alt.Scale(domain=[cast.kins[k] for k in used], range=[colours[k] for k in used])
    bars = (
        alt.Chart(frame)
        .mark_bar(stroke=p.paper, strokeWidth=1, height={"band": 0.72})
        .encode(
            y=y,
            x=alt.X(
                "mass:Q",
                stack="zero",
                title="belief",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", tickCount=3),
            ),
            order=alt.Order("order:Q"),
            description=SAID,
            color=alt.Color("name:N", scale=hues, legend=None),
            tooltip=[
                alt.Tooltip("name:N", title="Kin"),
                alt.Tooltip("mass:Q", title="Belief", format=".0%"),
                alt.Tooltip("row:N", title="Which"),
            ],
        )
    )
    width, height = size
    if width is None:  # a page names the kins under the card, a file has to do it itself
        return finish(bars, p, height)
    named = {cast.kins[k]: colours[k] for k in used}
    bars = bars.properties(width=width - beside, height=height - BELOW_BARS)
    return finish(alt.vconcat(bars, key_row(named, p, width - beside), spacing=10), p, None)
