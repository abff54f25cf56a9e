"""Laws of drift: what must come out when we know what went in."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.drift import (
    FIGURES,
    Shift,
    figures,
    figures_of_draws,
    held_out_axes,
    shift_intervals,
    spread_along,
)
from psm_viz.stats.resampling import (
    dot,
    draw_counts,
    estimate,
    interval,
    interval_of_draws,
    quadratic,
    signed_root,
    topic_draws,
    topic_index,
    topics_apart,
)

Q, D, R = 24, 32, 40
TOPICS = tuple(f"t{i // 2}" for i in range(Q))
APART = topics_apart(TOPICS)
FOLDS = [i % 4 for i in range(Q)]
ONES = np.ones((1, Q))


def made(total, common, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    axis = np.tile(np.eye(D)[0], (Q, 1))
    return Shift(
        total + noise * rng.normal(size=(Q, D)),
        common + noise * rng.normal(size=(Q, D)),
        axis,
        np.full(Q, 2.0),
        TOPICS,
    )


def test_zero_shift_gives_zero():
    shift = made(np.zeros((Q, D)), np.zeros((Q, D)))
    f = figures(shift)
    assert set(f) == set(FIGURES)
    assert all(f[k] == 0 for k in FIGURES if k != "cos_shift_global")
    assert np.isnan(f["cos_shift_global"])  # a direction that does not exist is not invented
    i = shift_intervals(shift, draw_counts(TOPICS, 20))
    assert i["specific_norm"].low == i["specific_norm"].high == 0
    assert np.isnan(i["cos_shift_global"].low)


def test_a_planted_shift_is_recovered_exactly_without_noise():
    total = np.tile(3 * np.eye(D)[0] + 4 * np.eye(D)[1], (Q, 1))
    common = np.tile(4 * np.eye(D)[1], (Q, 1))
    f = figures(made(total, common))
    assert f["shift_norm"] == pytest.approx(5) and f["global_norm"] == pytest.approx(4)
    assert f["specific_norm"] == pytest.approx(3)
    assert f["cos_shift_global"] == pytest.approx(0.8)
    # three units along an axis on which the cast's standard deviation is two
    assert f["axis_component"] == f["axis_position_cast"] == pytest.approx(1.5)


def noisy_topics(seed):
    """Noise that the questions of a topic share, beside their own."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(size=(Q // 2, D)), 2, axis=0) + 0.5 * rng.normal(size=(Q, D))


def test_cross_fitted_squares_are_unbiased_where_topics_share_noise():
    noise = [noisy_topics(s) for s in range(400)]
    squares = np.array([dot(x, x, APART) for x in noise])
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean()) < 3 * error
    # what it avoids: products of different questions of one topic keep the topic's noise,
    # and the square of the mean keeps everything
    different = ~np.eye(Q, dtype=bool)
    same_topic = np.mean([dot(x, x, different) for x in noise])
    plain = np.mean([(x.mean(0) ** 2).sum() for x in noise])
    assert plain > same_topic > 10 * error
    # with a planted movement: its square, no more
    way = np.zeros(D)
    way[3] = 2.0
    moved = np.array([dot(x + way, x + way, APART) for x in noise])
    assert abs(moved.mean() - 4) < 3 * moved.std() / np.sqrt(len(moved))


def test_rotation_changes_no_figure():
    rng = np.random.default_rng(1)
    total, common, axis = rng.normal(size=(3, Q, D))
    total += 1
    turn, _ = np.linalg.qr(rng.normal(size=(D, D)))
    here = Shift(total, common, axis, np.ones(Q), TOPICS)
    there = Shift(total @ turn, common @ turn, axis @ turn, np.ones(Q), TOPICS)
    a, b = (shift_intervals(s, draw_counts(TOPICS, 20)) for s in (here, there))
    for k in FIGURES:
        values = [(i.value, i.low, i.high) for i in (a[k], b[k])]
        assert np.allclose(*values), k


def test_quadratic_is_the_mean_over_pairs_that_stand_apart():
    x = np.random.default_rng(2).normal(size=(Q, D))
    counts = np.random.default_rng(3).integers(0, 3, size=(1, Q)).astype(float)
    pairs = [(i, j) for i in range(Q) for j in range(Q) if TOPICS[i] != TOPICS[j]]
    weight = np.array([counts[0, i] * counts[0, j] for i, j in pairs])
    by_hand = np.average([x[i] @ x[j] for i, j in pairs], weights=weight)
    assert quadratic(x @ x.T, APART, counts)[0] == pytest.approx(by_hand)
    assert quadratic(x @ x.T, APART, 5 * counts)[0] == pytest.approx(by_hand)
    y = x[::-1].copy()
    assert dot(x, y, APART) == pytest.approx(dot(y, x, APART))


def test_a_copied_question_is_never_paired_with_itself_or_its_topic():
    x = np.random.default_rng(2).normal(size=(Q, D))
    counts = np.zeros((3, Q))
    counts[0, [0, 2]] = 3, 1  # two topics: their one product, however often drawn
    counts[1, 0] = 5  # one question
    counts[2, [0, 1]] = 1  # two questions of one topic
    found = quadratic(x @ x.T, APART, counts)
    assert found[0] == pytest.approx(float(x[0] @ x[2]))
    assert np.isnan(found[1:]).all()


