"""The map of one checkpoint: no axes, one star, a click that names a persona."""

import pytest

from psm_viz.charts import persona_map
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import LIGHT
from psm_viz.study.cast import ASSISTANT
from tests.charts.drawn import CAST, PALETTES, POINTS, spec, texts
from tests.made.study import REFERENCE


@pytest.mark.parametrize("p", PALETTES, ids=lambda p: p.name)
@pytest.mark.parametrize("projection", ["UMAP", "PCA"])
def test_map_has_no_axes_and_a_named_click(p, projection):
    view = MapView(projection)
    out = spec(persona_map.cast_map(POINTS, CAST, "cheat-0064", view, p, (700, 400)))
    assert out["background"] == p.paper
    for layer in out["layer"]:
        for channel in ("x", "y"):
            if channel in layer["encoding"]:
                assert layer["encoding"][channel]["axis"] is None
                assert "expr" in layer["encoding"][channel]["scale"]["domain"][0]
    clicks = [q for q in out["params"] if q["name"] == persona_map.CLICK]
    assert clicks[0]["select"]["fields"] == ["id"]
    assert "Assistant" in texts(persona_map.cast_map(POINTS, CAST, "cheat-0064", view, p))


def test_off_map_is_hollow_and_said_in_words():
    chart = persona_map.cast_map(POINTS, CAST, "cheat-0064", MapView(space="reference"), LIGHT)
    assert "Assistant, off the map" in texts(chart)
    hollow = [
        layer["mark"]
        for layer in spec(chart)["layer"]
        if layer["mark"].get("stroke") == LIGHT.accent and layer["mark"]["fill"] == LIGHT.paper
    ]
    assert hollow


def test_a_checkpoint_without_a_place_draws_the_cast_alone():
    points = POINTS[POINTS.id != "cheat-0008"]
    chart = persona_map.cast_map(points, CAST, "cheat-0008", MapView(), LIGHT)
    assert "Assistant" not in texts(chart)
    assert "Healers" in texts(chart)


def test_selected_persona_is_named_and_joined_to_its_five_nearest():
    chart = persona_map.cast_map(POINTS, CAST, REFERENCE, MapView(selected="maresa"), LIGHT)
    assert "Maresa" in texts(chart)
    rules = [v for v in spec(chart)["datasets"].values() if v and "qx" in v[0]]
    near = persona_map.neighbours_of(POINTS, "maresa", "", "")
    assert len(near) == 5 and "maresa" not in near and len(rules[0]) == 5
    assert persona_map.neighbours_of(POINTS, ASSISTANT, "cheat-0064", "own")[0] == "malvek"
    assert persona_map.neighbours_of(POINTS, ASSISTANT, "nowhere", "own") == []


def test_map_table_holds_everyone_and_the_assistant_first():
    out = persona_map.map_table(POINTS, CAST, "cheat-0064", MapView())
    assert out.who.iloc[0] == "Assistant" and len(out) == 26
    assert "Malvek" in out["five nearest by cosine"].iloc[0]
