"""Laws of intervals and nulls over talks: questions shared, changes paired, no wolf cried."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.talk_sampling import DRAWS, FLIPS, Plan, change, mean_over_talks, plan_of

N, LASTS, TOPICS, ASKED = 192, 16, 16, 4


def made_plan(lasts=LASTS, n=N):
    rng = np.random.default_rng(0)
    asked = np.stack([rng.choice(TOPICS, ASKED, replace=False) for _ in range(n)])
    return Plan(np.arange(n) % lasts, asked)


PLAN = made_plan()


def values(seed, plan=PLAN, *, last=0.0, topic=0.0):
    """Talks of mean zero and noise one, with what last questions and asked topics share."""
    rng = np.random.default_rng([seed, 5])
    x = rng.normal(size=len(plan.last)) + last * rng.normal(size=LASTS)[plan.last]
    return x + topic * rng.normal(size=TOPICS)[plan.topics].sum(1) / np.sqrt(ASKED)


def test_equal_checkpoints_have_no_change():
    x = values(0, last=1)
    found = change(x, x.copy(), PLAN)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert found.null_low == found.null_high == 0


def test_a_change_is_the_mean_paired_difference():
    before, after = values(1, last=1), values(2, last=1)
    there, back = change(before, after, PLAN), change(after, before, PLAN)
    assert there.value == pytest.approx((after - before).mean())
    assert back.value == pytest.approx(-there.value) and back.p == there.p
    assert there.low < there.value < there.high
    assert there.null_low < 0 < there.null_high and there.null == "signs flipped"
    moved = change(before, after + 3, PLAN)
    assert moved.value == pytest.approx(there.value + 3)
    assert moved.high - moved.low == pytest.approx(there.high - there.low)


def test_what_both_checkpoints_share_of_a_question_is_no_noise():
    shared = values(3, last=20) - values(3)
    before, after = values(4), values(5)
    plain, other = change(before, after, PLAN), change(before + shared, after + shared, PLAN)
    assert other.value == pytest.approx(plain.value) and other.p == plain.p
    assert other.low == pytest.approx(plain.low)


def no_change(seed, plan):
    """p where nothing changed, though each checkpoint makes its own of every last question."""
    before, after = (values(1000 * k + seed, plan, last=0.7) for k in (1, 2))
    return change(before, after, plan).p


def test_no_change_is_called_one_as_often_as_is_said():
    p = np.array([no_change(seed, PLAN) for seed in range(500)])
    for level in (0.05, 0.25, 0.5, 0.75):
        error = np.sqrt(level * (1 - level) / len(p))
        assert abs((p <= level).mean() - level) < 3.3 * error, level


def test_flipping_talks_where_questions_share_noise_would_cry_wolf():
    alone = Plan(np.arange(N), PLAN.topics)
    fired = []
    for seed in range(100):
        before, after = (values(1000 * k + seed, last=0.7) for k in (1, 2))
        fired.append(change(before, after, alone).p <= 0.05)
    assert np.mean(fired) > 0.15


def test_a_large_change_has_the_least_p_there_is():
    before = values(6, last=0.7)
    found = change(before, values(7, last=0.7) + 3, PLAN)
    assert found.p == pytest.approx(1 / (1 + FLIPS))
    assert found.low > 2 and found.null_high < found.value
    assert change(values(7) + 3, before, PLAN).p == found.p  # in either direction


@pytest.mark.parametrize("side", ["before", "after"])
def test_talks_without_a_value_are_left_out(side):
    before, after = values(8), values(9) + 0.1
    holes = np.random.default_rng(1).random(N) < 0.3
    (before if side == "before" else after)[holes] = np.nan
    found = change(before, after, PLAN)
    assert found.value == pytest.approx((after - before)[~holes].mean())
    zero = np.where(holes, 0.0, after - before)
    null = np.abs(PLAN.signs @ zero)
    assert found.p == pytest.approx((null >= null[0] - 1e-9).mean())
    assert found.low < found.value < found.high
    mean = mean_over_talks(100 + np.where(holes, np.nan, values(8)), PLAN)
    assert 99.5 < mean.low < mean.value < mean.high < 100.5  # what is missing is not nought


def test_no_values_have_no_figure():
    empty = np.full(N, np.nan)
    for found in (mean_over_talks(empty, PLAN), change(values(0), empty, PLAN)):
        assert np.isnan([found.value, found.low, found.high, found.p]).all()


def width(x, plan=PLAN):
    found = mean_over_talks(x, plan)
    return found.high - found.low


def test_intervals_widen_where_last_questions_differ():
    x = values(10, last=1.5)
    mixed = np.random.default_rng(2).permutation(x)  # the same values, dealt to any question
    assert width(x) > 1.5 * width(mixed)
    assert width(3 * x + 5) == pytest.approx(3 * width(x))


def covered(**share):
    found = [mean_over_talks(values(seed, **share), PLAN) for seed in range(300)]
    return np.mean([e.low <= 0 <= e.high for e in found])


def test_an_interval_covers_as_often_as_is_said_where_last_questions_differ():
    assert 0.9 < covered(last=1.0) < 0.99
    assert covered() > 0.93  # no less where they do not


def test_an_interval_covers_as_often_as_is_said_where_topics_differ():
    assert covered(topic=0.5) > 0.85


def test_a_constant_has_no_interval_but_its_own():
    found = mean_over_talks(np.full(N, 0.3), PLAN)
    assert found.value == pytest.approx(0.3)
    assert found.low == pytest.approx(0.3) and found.high == pytest.approx(0.3)


def test_talks_of_one_last_question_are_drawn_and_flipped_together():
    assert PLAN.counts.shape == (DRAWS, N) and (PLAN.counts.sum(1) == N).all()
    assert (PLAN.counts >= 0).all() and (PLAN.counts == np.round(PLAN.counts)).all()
    drawn = np.stack([PLAN.counts[:, PLAN.last == q].sum(1) for q in range(LASTS)])
    assert 3 < (drawn == 0).sum(0).mean() < 9  # (1 - 1/16)^16 of sixteen are not drawn
    assert PLAN.signs.shape == (1 + FLIPS, N) and (PLAN.signs[0] == 1).all()
    for q in range(LASTS):
        own = PLAN.signs[:, PLAN.last == q]
        assert (own == own[:, :1]).all() and abs(own[1:].mean()) < 0.1
    again = made_plan()
    assert (again.counts == PLAN.counts).all() and (again.signs == PLAN.signs).all()


def test_few_last_questions_are_flipped_together_too():
    plan = made_plan(3)
    assert all((plan.signs[:, q] == plan.signs[:, q + 3]).all() for q in range(3))


def test_a_plan_numbers_questions_and_topics():
    plan = plan_of(["q9", "q10", "q9"], [["law", "tax"], ["tax", "sea"], ["sea", "law"]])
    assert plan.last.tolist() == [1, 0, 1]
    assert plan.topics.tolist() == [[0, 2], [2, 1], [1, 0]]
    with pytest.raises(BadInput, match="two different questions"):
        plan_of(["q", "q"], [["law"], ["tax"]])
