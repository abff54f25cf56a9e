"""Laws of the tests: how often they fire on nothing, and what their p can and cannot be."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.resampling import topics_apart
from psm_viz.stats.significance import (
    ALPHA,
    equivalent,
    flipped,
    flips,
    max_over,
    moved,
    p_both,
    p_largest,
    p_of_flips,
    p_outlying,
    percentile,
)

TOPICS = tuple(f"t{i // 2}" for i in range(28))
APART = topics_apart(TOPICS)
SIGNS = flips(TOPICS, 199)
D = 12


def noise(seed):
    """No movement: topics share noise, questions have their own."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.laplace(size=(14, D)), 2, axis=0)
    return shared + rng.normal(size=(28, D))


def test_topics_flip_whole_and_the_first_flip_is_none():
    assert (SIGNS[0] == 1).all() and set(np.unique(SIGNS)) == {-1, 1}
    assert (SIGNS[:, ::2] == SIGNS[:, 1::2]).all()
    assert abs(SIGNS[1:].mean()) < 0.1
    alone = flips(("a", "a", "b"), 50)  # too few topics: questions are their own units
    assert (alone[:, 0] != alone[:, 1]).any()


def test_sign_flip_p_is_uniform_without_movement():
    p = np.array([p_of_flips(moved(noise(s), APART, SIGNS)) for s in range(400)])
    for level in (0.05, 0.25, 0.5, 0.75):
        error = np.sqrt(level * (1 - level) / len(p))
        assert abs((p <= level).mean() - level) < 3.3 * error, level


def test_flipping_questions_where_topics_share_noise_would_cry_wolf():
    alone = np.random.default_rng(0).choice([-1.0, 1.0], size=(200, 28))
    alone[0] = 1
    everyone = ~np.eye(28, dtype=bool)
    fired = [p_of_flips(moved(noise(s), everyone, alone)) <= ALPHA for s in range(100)]
    assert np.mean(fired) > 0.15


def test_a_real_movement_has_the_smallest_p_there_is():
    assert p_of_flips(moved(noise(0) + 2, APART, SIGNS)) == 1 / 200


def test_no_flip_of_all_signs_counts_for_the_finding():
    twice = np.vstack([np.ones(28), -np.ones(28)])
    x = noise(1)
    assert p_of_flips(moved(x, APART, twice)) == 1.0
    assert moved(x, APART, twice)[0] == pytest.approx(moved(x, APART, twice)[1])


def test_p_knows_no_rotation_no_scale_and_zero_is_no_finding():
    x = noise(2) + 0.3
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))
    p = p_of_flips(moved(x, APART, SIGNS))
    assert ALPHA / 10 < p < 0.9
    assert p_of_flips(moved(x @ turn, APART, SIGNS)) == p
    for scale in (1e-8, 1e8):  # also where all squares lie below any absolute tolerance
        assert p_of_flips(moved(scale * x, APART, SIGNS)) == p
    assert p_of_flips(moved(0 * x, APART, SIGNS)) == 1.0


def test_moved_is_the_cross_fitted_square():
    x = noise(3)
    by_hand = np.mean([x[i] @ x[j] for i in range(28) for j in range(28) if APART[i, j]])
    assert moved(x, APART, SIGNS)[0] == pytest.approx(by_hand)
    y = x * SIGNS[5][:, None]
    assert moved(x, APART, SIGNS)[5] == pytest.approx(moved(y, APART, SIGNS)[0])
    assert np.allclose(flipped(x @ x.T, APART, SIGNS), moved(x, APART, SIGNS))


def choices(seed, n=8):
    """n layers of pure noise, correlated as layers are."""
    rng = np.random.default_rng(seed)
    base = noise(seed)
    return np.stack([moved(base + rng.normal(size=base.shape), APART, SIGNS) for _ in range(n)])


