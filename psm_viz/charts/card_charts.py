"""Small figures of a card: the track along the axis, and the whole cast on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.frames import each, where
from psm_viz.charts.palette import Palette, family_colours, finish
from psm_viz.charts.sentences import SAID, sentence
from psm_viz.study.cast import ASSISTANT, Cast


def axis_track(
    positions: pd.DataFrame, checkpoints: Sequence[str], pooling: str, persona: str
) -> pd.DataFrame:
    """A persona's place on the axis at each checkpoint, and where the middle 80 % of the cast is.

    Columns: order, checkpoint, z, low, high; z in standard deviations of the cast.
    """
    rows = where(positions, positions.pooling == pooling)
    out = []
    for order, c in enumerate(checkpoints):
        here = where(rows, rows.checkpoint == c)
        mine = where(here, here.persona == persona)
        cast = where(here, here.persona != ASSISTANT).z
        if len(mine) and len(cast):
            low, high = cast.quantile(0.1), cast.quantile(0.9)
            out.append((order, c, float(mine.iloc[0].z), float(low), float(high)))
    return pd.DataFrame(out, columns=["order", "checkpoint", "z", "low", "high"])


def sparkline(
    track: pd.DataFrame,
    now: str,
    p: Palette,
    accent: bool,
    size: tuple[int | None, int] = (None, 64),
) -> Any:
    """The track as a line over the cast's middle 80 %; the chosen checkpoint is marked."""
    colour = p.accent if accent else p.ink
    low = min(float(track.low.min()), float(track.z.min()))
    high = max(float(track.high.max()), float(track.z.max()))
    pad = 0.15 * (high - low or 1)
    # Room above for the words of the chosen checkpoint.
    y_scale = alt.Scale(domain=[low - pad, high + 3 * pad], nice=False, zero=False)
    x_scale = alt.Scale(
        domain=[-0.03 * max(len(track) - 1, 1), max(len(track) - 1, 1) * 1.22], nice=False
    )
    x = alt.X("order:Q", axis=None, scale=x_scale)
    tips = [
        alt.Tooltip("checkpoint:N", title="Checkpoint"),
        alt.Tooltip("z:Q", title="SD", format=".2f"),
    ]
    said = [sentence(str(r.checkpoint), signed(float(r.z))) for r in each(track)]
    base = alt.Chart(track.assign(said=said))

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", axis=None, scale=y_scale)

    here = where(track, track.checkpoint == now)
    here = here.assign(text=[signed(float(z)) for z in here.z])
    last = bool(len(here)) and int(here.iloc[0].order) == len(track) - 1
    # The word stands right of the last point, above any other: the line goes on there.
    spot: dict[str, Any] = {"align": "left", "dx": 9} if last else {"align": "center", "dy": -13}
    dot = alt.Chart(here)
    layers = [
        base.mark_area(color=p.band, aria=False).encode(x=x, y=y("low"), y2="high:Q"),
        base.mark_line(color=colour, strokeWidth=1.6, aria=False).encode(x=x, y=y("z")),
        base.mark_circle(size=60, opacity=0).encode(x=x, y=y("z"), tooltip=tips, description=SAID),
        dot.mark_circle(size=55, color=colour, opacity=1, aria=False).encode(
            x=x, y=y("z"), tooltip=tips
        ),
        dot.mark_text(fontSize=12, fontWeight=600, color=colour, aria=False, **spot).encode(
            x=x, y=y("z"), text="text:N"
        ),
    ]
    return finish(alt.layer(*layers), p, size[1], size[0])


def signed(z: float) -> str:
    """A place on the axis in words: +1.2 SD, with a true minus sign."""
    return f"{z:+.1f} SD".replace("-", "\N{MINUS SIGN}")


def cast_on_axis(
    rows: pd.DataFrame,
    cast: Cast,
    persona: str,
    p: Palette,
    size: tuple[int | None, int] = (None, 62),
) -> Any:
    """The cast as ticks along the axis at one checkpoint; Assistant and chosen one thick.

    `rows`: persona and z of the positions at a checkpoint, in one pooling.
    """
    colours, family = family_colours(cast, p), {q.id: q.family for q in cast.personas}
    names = {q.id: q.name for q in cast.all}
    rows = where(rows, rows.persona.isin(list(names)))
    others = where(rows, rows.persona != ASSISTANT)
    others = others.assign(
        colour=[colours[family[i]] for i in others.persona],
        name=[names[i] for i in others.persona],
        said=[sentence(names[str(r.persona)], signed(float(r.z))) for r in each(others)],
    )
    wide = max(float(rows.z.abs().max()) if len(rows) else 1.0, 1.0) * 1.12
    scale = alt.Scale(domain=[-wide, wide], nice=False)
    axis = alt.Axis(tickCount=5, tickMinStep=1, format="+d", title=None, domain=False, ticks=False)
    x = alt.X("z:Q", scale=scale, axis=axis)
    middle = alt.value(0.62 * size[1] - 9)
    layers: list[Any] = [
        alt.Chart(others)
        .mark_tick(thickness=1.6, size=15, opacity=0.75)
        .encode(
            x=x,
            description=SAID,
            y=middle,
            color=alt.Color("colour:N", scale=None),
            tooltip=[
                alt.Tooltip("name:N", title="Who"),
                alt.Tooltip("z:Q", title="SD", format="+.2f"),
            ],
        )
    ]
    for who, colour in ((ASSISTANT, p.accent), (persona, p.ink)):
        own = where(rows, rows.persona == who).head(1)
        if own.empty or (colour == p.ink and persona == ASSISTANT):
            continue
        said = sentence(names[who], signed(float(own.iloc[0].z)))
        one = alt.Chart(own.assign(name=names[who], said=said))
        # a persona has its name already, at its tick among the cast's
        tick = one.mark_tick(thickness=3, size=24, color=colour, opacity=1, aria=who == ASSISTANT)
        layers.append(tick.encode(x=x, y=middle, description=SAID))
        if who == persona:
            side = "right" if float(own.iloc[0].z) > 0.6 * wide else "left"
            side = side if abs(float(own.iloc[0].z)) > 0.6 * wide else "center"
            layers.append(
                one.mark_text(
                    fontSize=11.5, fontWeight=600, color=colour, align=side, aria=False
                ).encode(x=x, y=alt.value(7), text="name:N")
            )
    return finish(alt.layer(*layers), p, size[1], size[0])
