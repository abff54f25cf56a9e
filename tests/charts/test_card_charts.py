"""The small figures of a persona's card."""

import json

from psm_viz.charts import card_charts
from psm_viz.charts.palette import LIGHT
from psm_viz.study.cast import ASSISTANT
from tests.charts.drawn import CAST, spec, texts
from tests.made.study import made_manifest, made_positions


def test_cards_show_the_track_and_the_cast():
    positions = made_positions(CAST)
    path = [c.id for c in made_manifest().branch("cheat")]
    track = card_charts.axis_track(positions, path, "prompt_last", ASSISTANT)
    assert list(track.checkpoint) == path and (track.low < track.high).all()
    assert "+0.5 SD" in texts(card_charts.sparkline(track, "cheat-0064", LIGHT, True))
    at = (positions.checkpoint == "cheat-0064") & (positions.pooling == "prompt_last")
    strip = card_charts.cast_on_axis(positions[at], CAST, "maresa", LIGHT)
    assert LIGHT.accent in json.dumps(spec(strip))
    assert card_charts.axis_track(positions, ["nowhere"], "prompt_last", "maresa").empty
