"""Changes of paired questions: found where they are, silent where they are not."""

import numpy as np
import pytest

from psm_viz.stats.paired import mean_change

TOPICS = [f"t{n % 12}" for n in range(72)]


def test_a_change_is_found_with_its_interval():
    x = 0.3 + np.random.default_rng(0).normal(size=72) * 0.2
    e = mean_change(x, TOPICS)
    assert e.value == pytest.approx(x.mean()) and e.low < 0.3 < e.high
    assert e.p < 0.01 and e.null_low < 0 < e.null_high < e.value


def test_no_change_is_called_one_in_twenty_times():
    rng = np.random.default_rng(1)
    of_topic = rng.normal(size=(200, 12)) * 0.5  # questions of a topic move together
    noise = np.stack([of_topic[:, n % 12] for n in range(72)], 1) + rng.normal(size=(200, 72))
    fired = np.mean([mean_change(x, TOPICS).p <= 0.05 for x in noise])
    assert fired <= 0.1


def test_what_was_not_measured_is_left_out():
    x = np.r_[np.full(70, 0.5), np.nan, np.nan]
    assert mean_change(x, TOPICS).value == 0.5
    assert np.isnan(mean_change(np.full(72, np.nan), TOPICS).value)
    one = mean_change(np.r_[1.0, np.full(71, np.nan)], TOPICS)
    assert one.value == 1.0 and np.isnan(one.low) and np.isnan(one.p)
