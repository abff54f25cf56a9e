"""A direction fixed before: held out by last question, in the cast's own spread."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.belief import splits
from psm_viz.stats.fixed_direction import direction_of
from tests.made.talks import made_seats

WHO = made_seats(4, 5, 8, 8)
MARKED = np.array([False, True, False, True])


def made(apart, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(WHO.family), 12))
    x[:, 0] += apart * MARKED[WHO.family]
    return x


def test_talks_of_the_marked_lie_further_along():
    x = made(3.0)
    along = direction_of(x, WHO, MARKED).along(x, WHO.last)
    gap = along[MARKED[WHO.family]].mean() - along[~MARKED[WHO.family]].mean()
    spread = np.sqrt(1 + 9 / 4)  # of talks, and of two groups three apart
    assert gap == pytest.approx(3 / spread, abs=0.3)


def test_noise_alone_gives_no_gap_since_questions_are_held_out():
    gaps = []
    for seed in range(30):
        x = made(0.0, seed)
        along = direction_of(x, WHO, MARKED).along(x, WHO.last)
        gaps.append(along[MARKED[WHO.family]].mean() - along[~MARKED[WHO.family]].mean())
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(30)


def test_a_part_has_no_say_in_its_own_direction():
    x, (_, part) = made(1.0), splits(WHO)
    other = x + 5 * np.random.default_rng(9).normal(size=x.shape) * (part == 2)[:, None]
    before, after = (direction_of(y, WHO, MARKED) for y in (x, other))
    assert np.allclose(before.axes[2], after.axes[2])
    assert not np.allclose(before.axes[1], after.axes[1], atol=0.05)


def test_all_or_none_marked_is_refused():
    for marked in (np.ones(4, dtype=bool), np.zeros(4, dtype=bool)):
        with pytest.raises(BadInput, match="marked"):
            direction_of(made(1.0), WHO, marked)
