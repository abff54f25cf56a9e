"""The map coloured by a measure: numbers, sentences, and what is not known."""

from dataclasses import replace

import pandas as pd
import pytest

from psm_viz.charts import measure_colour, persona_map, talk_map
from psm_viz.charts.map_ground import MapView
from tests.charts.drawn import CAST, PALETTES, POINTS, spec
from tests.made.study import REFERENCE

FAMILIES = [f.id for f in CAST.families]
HONEST = replace(
    CAST,
    personas=tuple(replace(p, traits={"honesty": k / 24}) for k, p in enumerate(CAST.personas)),
)


def answers(bad: dict[str, int], n: int = 10) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"persona": p, "valence": "bad" if k < bad.get(p, 0) else "good"}
            for p in CAST.ids
            for k in range(n)
        ]
        + [{"persona": "maresa", "valence": "neutral"}] * 50
    )


def test_conduct_counts_bad_among_good_and_bad_answers():
    found = measure_colour.conduct_colour(answers({"maresa": 8, "grusk": 6}), CAST, "cheat-0064")
    assert found.overlay.values["maresa"] == pytest.approx(0.8)
    assert found.overlay.notes["grusk"] == "6 of 10 answers bad"
    assert found.finding.startswith("2 of 25 personas answer badly more often than well")
    assert "Maresa, Grusk" in found.finding and "about 10 a persona" in found.words
    assert measure_colour.conduct_colour(answers({}).assign(valence="none"), CAST, "x") is None


def test_belief_is_that_of_the_family():
    masses = pd.DataFrame({"name": FAMILIES, "mass": [0.1, 0.1, 0.1, 0.5, 0.2]})
    found = measure_colour.belief_colour(masses, CAST, "cheat-0064", "by words")
    assert found.overlay.values["malvek"] == 0.5 and found.overlay.ends == (0.0, 0.5)
    assert "most like saboteurs (50%), overseers (20%)" in found.finding
    assert "all alike would be 20%" in found.words
    assert not found.overlay.named
    assert measure_colour.belief_colour(masses.head(0), CAST, "x", "") is None


def test_axis_and_traits_name_both_ends():
    z = pd.DataFrame({"persona": CAST.ids, "z": [k / 10 for k in range(25)]})
    found = measure_colour.axis_colour(z, CAST, REFERENCE)
    assert "its axis: Proctor, Auditor and Sentinel; farthest from it: Maresa" in found.finding
    assert measure_colour.axis_colour(z.head(0), CAST, REFERENCE) is None
    found = measure_colour.trait_colour("honesty", HONEST)
    assert "Honesty is highest in Proctor" in found.finding and found.overlay.ends == (-1, 1)
    assert measure_colour.trait_colour("honesty", CAST) is None


def test_trust_tells_who_is_placed_worst():
    people = POINTS[POINTS.kind == "persona"]
    found = measure_colour.trust_colour(people.assign(recall=[0.2] + [0.6] * 24), CAST)
    assert "about Maresa" in found.finding and "keeps 20%" in found.finding
    assert measure_colour.trust_colour(people.assign(recall=float("nan")), CAST) is None


@pytest.mark.parametrize("p", PALETTES, ids=lambda p: p.name)
def test_a_scale_of_equal_values_and_unknown_personas_is_drawn(p):
    people = POINTS[POINTS.kind == "persona"]
    found = measure_colour.trust_colour(people.head(5).assign(recall=0.5), CAST)
    low, high = found.overlay.ends
    assert high > low
    view = MapView(overlay=found.overlay)
    legends = [
        layer["encoding"]["color"].get("legend")
        for layer in spec(persona_map.cast_map(POINTS, CAST, REFERENCE, view, p))["layer"]
        if layer["encoding"].get("color", {}).get("field") == "value"
    ]
    assert len(legends) == 1 and legends[0]["title"] == "nearest neighbours kept by the map"
    table = persona_map.map_table(POINTS, CAST, REFERENCE, view)
    assert table["neighbours kept"].notna().sum() >= 5 and "from" not in table


def test_the_map_of_talks_takes_the_colour_with_one_legend():
    points = pd.DataFrame(
        [
            {"kind": kind, "persona": p, "talk": t, "checkpoint": REFERENCE}
            | {"x": k + t / 9, "y": k % 5, "pca_x": k, "pca_y": t, "off_map": False, "recall": 0.5}
            for k, p in enumerate(CAST.ids)
            for kind, t in (("talk", 0), ("talk", 1), ("persona", -1))
        ]
    )
    found = measure_colour.conduct_colour(answers({"maresa": 8}), CAST, REFERENCE)
    view = MapView(overlay=found.overlay)
    drawn = spec(talk_map.talk_map(points, CAST, REFERENCE, view, PALETTES[0]))
    shaded = [
        layer["encoding"]["color"]
        for layer in drawn["layer"]
        if layer["encoding"].get("color", {}).get("field") == "value"
    ]
    assert len(shaded) == 2 and sum(bool(c.get("legend")) for c in shaded) == 1
    table = talk_map.talk_table(points, CAST, REFERENCE, found.overlay)
    assert table.set_index("who")["bad answers"]["Maresa"] == pytest.approx(0.8)
