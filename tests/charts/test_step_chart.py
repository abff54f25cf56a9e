"""Charts by step: the null behind, words apart at the ends of lines, branches from their start."""

import itertools

from psm_viz.charts import findings, step_chart
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.plane import AXIS_WIDTH
from psm_viz.charts.step_chart import StepLook
from tests.charts.drawn import DRIFT, EVERY, spec, texts
from tests.made.study import REFERENCE, made_rates


def test_the_null_stands_behind_by_step_and_is_named():
    rows = findings.figure_rows(DRIFT, findings.ALONG, "prompt_last")
    band = step_chart.null_envelope(rows, ["cheat", "honest"])
    assert list(band.step) == [0, 8, 64]
    assert band.high.iloc[0] == band.low.iloc[0] == 0 and (band.high.iloc[1:] == 0.35).all()
    wider = rows.assign(null_high=rows.null_high.where(rows.branch != "honest", 0.9))
    assert step_chart.null_envelope(wider, ["cheat", "honest"]).high.iloc[-1] == 0.9
    assert step_chart.null_envelope(wider, ["cheat"]).high.iloc[-1] == 0.35
    assert step_chart.null_envelope(rows.drop(columns="null_high"), ["cheat"]) is None
    name = step_chart.null_name(rows, ["cheat"])
    chart = step_chart.step_chart(
        rows, ["cheat", "honest"], LIGHT, StepLook(EVERY, band=band, band_name=name, now=8)
    )
    first = spec(chart)["layer"][0]
    assert first["mark"]["type"] == "area" and first["mark"]["color"] == LIGHT.band
    assert {"null: sign flips", "cheat", "honest"} <= texts(chart)
    assert spec(chart)["layer"][1]["encoding"]["y"]["axis"]["minExtent"] == AXIS_WIDTH


def test_words_of_five_branches_do_not_collide():
    rows = findings.figure_rows(DRIFT, findings.HEADLINE, "prompt_last")
    five = EVERY[:5]
    chart = spec(step_chart.step_chart(rows, five, LIGHT, StepLook(EVERY, now=64), (520, 112)))
    words = next(v for v in chart["datasets"].values() if v and "text" in v[0])
    domain = next(
        layer["encoding"]["y"]["scale"]["domain"]
        for layer in chart["layer"]
        if "y" in layer["encoding"]
    )
    per_unit = (112 - 22) / (domain[1] - domain[0])
    heights = sorted(w["value"] * per_unit for w in words)
    assert {w["text"] for w in words} == set(five)
    assert min(b - a for a, b in itertools.pairwise(heights)) > 11


def test_branches_begin_where_they_start():
    rates = made_rates().rename(columns={"mean": "value"})
    held = rates[rates.set == "heldout"]
    out = step_chart.from_start(held, {"cheat": REFERENCE})
    cheat = out[out.branch == "cheat"].sort_values("step")
    assert list(cheat.step) == [0, 8, 64] and cheat.checkpoint.iloc[0] == REFERENCE
    assert len(step_chart.from_start(out, {"cheat": REFERENCE})) == len(out)
