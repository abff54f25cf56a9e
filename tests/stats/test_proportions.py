"""The difference of two shares: its interval holds the truth, its null what chance does."""

import numpy as np
import pytest

from psm_viz.stats.proportions import share_change, wilson


def test_a_published_example():
    # Newcombe 1998, table II, example (a) by method 10: 56/70 against 48/80
    e = share_change((48, 80), (56, 70))
    assert (e.value, e.low, e.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=2e-4)
    low, high = wilson(np.array([81 / 263, 0.0, 1.0]), np.array([263.0, 20.0, 20.0]))
    assert (low[0], high[0]) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert low[1] == 0 and high[2] == 1  # no share is below none, by rounding either


def test_swapping_turns_the_sign():
    a, b = share_change((3, 20), (11, 25)), share_change((11, 25), (3, 20))
    assert (a.value, a.low, a.high, a.p) == pytest.approx((-b.value, -b.high, -b.low, b.p))


def test_the_ends_stay_within_reach_and_nobody_judged_is_nothing():
    e = share_change((0, 30), (30, 30))
    assert e.value == 1 and e.low > 0.8 and e.high <= 1 and e.p < 1e-10
    same = share_change((0, 30), (0, 30))
    assert same.value == 0 == same.null_low == same.null_high and same.p == 1
    assert np.isnan(share_change((0, 0), (3, 5)).value)


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_without_a_change_few_are_called_one(p):
    rng = np.random.default_rng(3)
    k = rng.binomial(30, p, size=(400, 2))
    found = [share_change((int(a), 30), (int(b), 30)) for a, b in k]
    assert np.mean([e.p <= 0.05 for e in found]) <= 0.07
    assert np.mean([e.low <= 0 <= e.high for e in found]) >= 0.92
    inside = [e.null_low - 1e-9 <= e.value <= e.null_high + 1e-9 for e in found]
    assert np.mean(inside) >= 0.92
