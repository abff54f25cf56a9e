"""The plane of a chart: what its ends hold, and words at the ends of lines that stay apart."""

import itertools

import altair as alt
import pytest

from psm_viz.charts.plane import Plane, end_words, linear, padded, roomy, thinned, value_axis
from tests.charts.drawn import spec


def test_a_zero_at_the_foot_stays_there():
    assert padded(0.0, 10.0, 0.1) == (0.0, 11.0)
    assert padded(-10.0, 0.0, 0.1) == (-11.0, 1.0)
    assert padded(3.0, 3.0, 0.1) == (2.9, 3.1)


def test_room_at_the_right_is_a_share_of_the_width():
    low, high = roomy(0.0, 10.0, 0.25)
    assert low < 0 and (high - 10) / high == pytest.approx(0.25)


def test_values_of_an_axis_are_thinned_evenly():
    assert thinned([3, 1, 1, 2], 3) == [1, 2, 3]
    assert thinned(range(10), 4) == [0, 3, 6, 9]


def test_words_that_would_collide_move_apart_and_lead_back():
    plane = Plane(linear(0, 8), alt.Axis(), (0.0, 1.0), value_axis(percent=False))
    words = [{"value": v, "text": t, "colour": "#000"} for v, t in ((0.5, "a"), (0.5, "b"))]
    rows = next(iter(spec(end_words(words, plane, 122, 8.0, "step"))["datasets"].values()))
    heights = sorted(100 * r["value"] for r in rows)
    assert all(b - a > 12 for a, b in itertools.pairwise(heights))
    assert [r["end"] for r in rows] == [0.5, 0.5] and any(r["led"] for r in rows)
    assert {r["step"] for r in rows} == {8.0}
