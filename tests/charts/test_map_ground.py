"""The ground of a map is the cast's, without the Assistant's accent."""

import json
import re

import altair as alt
import numpy as np
import pytest
import vl_convert

from psm_viz.charts.map_ground import HEIGHT, WIDTH, MapView, ground
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.persona_map import cast_map
from tests.charts.drawn import CAST, POINTS, spec
from tests.made.study import REFERENCE


def test_accent_is_the_assistants_alone():
    drawn = json.dumps(spec(alt.layer(*ground(POINTS, CAST, MapView(blocks=True), LIGHT).layers)))
    assert LIGHT.accent not in drawn
    assert LIGHT.accent in json.dumps(spec(cast_map(POINTS, CAST, REFERENCE, MapView(), LIGHT)))


@pytest.mark.parametrize("fixed", [False, True])
def test_every_block_is_a_dot_of_a_few_shapes_where_its_marks_would_lie(fixed):
    """Shapes go with the scales: the dots of blocks lie among marks as points of the same data
    would."""
    chart = alt.layer(*ground(POINTS, CAST, MapView(blocks=True, fixed=fixed), LIGHT).layers)
    chart = chart.properties(width=WIDTH, height=HEIGHT)
    blocks = POINTS[POINTS.kind == "block"]
    [shapes] = [
        layer["data"]["values"]
        for layer in spec(chart)["layer"]
        if layer["mark"]["type"] == "geoshape"
    ]
    points = [tuple(p) for s in shapes for p in s["geometry"]["coordinates"]]
    assert len(points) == len(blocks) > 100 and len(shapes) < 60
    wanted = sorted(zip(blocks.x, blocks.y, strict=True))
    assert np.allclose(sorted(points), wanted, atol=1e-3)

    drawn = spec(chart)
    dots = re.findall(r"M(-?[\d.]+),(-?[\d.]+)m0,", vl_convert.vegalite_to_svg(drawn))
    assert len(dots) == len(blocks)
    # the same blocks as marks
    land = next(x for x in drawn["layer"] if x["mark"]["type"] == "geoshape")
    other = next(x for x in drawn["layer"] if "px" in str(x.get("encoding")))
    land.pop("projection")
    land["mark"] = {"type": "circle", "size": 7}
    land["encoding"] = {c: other["encoding"][c] for c in "xy"}
    rows = [{"px": x, "py": y} for x, y in points]
    land["data"] = {"values": rows}
    marks = re.findall(r"translate\((-?[\d.]+),(-?[\d.]+)\)", vl_convert.vegalite_to_svg(drawn))
    near = {(round(float(x)), round(float(y))) for x, y in marks}
    found = {(round(float(x)), round(float(y))) for x, y in dots}
    assert len(found - near) <= 0.05 * len(found)  # where rounding parts them
