"""Strips: what their dots say, and which side of the bar they stand on."""

import re

from psm_viz.charts import bar_strips
from psm_viz.claims.verdict import Measure


def test_tooltips_of_a_strip_say_seed_and_value():
    m = Measure("m", {0: 0.31, 4: -0.5}, 0.15, above=False)
    for strip in (bar_strips.scale_strip(m), bar_strips.side_strip(m)):
        assert 'title="seed 0: 0.31"' in strip and 'title="seed 4: \N{MINUS SIGN}0.5"' in strip
    # the claim's side is at the right: seed 0 misses its bar, seed 4 does not
    places = re.findall(r'psm-dot" style="left:([\d.]+)%', bar_strips.side_strip(m))
    assert float(places[0]) < 100 * bar_strips.HERE < float(places[1])


def test_a_strip_of_nothing_is_empty_and_one_of_zeros_is_drawn():
    none = Measure("nothing", {}, 0.5)
    assert bar_strips.side_strip(none) == bar_strips.scale_strip(none) == ""
    empty = Measure("no topics", {}, 0.5, True, float("nan"), float("nan"))
    for m in (empty, Measure("no ratio", {0: float("nan")}, 0.5)):
        assert not bar_strips.interval_words(m)
        assert not bar_strips.scale_strip(m) + bar_strips.side_strip(m)
    flat = Measure("flat", {0: 0.0}, 0.0)
    assert "psm-dot" in bar_strips.side_strip(flat) and "psm-dot" in bar_strips.scale_strip(flat)
