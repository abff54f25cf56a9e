"""A tree of rows: known groups come back, noise is told from them, bad input is refused."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats import cast_tree
from tests.made.evidence import EACH, FAMILIES, plant

GROUPS = np.repeat(np.arange(FAMILIES), EACH)


def planted():
    folds = plant()[1]
    folds = folds - folds.mean((0, 1))
    return folds.mean(1), folds


def test_planted_families_are_found_and_stand_together():
    x, folds = planted()
    grown = cast_tree.tree(x)
    assert cast_tree.rand_index(grown.groups(FAMILIES), GROUPS) == pytest.approx(1)
    stands = GROUPS[grown.order]
    assert (np.diff(stands) != 0).sum() == FAMILIES - 1  # each in one piece
    found = cast_tree.families_trust(grown, GROUPS)
    assert found.value == pytest.approx(1) and found.null_high < 0.7
    halves = cast_tree.halves_trust(folds)
    assert halves.value > 0.9 > halves.null_high
    for fit in cast_tree.cophenetic_trust(x):
        assert fit.value > fit.null_high


def test_noise_fits_a_tree_no_better_than_noise():
    x = np.random.default_rng(5).normal(size=(40, 12))
    gaussian = cast_tree.cophenetic_trust(x - x.mean(0), draws=40)[0]
    assert gaussian.null_low - 0.1 < gaussian.value < gaussian.null_high + 0.1


def test_the_tree_joins_at_cosine_distances_of_any_scale():
    x, _ = planted()
    one, other = cast_tree.tree(x), cast_tree.tree(7 * x)
    assert np.allclose(one.heights, other.heights)
    assert len(one.heights) == len(x) * (len(x) - 1) // 2
    assert np.allclose(np.diag(cast_tree.similarities(x)), 1)
    assert sorted(one.order) == list(range(len(x)))


def test_three_rows_join_as_worked_out_by_hand():
    x = np.array([[1.0, 0], [1, 0.1], [-1, 0]])
    grown = cast_tree.tree(x)
    c = 1 / np.sqrt(1.01)
    assert grown.merges[0, 2] == pytest.approx(1 - c)
    assert grown.merges[1, 2] == pytest.approx((2 + 1 + c) / 2)


def test_rand_index_is_one_for_the_same_and_nothing_by_chance():
    assert cast_tree.rand_index(GROUPS, GROUPS[::-1]) == pytest.approx(1)
    assert cast_tree.rand_index(np.zeros(6, int), np.zeros(6, int)) == 1
    rng = np.random.default_rng(0)
    found = [cast_tree.rand_index(GROUPS, rng.permutation(GROUPS)) for _ in range(300)]
    assert abs(np.mean(found)) < 0.02


def test_noise_keeps_the_covariance():
    x, _ = planted()
    rng = np.random.default_rng(0)
    drawn = [cast_tree.noise(x, rng) for _ in range(400)]
    mean = np.mean([d.T @ d for d in drawn], axis=0) * len(x) / (len(x) - 1)
    assert np.abs(mean - x.T @ x).max() < 0.2 * np.abs(x.T @ x).max()


@pytest.mark.parametrize(
    ("x", "problem"),
    [
        (np.eye(2), "at least 3 rows, found 2"),
        (np.array([[1.0, 0], [0, 1], [0, 0]]), "no direction"),
        (np.array([[1.0, 0], [0, 1], [np.nan, 1]]), "rows of a tree"),
    ],
)
def test_what_has_no_tree_is_refused(x, problem):
    with pytest.raises(BadInput, match=problem):
        cast_tree.tree(x)


def test_halves_need_two_folds():
    with pytest.raises(BadInput, match="at least two folds"):
        cast_tree.halves_trust(planted()[1][:, :1])
