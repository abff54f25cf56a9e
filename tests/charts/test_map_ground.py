"""The ground of a map is the cast's, without the Assistant's accent."""

import json
import re

import altair as alt
import vl_convert

from psm_viz.charts.map_ground import MapView, ground
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.persona_map import cast_map
from tests.charts.drawn import CAST, POINTS, spec
from tests.made.study import REFERENCE


def test_accent_is_the_assistants_alone():
    drawn = json.dumps(spec(alt.layer(*ground(POINTS, CAST, MapView(blocks=True), LIGHT).layers)))
    assert LIGHT.accent not in drawn
    assert LIGHT.accent in json.dumps(spec(cast_map(POINTS, CAST, REFERENCE, MapView(), LIGHT)))


def test_every_block_is_a_dot_of_a_few_lines():
    """A line of one point, with a round end, is a dot: where the block lies, in its kin's hue."""
    chart = alt.layer(*ground(POINTS, CAST, MapView(blocks=True, land=True), LIGHT).layers)
    blocks = POINTS[POINTS.kind == "block"]
    [rows] = [
        rows
        for layer in spec(chart)["layer"]
        if layer["mark"]["type"] == "line"
        for rows in [spec(chart)["datasets"][layer["data"]["name"]]]
    ]
    points = [r for r in rows if r["px"] is not None]
    assert len(points) == len(blocks) > 100 and len(rows) == 2 * len(points)
    assert [r["px"] is None for r in rows] == [n % 2 == 1 for n in range(len(rows))]
    assert {(r["px"], r["py"]) for r in points} == {
        (x, y) for x, y in zip(blocks.x, blocks.y, strict=True)
    }
    drawn = vl_convert.vegalite_to_svg(spec(chart))
    dots = re.findall(r"M(-?[\d.]+),(-?[\d.]+)Z", drawn)
    assert len(dots) == len(blocks) and drawn.count("<path") < len(blocks)
