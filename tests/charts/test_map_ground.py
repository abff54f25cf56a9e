"""The ground of a map is the cast's, without the Assistant's accent."""

import json

import altair as alt

from psm_viz.charts.map_ground import MapView, ground
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.persona_map import cast_map
from tests.charts.drawn import CAST, POINTS, spec
from tests.made.study import REFERENCE


def test_accent_is_the_assistants_alone():
    drawn = json.dumps(spec(alt.layer(*ground(POINTS, CAST, MapView(blocks=True), LIGHT).layers)))
    assert LIGHT.accent not in drawn
    assert LIGHT.accent in json.dumps(spec(cast_map(POINTS, CAST, REFERENCE, MapView(), LIGHT)))
