"""Laws of persona vectors, axes and projections."""

from itertools import pairwise

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.vectors import (
    assistant_axis,
    cast_mean,
    cosines,
    mean_by_group,
    neighbours,
    principal_directions,
    project,
    trait_axis,
    trait_r2,
    unit,
)
from psm_viz.study.cast import family_weights

rng = np.random.default_rng(0)


def test_families_count_equally(world):
    cast = world.cast()
    w = family_weights(cast)
    by = {
        f.id: sum(w[i] for i, p in enumerate(cast.personas) if p.family == f.id)
        for f in cast.families
    }
    assert np.allclose(list(by.values()), 1 / len(by)) and w.sum() == pytest.approx(1)


def test_axis_and_projection():
    roles, w = rng.normal(size=(20, 8)), np.full(20, 1 / 20)
    a = rng.normal(size=8)
    axis = assistant_axis(a, roles, w)
    mu = cast_mean(roles, w)
    assert project(a[None], mu, axis)[0] == pytest.approx(np.linalg.norm(axis))
    assert w @ project(roles, mu, axis) == pytest.approx(0)
    q, _ = np.linalg.qr(rng.normal(size=(8, 8)))  # rotation changes nothing
    turned = assistant_axis(a @ q, roles @ q, w)
    assert np.allclose(project(roles @ q, mu @ q, turned), project(roles, mu, axis))


def test_degenerate_axes_are_refused():
    roles, w = np.ones((4, 3)), np.full(4, 0.25)
    with pytest.raises(BadInput, match="no Assistant axis"):
        assistant_axis(np.ones(3), roles, w)
    with pytest.raises(BadInput, match="not finite"):
        assistant_axis(np.array([np.nan, 0, 0]), roles, w)
    with pytest.raises(BadInput, match="length zero"):
        unit(np.zeros(3))


def test_mean_by_group_leaves_empty_answers_out():
    v = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    assert np.allclose(mean_by_group(v, [0, 0, 1], 2), [[1, 2], [3, 4]])
    with pytest.raises(BadInput, match="Group 1"):
        mean_by_group(v, [0, 1, 0], 2)


def test_nearest_role_is_the_one_it_was_made_from():
    roles, w = rng.normal(size=(30, 16)), np.full(30, 1 / 30)
    found = neighbours(roles[7] + 0.01 * rng.normal(size=16), roles, w)
    assert found[0][0] == 7 and found[0][1] > 0.99
    assert all(a[1] >= b[1] for a, b in pairwise(found))
    assert 7 not in [i for i, _ in neighbours(roles[7], roles, w, leave_out=7)]
    assert np.allclose(np.diag(cosines(roles, roles)), 1)


def test_traits_are_read_where_planted_and_not_from_noise():
    traits = rng.normal(size=(120, 2))
    planted = traits @ rng.normal(size=(2, 16)) * 3 + rng.normal(size=(120, 16))
    assert (trait_r2(planted, traits) > 0.8).all()
    assert (trait_r2(rng.normal(size=(120, 16)), traits) < 0.1).all()
    axis = trait_axis(planted, traits[:, 0])
    assert np.corrcoef(planted @ axis, traits[:, 0])[0, 1] > 0.8
    with pytest.raises(BadInput, match="same for every persona"):
        trait_axis(planted, np.ones(120))


@pytest.mark.parametrize("n", [6, 60])  # fewer personas than dimensions, and more
def test_principal_directions_are_those_of_the_covariance(n):
    roles = rng.normal(size=(n, 12)) * np.arange(1, 13) + 50
    found, held = principal_directions(roles)
    assert len(found) == min(n - 1, 12)
    assert np.allclose(found @ found.T, np.eye(len(found)))
    assert held.sum() == pytest.approx(1) and (np.diff(held) <= 0).all()
    centred = roles - roles.mean(0)
    assert np.allclose((centred @ found.T) @ found, centred)  # nothing is left over
    assert np.allclose(((centred @ found.T) ** 2).sum(0) / (centred**2).sum(), held)
    turn, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    assert np.allclose(principal_directions(roles @ turn)[1], held)
    assert np.allclose(principal_directions(1e-9 * roles)[1], held)


def test_a_planted_direction_is_found_and_constant_dimensions_hold_nothing():
    way = np.array([0.6, 0.8, 0, 0])
    roles = np.outer(rng.normal(size=9), way) + 3
    found, held = principal_directions(roles)
    assert found.shape == (1, 4) and abs(found[0] @ way) == pytest.approx(1) and held[0] == 1


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40])
def test_one_point_has_no_directions_however_it_is_rounded(n):
    for kind in (np.float64, np.float32):
        point = (rng.normal(size=12) * 100).astype(kind)
        with pytest.raises(BadInput, match="same vector"):
            principal_directions(np.tile(point, (n, 1)))


def test_directions_of_what_is_not_a_number_are_refused():
    roles = rng.normal(size=(9, 4))
    roles[2, 1] = np.nan
    with pytest.raises(BadInput, match="1 of 36 values are not finite"):
        principal_directions(roles)
