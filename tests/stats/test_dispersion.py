"""Laws of the Assistant's cloud over questions."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from psm_viz.errors import BadInput
from psm_viz.stats.dispersion import cloud_test, energy_distance, trace

Q, D = 28, 16
TOPICS = tuple(f"t{i // 2}" for i in range(Q))


def rows(seed, shape=(Q, D)):
    return np.random.default_rng(seed).normal(size=shape)


def by_topic(seed, d=D):
    """Rows that share half their variance within a topic."""
    return np.repeat(rows(seed, (Q // 2, d)), 2, axis=0) + rows(seed + 1000, (Q, d))


def test_nothing_changed_gives_no_energy_and_p_one():
    x = rows(0)
    found = cloud_test(x, x.copy(), TOPICS)
    assert found.energy == 0 and found.trace_ratio == 1
    assert found.energy_p == found.trace_p == 1


def test_trace_is_the_covariances():
    x = rows(1)
    assert trace(x) == pytest.approx(np.trace(np.cov(x.T)))
    assert trace(x + 7) == pytest.approx(trace(x)) and trace(3 * x) == pytest.approx(9 * trace(x))


def test_a_tightened_cloud_is_found_by_its_trace():
    x = rows(2)
    found = cloud_test(x, 0.5 * x + 0.1 * rows(3), TOPICS)
    assert found.trace_ratio < 0.35 and found.trace_p == pytest.approx(1 / 500)
    assert cloud_test(0.5 * x, x, TOPICS).trace_ratio == pytest.approx(4)
    assert cloud_test(0.5 * x, x, TOPICS).trace_p < 0.01  # two-sided


def test_a_moved_cloud_is_found_by_its_energy_not_its_trace():
    x = rows(4)
    found = cloud_test(x, x + 2.0, TOPICS)
    assert found.energy > 0 and found.energy_p == pytest.approx(1 / 500)
    assert found.trace_ratio == pytest.approx(1) and found.trace_p == 1


def test_energy_is_the_textbooks_over_pairs_of_different_topics():
    x, y = rows(5), rows(6) + 0.5
    pairs = np.array([[a != b for b in TOPICS] for a in TOPICS])
    expected = 2 * cdist(x, y)[pairs].mean() - cdist(x, x)[pairs].mean() - cdist(y, y)[pairs].mean()
    assert energy_distance(x, y, TOPICS) == pytest.approx(expected)
    assert cloud_test(x, y, TOPICS).energy == pytest.approx(expected)
    # a question's distance to its own counterpart plays no part
    assert energy_distance(x[::2], x[::2] + 1e-9, TOPICS[::2]) == pytest.approx(0, abs=1e-6)


def test_energy_is_unbiased_without_change():
    found = [energy_distance(by_topic(s), by_topic(s + 500), TOPICS) for s in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_false_alarms_are_as_rare_as_promised():
    """Questions of a topic share noise, and before and after share what the question asks."""
    energy, spread = [], []
    for s in range(300):
        asked = by_topic(s, 6)
        x, y = asked + by_topic(s + 2000, 6), asked + by_topic(s + 4000, 6)
        found = cloud_test(x, y, TOPICS, draws=99, seed=s)
        energy.append(found.energy_p <= 0.05)
        spread.append(found.trace_p <= 0.05)
    assert 0.02 < np.mean(energy) < 0.09 and 0.02 < np.mean(spread) < 0.09


def test_swapped_traces_are_those_of_clouds_swapped_by_hand():
    x, y = rows(7, (6, 3)), 2 * rows(8, (6, 3)) + 5
    topics = ("a", "a", "b", "b", "c", "c")
    observed = abs(np.log(trace(y) / trace(x)))
    reached = 0
    for flip in ([1, 1, 0], [1, 0, 1], [0, 1, 1]):  # all but the identity, up to a full swap
        moved = np.repeat(flip, 2)[:, None] == 1
        p, q = x - x.mean(0), y - y.mean(0)  # spread is compared, not place
        ratio = trace(np.where(moved, p, q)) / trace(np.where(moved, q, p))
        reached += abs(np.log(ratio)) >= observed
    assert cloud_test(x, y, topics).trace_p == (1 + reached) / 4


def test_few_topics_say_how_small_a_p_can_get():
    x = rows(9)
    few = tuple(f"t{i % 4}" for i in range(Q))
    found = cloud_test(x, x + 9, few)
    assert found.p_floor == found.energy_p == pytest.approx(1 / 8) and found.topics == 4
    assert cloud_test(x, x + 9, TOPICS, draws=99).p_floor == pytest.approx(1 / 100)


def test_rotation_shift_and_order_change_nothing():
    x, y = rows(10), rows(11) * 1.3
    q, _ = np.linalg.qr(rows(12, (D, D)))
    a, b = cloud_test(x, y, TOPICS), cloud_test(x @ q + 3, y @ q + 3, TOPICS)
    assert a.energy == pytest.approx(b.energy) and a.trace_ratio == pytest.approx(b.trace_ratio)
    assert (a.energy_p, a.trace_p) == (b.energy_p, b.trace_p)
    assert cloud_test(y, x, TOPICS).energy == pytest.approx(a.energy)
    assert cloud_test(y, x, TOPICS).trace_ratio == pytest.approx(1 / a.trace_ratio)


def test_what_cannot_be_tested_is_refused():
    x = rows(15)
    hole = x.copy()
    hole[3, 2] = np.nan
    for bad in ((hole, x), (x, hole)):
        with pytest.raises(BadInput, match="not finite"):
            cloud_test(*bad, TOPICS)
    with pytest.raises(BadInput, match="two topics"):
        cloud_test(x, x, ("t",) * Q)
    with pytest.raises(BadInput, match="after has no variance"):
        cloud_test(x, np.ones_like(x), TOPICS)
    with pytest.raises(BadInput, match="same questions"):
        cloud_test(x, x, TOPICS[:-1])
    with pytest.raises(BadInput, match="at least one draw"):
        cloud_test(x, x, TOPICS, draws=0)
    with pytest.raises(BadInput, match="two questions"):
        trace(x[:1])


def test_clouds_in_two_places_with_one_spread_are_not_told_apart_by_their_trace():
    fired = []
    for seed in range(120):
        rng = np.random.default_rng([seed, 3])
        x, y = rng.normal(size=(2, len(TOPICS), 6))
        fired.append(cloud_test(x, y + 4.0, TOPICS, draws=99).trace_p <= 0.05)
    assert np.mean(fired) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(fired))
