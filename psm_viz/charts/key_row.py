"""What the hues of a drawing mean, as lines of swatches and words under it: where it is a file of
its own and no page names them beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from psm_viz.charts.palette import BASE_TYPE, Palette
from psm_viz.charts.typeface import width_of

LINE, SWATCH, APART = 17, 16, 16
"""Pixels: the height of a line, the length of a swatch, what lies between a word and the next."""


def key_row(named: Mapping[str, str], p: Palette, width: int) -> Any:
    """A chart of names and their colours, in as many lines as the width in pixels asks for."""
    x, y, rows = 0.0, 0, []
    for name, colour in named.items():
        wide = SWATCH + 5 + BASE_TYPE * width_of(name)
        if x and x + wide > width:
            x, y = 0.0, y + 1
        end, said = x + SWATCH, x + SWATCH + 5
        at = {"x": x, "end": end, "said": said, "y": y * LINE + LINE / 2}
        rows.append({**at, "name": name, "colour": colour})
        x += wide + APART
    height = (y + 1) * LINE
    down = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[height, 0], nice=False))
    across = alt.Scale(domain=[0, width], nice=False)

    def along(column: str) -> alt.X:
        return alt.X(f"{column}:Q", axis=None, scale=across)

    base = alt.Chart(pd.DataFrame(rows)).encode(y=down)
    hue = alt.Color("colour:N", scale=None, legend=None)
    lines = base.mark_rule(strokeWidth=3, aria=False).encode(x=along("x"), x2="end:Q", color=hue)
    words = base.mark_text(align="left", fontSize=BASE_TYPE, color=p.soft, aria=False)
    layers = alt.layer(lines, words.encode(x=along("said"), text="name:N"))
    return layers.properties(width=width, height=height)
