"""Who would say this: the overlay's colours, sentences and rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.charts import evidence_colour, persona_map
from psm_viz.charts.map_ground import MapView
from psm_viz.charts.palette import LIGHT
from psm_viz.study.cast import ASSISTANT
from tests.charts.drawn import CAST, PALETTES, POINTS, spec, svg, texts
from tests.made.study import REFERENCE
from tests.made.tables import made_likelihood

SAID = evidence_colour.overlay_of("cheat", made_likelihood(CAST), CAST)
NAMES = {p.id: p.name for p in CAST.personas}


@pytest.mark.parametrize("p", PALETTES, ids=lambda p: p.name)
def test_the_overlay_takes_the_colour_and_names_the_readiest(p):
    chart = persona_map.cast_map(POINTS, CAST, REFERENCE, MapView(overlay=SAID), p, (700, 400))
    drawn = spec(chart)
    kinds = json.dumps(drawn)
    assert not any(c in kinds for c in p.kins)
    shaded = [
        layer
        for layer in drawn["layer"]
        if layer["encoding"].get("color", {}).get("field") == "value"
    ]
    assert len(shaded) == 1 and shaded[0]["encoding"]["shape"]["field"] == "shape"
    scale = shaded[0]["encoding"]["color"]["scale"]
    assert scale["range"] == list(p.scale) and len(scale["domain"]) == 5
    assert scale["domain"][0] <= 0 <= scale["domain"][-1]
    assert "less readily than the Assistant" in kinds
    assert {NAMES[i] for i in SAID.named} <= texts(chart) and len(SAID.named) == 3
    clicks = [q for q in drawn["params"] if q["name"] == persona_map.CLICK]
    assert clicks[0]["select"]["fields"] == ["id"]
    assert svg(chart).startswith("<svg")


def test_the_overlay_speaks_by_its_intervals():
    found = evidence_colour.overlay_finding(SAID, NAMES)
    more = int((SAID.rows.low > 0).sum())
    assert found.startswith(f"{more} of 25 personas") and 0 < more < 25
    below = replace(SAID, rows=SAID.rows.assign(low=-1.0))
    assert "more readily than the Assistant; nearest" in evidence_colour.overlay_finding(
        below, NAMES
    )
    assert ASSISTANT not in set(SAID.rows.persona)  # the table's last row is the Assistant
    words = evidence_colour.overlay_words(SAID, {"data": "cheat.jsonl", "answers": 40})
    assert "cheat.jsonl" in words and "40 answers" in words and "Assistant's own" in words
    assert "no record" in evidence_colour.overlay_words(SAID, {})


def test_a_persona_that_was_not_asked_is_hollow_and_the_table_says_nothing_of_it():
    rows = made_likelihood(CAST)
    part = evidence_colour.overlay_of("cheat", rows[rows.persona != "maresa"], CAST)
    view = MapView(overlay=part)
    drawn = spec(persona_map.cast_map(POINTS, CAST, REFERENCE, view, LIGHT))
    assert [v for v in drawn["layer"] if v["mark"].get("fill") == LIGHT.paper]
    table = persona_map.map_table(POINTS, CAST, REFERENCE, view)
    by_name = table.set_index("who")["nats a token"]
    assert np.isnan(by_name["Maresa"]) and np.isnan(by_name["Assistant"])
    assert by_name["Malvek"] == pytest.approx(SAID.values["malvek"])
