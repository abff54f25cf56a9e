"""How far the tool can be trusted: no false alarm is hidden, and each table speaks."""

import json

import pandas as pd

from psm_viz.charts import dot_chart, method_details
from psm_viz.charts.palette import LIGHT
from tests.charts.drawn import TABLES, spec
from tests.charts.test_belief_trust import trials
from tests.made.study import LAYERS
from tests.made.tables import KINDS


def test_false_alarms_are_named_and_none_is_hidden():
    rows = method_details.alarm_rows(TABLES["validation"])
    assert len(rows) == TABLES["validation"].fires.eq(False).sum()
    assert set(rows[~rows.filled].statistic) == {"cloud_energy"}
    said = method_details.alarm_finding(rows)
    loud, n = int((~rows.filled).sum()), len(rows)
    assert f"{n - loud} of {n} false-alarm rates" in said
    assert f"Energy distance ({loud} of {4 * loud}, up to 14%)" in said
    quiet = method_details.alarm_finding(rows[rows.filled])
    assert quiet.startswith(f"No statistic cries wolf: {n - loud} of {n - loud}")
    assert "No false alarms were counted" in method_details.alarm_finding(rows.head(0))
    # an interval that only touches the rule is no alarm
    edge = TABLES["validation"].assign(low=0.05)
    assert method_details.alarm_rows(edge).filled.all()
    # one in forty lies above by chance, and a little above: that is not crying wolf
    one = edge.assign(low=[0.06 if k == 0 else 0.04 for k in range(len(edge))])
    one = one.assign(statistic="specific_norm", rate=0.07)
    assert method_details.alarm_finding(method_details.alarm_rows(one)).startswith(
        "No statistic cries wolf"
    )
    look = dot_chart.DotLook((dot_chart.Rule(0.05, "5 %"),), lanes="lane")
    assert "5 %" in json.dumps(spec(dot_chart.dot_chart(rows, LIGHT, look)))


def test_talks_that_cry_wolf_are_counted_and_named():
    quiet = TABLES["validation"].assign(low=0.04, rate=0.05)
    alone = method_details.alarm_rows(quiet)
    both = method_details.alarm_rows(quiet, trials(0.06, 0.03))
    assert len(both) == len(alone) + 6 and both.filled.all()
    assert set(both.label) - set(alone.label) == {
        "Change of belief, by how likely the words are",
        "Change of belief, by inner state",
    }
    made = both[both["data"] == "made, d 576"]
    assert set(made.statistic) == {"belief_states"} and set(made.lane) == {method_details.MADE_UP}
    assert method_details.alarm_finding(both).startswith(f"No statistic cries wolf: {len(both)} of")
    loud = trials(0.06, 0.03)
    loud.loc[(loud["data"] == "states") & (loud["size"] == 0), ["mean", "low"]] = (0.1, 0.055)
    said = method_details.alarm_finding(method_details.alarm_rows(quiet, loud))
    assert said.startswith(f"{len(both) - 2} of {len(both)} false-alarm rates")
    assert said.endswith("; above it: Change of belief, by inner state (2 of 4, up to 10%)")


def test_power_is_by_plant_and_size():
    rows = method_details.power_rows(TABLES["validation"], KINDS[0])
    assert set(rows.series) >= {"shift", "mixture", "off-space"} and "zero" not in set(rows.series)
    assert "movement of its own from 0.8 (shift)" in method_details.power_finding(rows)
    assert "cloud_trace" not in set(rows.statistic)
    assert method_details.title_of("in_space_share_70") == "Share inside the persona space, 70 %"
    assert "No planted movement" in method_details.power_finding(rows.assign(value=0.1))


def test_layers_speak():
    rows, null = method_details.layer_rows(TABLES["layers"], "cheat-0064", "prompt_last")
    assert set(rows.series) == {"axis", "structure (CKA)"} and len(null) == len(LAYERS)
    said = method_details.layer_finding(TABLES["layers"], "cheat-0064", "prompt_last")
    assert said == "Cheat-0064: a specific shift is shown at every layer"
    early = TABLES["layers"].assign(
        p_layers=[0.01 if n == 0 else 0.3 for n in TABLES["layers"].layer]
    )
    assert method_details.layer_finding(early, "cheat-0064", "prompt_last").endswith(
        "shown at layer 0"
    )
    calm = method_details.layer_finding(TABLES["layers"], "honest-0064", "prompt_last")
    assert "no specific shift shown" in calm
    assert "not tested" in method_details.layer_finding(TABLES["layers"], "nowhere", "prompt_last")


def test_confounds_speak():
    found = method_details.confound_rows(TABLES["confounds"], "cheat-0064", "prompt_last")
    assert method_details.confound_finding(found) == (
        "Place on the axis goes with answer length (r 0.35)"
    )
    assert "neither" in method_details.confound_finding(found.assign(low=-0.1))


def test_steering_speaks_beside_random_directions():
    paths, bands = method_details.steering_rows(TABLES["steering"])
    assert list(bands) == ["random", "random, cast covariance"]
    assert list(dict.fromkeys(paths.series)) == ["axis", "cheat arrow"]
    assert all(list(b.x) == [0, 0.5, 1, 2] and b.low.notna().all() for b in bands.values())
    assert method_details.steering_finding(paths, bands) == (
        "At strength 1 axis and cheat arrow change answers more than random ones"
    )
    assert method_details.steering_words(paths, bands) == ""
    many = pd.concat([paths.assign(series=paths.series + f" {k}") for k in "ab"])
    many.loc[many.series == "axis a", "value"] = 0.3
    assert method_details.steering_finding(many, bands) == (
        "At strength 1, 3 of 4 directions change answers more than random ones"
    )
    assert method_details.steering_words(many, bands) == (
        " More than random ones: cheat arrow a, axis b and cheat arrow b; not more: axis a."
    )
    weak = method_details.steering_finding(paths.assign(value=0.3), bands)
    assert weak == "Axis and cheat arrow: no more than random ones"
    assert "no random directions" in method_details.steering_finding(paths, {})
