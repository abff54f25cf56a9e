"""The map beside a map of noise, and beside other settings and seeds."""

import pytest

from psm_viz.charts import map_trust
from psm_viz.charts.palette import LIGHT
from tests.charts.drawn import CAST, INFO, POINTS, TABLES, spec


def test_the_map_stands_beside_a_map_of_noise_at_the_same_size():
    noise = TABLES["gaussian_map"]
    twins = map_trust.twin_points(POINTS, noise[noise.pooling == "prompt_last"])
    spans = {
        k: max(g.px.max() - g.px.min(), g.py.max() - g.py.min()) for k, g in twins.groupby("data")
    }
    assert list(spans.values()) == pytest.approx([1.0, 1.0])
    left, right = (twins[twins.data == d].px for d in ("cast", map_trust.NOISE))
    assert left.max() < right.min()
    trials = TABLES["map_trials"]
    chart = map_trust.twin_map(twins, {"cast": "The cast", map_trust.NOISE: "Noise"}, CAST, LIGHT)
    for layer in spec(chart)["layer"]:
        assert layer["encoding"]["x"]["axis"] is None
    of_noise = trials[(trials.data == map_trust.NOISE) & (trials.pooling == "prompt_last")]
    assert map_trust.map_finding(INFO, of_noise) == (
        "The map keeps 52% of the neighbours it should (chance 5%; 2 maps of noise 11% to 13%)"
    )
    assert map_trust.map_finding(INFO, of_noise[:1]).endswith("a map of noise 13%)")
    assert "not measured" in map_trust.map_finding({}, of_noise)
    rows = map_trust.trial_rows(trials[trials.pooling == "prompt_last"])
    assert rows.filled.sum() == 1 and rows.label.iloc[0] == "15 neighbours, 0.1, cosine"
    assert len(rows) == 15 and "14 other settings" in map_trust.trial_finding(rows)