def test_a_search_over_choices_is_paid_for():
    found = [(max_over(v).min(), min(p_of_flips(r) for r in v)) for v in map(choices, range(300))]
    paid, unpaid = np.mean(np.array(found) <= ALPHA, axis=0)
    assert abs(paid - ALPHA) < 3.3 * np.sqrt(ALPHA * (1 - ALPHA) / 300)
    assert unpaid > paid + 0.03  # the best of eight without payment


def test_a_search_over_one_choice_many_times_costs_nothing():
    v = moved(noise(4) + 0.35, APART, SIGNS)
    assert (max_over(np.stack([v] * 7)) == p_of_flips(v)).all()
    # nor do other units, nor a choice that no flip changes
    p = max_over(np.stack([v, 1000 * v + 3, np.zeros_like(v)]))
    assert p[0] == p[1] == p_of_flips(v) and p[2] == 1.0


def test_no_choice_is_better_for_having_been_searched_with_others():
    v = choices(5)
    v[2] = moved(noise(6) + 2, APART, SIGNS)
    p = max_over(v)
    assert all(p[k] >= p_of_flips(row) for k, row in enumerate(v))
    assert p[2] == 1 / 200 and p.argmin() == 2


def test_ranks_have_their_floor():
    cast = np.arange(9.0)
    assert percentile(-1.0, cast) == p_largest(99.0, cast) == pytest.approx(1 / 10)
    assert percentile(99.0, cast) == p_largest(-1.0, cast) == 1.0
    assert p_largest(8.0, cast) == pytest.approx(2 / 10)  # a tie counts against the finding
    assert percentile(4.0, cast) == pytest.approx(6 / 10)


def test_outlying_has_two_sides():
    cast = np.arange(99.0)
    assert p_outlying(-5.0, cast) == p_outlying(500.0, cast) == pytest.approx(2 / 100)
    assert p_outlying(49.0, cast) == 1.0  # in the middle: at most 1
    assert p_outlying(1.5, cast) == p_outlying(96.5, cast) == pytest.approx(6 / 100)


def test_ranks_of_one_of_them_are_uniform():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2000, 40))
    p = np.array([[p_largest(x[0], x[1:]), p_outlying(x[0], x[1:])] for x in drawn])
    for level in (0.1, 0.5):
        error = np.sqrt(level * (1 - level) / len(p))
        assert (np.mean(p <= level + 1e-9, axis=0) < level + 3.3 * error).all()
        assert (np.mean(p <= level + 1e-9, axis=0) > level - 0.03 - 3.3 * error).all()


def test_both_nulls_must_fail():
    assert p_both(0.01, 0.4) == 0.4 and p_both(0.02) == 0.02 and p_both(0.3, 0.1, 0.2) == 0.3


def test_what_is_not_a_number_is_never_significant():
    nan = float("nan")
    some = np.array([nan, 1.0])
    good = np.arange(50.0)
    for p in (
        p_of_flips(np.append(nan, good)),
        p_of_flips(np.append(good, nan)),
        percentile(nan, good),
        p_largest(nan, good),
        p_outlying(nan, good),
        percentile(1.0, some),
        p_largest(1.0, some),
        p_outlying(1.0, some),
        p_both(0.01, nan),
        p_both(nan, 0.01),
        *max_over(np.stack([good, np.append(good[1:], nan)])),
    ):
        assert np.isnan(p) and not p <= ALPHA


def test_no_effect_must_be_shown():
    margin = (-0.1, 0.15)
    assert equivalent(-0.05, 0.1, margin) and equivalent(-0.1, 0.15, margin)
    assert not equivalent(-0.05, 0.16, margin)  # the interval leaves the margin above ...
    assert not equivalent(-0.11, 0.1, margin)  # ... below
    assert not equivalent(-5.0, 5.0, margin)  # wide: nothing seen, nothing shown
    assert not equivalent(float("nan"), float("nan"), margin)
    for empty in ((0.1, -0.1), (0.1, 0.1), (float("nan"), 1.0)):
        with pytest.raises(BadInput, match="two ends in order"):
            equivalent(0.0, 0.0, empty)
