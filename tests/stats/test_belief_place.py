"""Where a belief lies on a map: between the middles of its likeliest families."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.stats.belief_place import middles, place_of, placed

FAMILIES = ("a", "b", "c", "d")


@pytest.fixture
def points():
    rows = [
        ("persona", "a1", 0, 0, 0, 1),
        ("persona", "a2", 2, 0, 0, 3),
        ("persona", "b1", 10, 0, 5, 0),
        ("persona", "c1", 0, 10, 0, 5),
        ("persona", "d1", 50, 50, 9, 9),
        ("talk", "a1", 99, 99, 99, 99),
    ]
    return pd.DataFrame(rows, columns=["kind", "persona", "x", "y", "pca_x", "pca_y"])


def test_middles_are_of_marks_alone(points):
    home = {"a1": "a", "a2": "a", "b1": "b", "c1": "c", "d1": "d"}
    found = middles(points, home, FAMILIES)
    assert found[0].tolist() == [1, 0, 0, 2] and found[3].tolist() == [50, 50, 9, 9]


def test_a_belief_lies_between_its_three_likeliest_families(points):
    home = {"a1": "a", "a2": "a", "b1": "b", "c1": "c", "d1": "d"}
    at = middles(points, home, FAMILIES)
    sure = place_of({"b": 1.0}, FAMILIES, at)
    assert (sure["x"], sure["pca_x"]) == (10, 5)
    torn = place_of({"a": 0.4, "b": 0.4, "c": 0.15, "d": 0.05}, FAMILIES, at)
    # the least likely of four counts for nothing
    assert torn["x"] == pytest.approx((0.4 * 1 + 0.4 * 10) / 0.95)
    even = place_of(dict.fromkeys(FAMILIES, 0.25), FAMILIES, at)
    assert (even["x"], even["y"]) == tuple(at.mean(0)[:2])


def test_talks_that_nobody_could_be_asked_about_have_no_place():
    nobody = np.array([[np.nan, np.nan], [0.5, 0.5]])
    found = placed(nobody, np.array([[0.0, 0.0], [2.0, 4.0]]))
    assert np.isnan(found[0]).all() and found[1].tolist() == [1, 2]