def test_questions_stand_apart_by_topic_and_alone_where_topics_are_few():
    assert not APART[0, 1] and APART[0, 2] and not APART.diagonal().any()
    few = topics_apart(("a", "a", "b", "b", "c"))
    assert (few == ~np.eye(5, dtype=bool)).all()
    assert list(topic_index(("a", "a", "b", "b", "c"))) == [0, 1, 2, 3, 4]
    with pytest.raises(BadInput, match="two different questions, found 1") as e:
        topics_apart(("a",))
    assert e.value.next_step


def test_held_out_axes_point_at_the_assistant_and_never_use_their_own_fold():
    rng = np.random.default_rng(3)
    folds = rng.normal(size=(R + 1, 4, D))
    folds[-1] += 10 * np.eye(D)[0]
    w = np.full(R, 1 / R)
    axes, spread = held_out_axes(folds, w, FOLDS)
    assert (axes[:, 0] > 0.9).all() and (spread > 0).all()
    assert np.allclose(np.linalg.norm(axes, axis=1), 1)
    changed = folds.copy()
    changed[:, 2] += 100 * rng.normal(size=(R + 1, D))
    again, _ = held_out_axes(changed, w, FOLDS)
    own = np.array(FOLDS) == 2
    assert np.allclose(axes[own], again[own]) and not np.allclose(axes[~own], again[~own])


def test_a_planted_axis_is_recovered_exactly_without_noise():
    rng = np.random.default_rng(4)
    roles = rng.normal(size=(R, D))
    w = rng.dirichlet(np.ones(R))
    way = rng.normal(size=D)
    people = np.vstack([roles, w @ roles + way])
    axes, spread = held_out_axes(np.repeat(people[:, None], 4, axis=1), w, FOLDS)
    u = way / np.linalg.norm(way)
    assert np.allclose(axes, u)
    assert np.allclose(spread, spread_along((roles - w @ roles) @ u, w))


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_a_cast_that_is_one_point_has_no_spread(n):
    point = np.random.default_rng(5).normal(size=D)  # thirds and sevenths round: never quite zero
    folds = np.repeat(np.vstack([np.tile(point, (n, 1)), 1.5 * point])[:, None], 4, axis=1)
    with pytest.raises(BadInput, match="one point") as e:
        held_out_axes(folds, np.full(n, 1 / n), FOLDS)
    assert e.value.next_step


def test_axes_that_cannot_be_made_are_refused():
    folds = np.random.default_rng(6).normal(size=(R + 1, 4, D))
    w = np.full(R, 1 / R)
    with pytest.raises(BadInput, match="two question folds, found 1"):
        held_out_axes(folds[:, :1], w, [0] * Q)
    folds[2, 1, 0] = np.nan
    with pytest.raises(BadInput, match="Assistant axis: 1 of 32 values are not finite"):
        held_out_axes(folds, w, FOLDS)
    middle = np.repeat(np.array([[1.0, 0], [3, 0], [2, 0]])[:, None], 4, axis=1)
    with pytest.raises(BadInput, match="there is no Assistant axis"):
        held_out_axes(middle, np.full(2, 0.5), FOLDS)


def test_intervals_cover_a_known_mean():
    rng = np.random.default_rng(4)
    covered = 0
    for s in range(60):
        topic = np.repeat(rng.normal(size=Q // 2), 2)
        y = topic + rng.normal(size=Q)
        i = interval(lambda c, y=y: float(c @ y / c.sum()), TOPICS, draws=200, seed=s)
        covered += i.low <= 0 <= i.high
    assert 45 <= covered <= 60  # nominal 57; a percentile interval over 12 topics is a little short


def test_draws_resample_topics_whole():
    for drawn, counts in topic_draws(TOPICS, 5, 0):
        assert len(drawn) == Q and counts.sum() == Q
        assert (np.bincount(drawn, minlength=Q) == counts).all()
        assert (counts.reshape(-1, 2).sum(1) % 2 == 0).all()  # a topic comes with its two questions
    assert (draw_counts(TOPICS, 5, 0) == [c for _, c in topic_draws(TOPICS, 5, 0)]).all()


def test_topics_of_one_question_are_drawn_as_one_by_one():
    names = tuple("cadbhgef")
    rng, order = np.random.default_rng(3), np.argsort(topic_index(names))
    for drawn, _ in topic_draws(names, 50, 3):
        assert (drawn == order[rng.integers(len(names), size=len(names))]).all()


def test_all_draws_at_once_are_the_draws_one_by_one():
    rng = np.random.default_rng(7)
    shift = made(1 + rng.normal(size=(Q, D)), 1 + rng.normal(size=(Q, D)))
    counts = draw_counts(TOPICS, 6)
    together = figures_of_draws(shift, counts)
    for n, c in enumerate(counts):
        alone = figures(shift, c)
        assert all(together[k][n] == pytest.approx(alone[k]) for k in FIGURES)
    i = interval_of_draws(lambda c: c @ shift.total[:, 0] / c.sum(1), counts)
    assert i.value == pytest.approx(shift.total[:, 0].mean())


def test_an_interval_holds_its_value_and_is_no_point_where_nothing_can_be_drawn():
    found = shift_intervals(made(np.ones((Q, D)), np.zeros((Q, D)), noise=0.3))
    i = found["specific_norm"]
    assert i.low < i.value < i.high
    none = estimate(1.0, np.full(5, np.nan))
    assert none.value == 1 and np.isnan([none.low, none.high]).all()
    usable = estimate(1.0, np.array([np.nan, 2.0, 2.0]))
    assert usable.low == usable.high == 2


def test_a_square_below_zero_keeps_its_sign():
    assert np.allclose(signed_root(np.array([-4.0, 0, 9])), [-2, 0, 3])
