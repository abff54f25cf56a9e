"""What lies in an area of a map: bad areas, personas, talks, and the sentence about them."""

import json

import pandas as pd
import pytest

from psm_viz.charts import map_selection, persona_map
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.map_plane import Area
from psm_viz.charts.map_selection import Wanted
from psm_viz.charts.palette import LIGHT
from psm_viz.study.cast import ASSISTANT
from tests.charts.drawn import CAST, POINTS, spec
from tests.made.study import REFERENCE


def points() -> pd.DataFrame:
    """Persona k stands at (k, 0), its two talks above it; the Assistant's talk at (0, 9)."""
    rows = [
        {"kind": "persona" if t < 0 else "talk", "persona": p, "talk": t, "x": k, "y": t + 1}
        for k, p in enumerate(CAST.ids)
        for t in (-1, 0, 1)
    ]
    rows.append({"kind": ASSISTANT, "persona": ASSISTANT, "talk": 3, "x": 0, "y": 9})
    return pd.DataFrame(rows).assign(pca_x=0.0, pca_y=0.0)


@pytest.mark.parametrize(
    "bad",
    [
        *(None, {}, {"area": None}, {"area": []}, {"area": {"px": [0, 1]}}),
        {"area": {"px": [0, 1], "py": [2, 2]}},
        {"area": {"px": [0, "x"], "py": [0, 1]}},
        {"area": {"px": [0, float("nan")], "py": [0, 1]}},
        {"area": {"px": [0, 1, 2], "py": [0, 1]}},
        {"area": {"px": 3, "py": [0, 1]}},
    ],
)
def test_what_is_no_area_selects_nothing(bad):
    assert map_selection.area_of(bad) is None


def test_an_area_may_be_drawn_from_any_corner():
    drawn = {"area": {"px": [5, -1.5], "py": [2, 0]}}
    assert map_selection.area_of(drawn) == Area(-1.5, 5, 0, 2)


def test_an_area_holds_personas_and_talks():
    found = map_selection.selected(points(), CAST, Wanted(Area(-1, 1, 0, 1), []), "UMAP", None)
    assert list(found.what) == ["persona", "persona", "talk", "talk"]
    assert set(found.who) == {"Maresa", "Tobrin"} and set(found.family) == {"Healers"}
    assert map_selection.selection_finding(found) == "2 personas and 2 talks of the cast selected"


def test_families_need_no_pointer_and_join_the_area():
    wanted = Wanted(Area(-1, 0, 8, 10), ["jesters"])
    assert wanted and not Wanted(None, [])
    found = map_selection.selected(points(), CAST, wanted, "UMAP", None)
    assert len(found) == 5 * 3 + 1 and set(found.family) == {"Jesters", ""}
    assert (
        map_selection.selection_finding(found)
        == "5 personas, 10 talks of the cast and 1 talk of the Assistant selected"
    )
    none = map_selection.selected(points(), CAST, Wanted(None, ["nobody"]), "PCA", None)
    assert none.empty and map_selection.selection_finding(none) == "0 personas selected"


def test_talks_carry_their_words():
    said = pd.DataFrame(
        [
            {"persona": "maresa", "talk": 0, "turn": t, "text": f"answer {t}", "valence": v}
            for t, v in ((1, "bad"), (0, "good"))
        ]
    )
    words = map_selection.words_of_talks(said)
    assert words.to_dict("records") == [
        {"persona": "maresa", "talk": 0, "said": "answer 0 / answer 1", "bad": 1}
    ]
    found = map_selection.selected(points(), CAST, Wanted(Area(-1, 0, 0, 1), []), "UMAP", None)
    both = map_selection.with_words(found, words)
    assert list(both.said.isna()) == [True, False] and both.bad[1] == 1


def test_the_map_tells_of_an_area_and_zooms_about_the_chosen():
    params = spec(persona_map.cast_map(POINTS, CAST, REFERENCE, MapView(), LIGHT))["params"]
    assert {q["name"] for q in params} == {persona_map.CLICK, persona_map.AREA, "view"}
    whole, close = (
        spec(persona_map.cast_map(POINTS, CAST, REFERENCE, view, LIGHT))
        for view in (MapView(selected="maresa"), MapView(selected="maresa", zoom=4))
    )
    maresa = POINTS[(POINTS.id == "maresa") & (POINTS.kind == "persona")].iloc[0]

    def domain(drawn):
        xs = [
            layer["encoding"]["x"]["scale"]["domain"]
            for layer in drawn["layer"]
            if "scale" in layer["encoding"]["x"]
        ]
        return json.dumps(xs[0])

    assert repr(float(maresa.x)) in domain(close) and domain(close) != domain(whole)
