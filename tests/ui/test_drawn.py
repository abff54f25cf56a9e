"""A figure is drawn once for everybody who looks at the same, and anew where anything differs."""

import altair as alt
import pandas as pd
import pyarrow as pa

from psm_viz.charts.figures import Figure, Layout, Told
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.ui.drawn import spec_of

ROWS = pd.DataFrame({"x": [1, 2], "who": ["a", "b"]})


def counted(drawn, title="A title"):
    def build(p, width):
        drawn.append(p.name)
        one = alt.Chart(ROWS).mark_point(color=p.ink).encode(x="x:Q")
        return one + alt.Chart(ROWS).mark_text().encode(x="x:Q", text="who:N")

    return Figure(build, ROWS, Told("name", title, "words", "alt", "key"), Layout(300))


def test_the_same_is_drawn_once_and_what_differs_anew():
    drawn = []
    one = counted(drawn)
    first = spec_of(one, LIGHT, ("test-drawn", "/"))
    assert spec_of(counted(drawn), LIGHT, ("test-drawn", "/")) is first and drawn == ["light"]
    spec_of(one, DARK, ("test-drawn", "/"))
    spec_of(one, LIGHT, ("test-drawn", "/?area"))
    spec_of(counted(drawn, "Another"), LIGHT, ("test-drawn", "/"))
    assert drawn == ["light", "dark", "light", "light"]


def test_tables_stand_beside_the_drawing_and_are_shared_by_its_layers():
    spec = spec_of(counted([]), LIGHT, ("test-tables", "/"))
    [(name, table)] = spec["datasets"].items()
    assert isinstance(table, pa.Table) and table.to_pandas().equals(ROWS)
    assert name in {spec.get("data", {}).get("name"), spec["layer"][0].get("data", {}).get("name")}
