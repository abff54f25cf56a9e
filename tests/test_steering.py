"""Directions to steer by: random ones that share the cast's covariance, or nobody's."""

import numpy as np

from psm_viz.steering import random_directions


def cast():
    rng = np.random.default_rng(0)
    return 7 + rng.normal(size=(60, 12)) * np.linspace(2, 0.1, 12)


def test_directions_are_of_length_one_and_the_same_for_a_seed():
    for matched in (False, True):
        v = random_directions(9, cast(), 3, matched)
        assert v.shape == (9, 12) and np.allclose(np.linalg.norm(v, axis=1), 1)
        assert np.array_equal(v, random_directions(9, cast(), 3, matched))
        assert not np.allclose(v, random_directions(9, cast(), 4, matched))


def test_matched_directions_lie_as_the_cast_does():
    roles = cast()
    # what the cast's covariance gives a direction of length one: drawn from it, then made a unit
    rng = np.random.default_rng(5)
    drawn = rng.multivariate_normal(np.zeros(12), np.cov(roles.T, bias=True), 20_000)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    found = random_directions(20_000, roles, 1, True)
    assert np.abs(found.T @ found / 20_000 - drawn.T @ drawn / 20_000).max() < 0.01


def test_isotropic_directions_prefer_none():
    v = random_directions(20_000, cast(), 1, False)
    assert np.abs(v.T @ v / 20_000 - np.eye(12) / 12).max() < 0.01


def test_matched_directions_never_leave_the_casts_span():
    roles = cast()
    roles[:, -3:] = 1.0
    assert np.abs(random_directions(50, roles, 2, True)[:, -3:]).max() < 1e-12
