"""Trials end to end on a small made arena: silent on nothing, loud on what is there."""

from collections import defaultdict

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.planted import Arena, Trial, made
from psm_viz.stats.trials import FIRES, bench_of, fold_means, one_trial

N = 60
PLANTS = {"zero": (0.0,), "contraction": (0.25,), "shift": (2.0,)}


@pytest.fixture(scope="module")
def fired():
    """(statistic, plant) -> whether it fired, over all trials."""
    arena = made(30, 24, "made, small", n_topics=6)
    b = bench_of(arena, 30, {}, 99, PLANTS)
    out = defaultdict(list)
    for seed in range(N):
        for statistic, kind, _, yes in one_trial(b, seed):
            out[statistic, kind].append(yes)
    return {k: np.array(v) for k, v in out.items()}


ERROR = 2.33 * np.sqrt(0.05 * 0.95 / N)  # 99 % of trials' runs lie below


@pytest.mark.parametrize("kind", ["zero", "contraction"])
def test_nothing_and_a_contraction_are_no_movement_of_its_own(fired, kind):
    assert len(fired["specific_given_cast", kind]) == N
    assert fired["specific_given_cast", kind].mean() <= 0.05 + ERROR


def test_a_large_shift_is_always_seen(fired):
    for statistic in ("specific_given_cast", "specific_norm", "shift_norm"):
        assert fired[statistic, "shift"].all(), statistic


def test_nothing_fires_on_nothing(fired):
    for (statistic, kind), yes in fired.items():
        if kind == "zero":
            assert yes.mean() <= 0.05 + ERROR, statistic


def test_a_contraction_fires_where_the_assistant_is_not_judged_by_the_cast(fired):
    assert fired["specific_norm", "contraction"].mean() > 0.5


def test_a_straight_shift_does_not_leave_the_space(fired):
    for share in (70, 90):
        assert fired[f"in_space_share_{share}", "shift"].mean() <= 0.05 + ERROR


def test_every_statistic_is_one_that_is_judged():
    few = {"zero": (0.0,), "mixture": (0.2,)}
    b = bench_of(made(12, 20, "made", ends=2, n_topics=6), 12, {"t": np.arange(12.0)}, 19, few)
    rows = one_trial(b, 0)
    assert {r[0] for r in rows} <= set(FIRES) and {"steps", "traits"} <= {r[0] for r in rows}
    assert rows == one_trial(b, 0)  # same seed, same trial


def test_fold_means_are_means_over_each_folds_questions():
    x = np.arange(24.0).reshape(2, 6, 2)
    found = fold_means(x, [0, 1, 2, 0, 1, 2])
    assert found.shape == (2, 3, 2) and np.allclose(found[:, 1], (x[:, 1] + x[:, 4]) / 2)
    assert np.allclose(found.mean(1), x.mean(1))


def test_an_arena_with_too_few_folds_is_refused():
    def draw(rng):
        x = rng.normal(size=(13, 8, 5))
        return Trial(x, x + 1)

    topics = tuple(f"t{i // 2}" for i in range(8))
    b = bench_of(Arena("two folds", draw, topics, (0, 1) * 4), 12, {}, 19)
    with pytest.raises(BadInput, match="at least 4 question folds, found 2"):
        one_trial(b, 0)
