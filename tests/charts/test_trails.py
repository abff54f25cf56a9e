"""Trails end at the chosen step and are dotted where nothing was measured."""

from psm_viz.charts import trails
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import LIGHT
from tests.charts.drawn import CAST, EVERY, POINTS, spec, texts
from tests.made.study import REFERENCE, made_manifest


def test_trails_stop_at_the_chosen_step():
    branches = {b: made_manifest().branch(b) for b in ("cheat", "requested")}

    def drawn(now: int):
        course = trails.Course(branches, EVERY, REFERENCE, now)
        return trails.trail_map(POINTS, CAST, course, MapView(), LIGHT)

    path = trails.trail_points(POINTS, branches, MapView())
    assert list(path[path.branch == "cheat"].step) == [0, 8, 64]
    early = texts(drawn(8))
    late = texts(drawn(64))
    assert "cheat" in early and not any("requested" in t for t in early)
    assert {"cheat", "requested"} <= late
    # a branch that ended before the chosen step says where
    ended = texts(drawn(512))
    assert {"cheat, step 64", "requested, step 64"} <= ended
    dotted = [v for v in spec(drawn(64))["layer"] if v["mark"]["type"] == "rule"]
    assert dotted and all(layer["mark"]["strokeDash"] == [0.5, 4] for layer in dotted)
