"""Laws of drift: what must come out when we know what went in."""

import numpy as np
import pytest

from psm_viz.drift import (
    Shift,
    dot,
    figures,
    held_out_axes,
    interval,
    percentile,
    shift_intervals,
    specific_norms_of_cast,
    topic_draws,
)
from psm_viz.errors import BadInput

Q, D, R = 24, 32, 40
TOPICS = tuple(f"t{i // 2}" for i in range(Q))
FOLDS = [i % 4 for i in range(Q)]


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
    f = figures(made(np.zeros((Q, D)), np.zeros((Q, D))))
    assert f["shift_norm"] == f["specific_norm"] == f["axis_component"] == 0
    assert np.isnan(f["cos_shift_global"])  # a direction that does not exist is not invented


def test_a_planted_shift_is_recovered_exactly_without_noise():
    total = np.tile(3 * np.eye(D)[0] + 4 * np.eye(D)[1], (Q, 1))
    common = np.tile(4 * np.eye(D)[1], (Q, 1))
    f = figures(made(total, common))
    assert f["shift_norm"] == pytest.approx(5) and f["global_norm"] == pytest.approx(4)
    assert f["specific_norm"] == pytest.approx(3)
    assert f["cos_shift_global"] == pytest.approx(0.8)
    assert f["axis_component"] == pytest.approx(1.5) and f["axis_position_cast"] == pytest.approx(
        1.5
    )


def test_cross_fitted_squares_are_unbiased_on_pure_noise():
    squares = [
        dot(x, x, np.ones(Q))
        for x in (np.random.default_rng(s).normal(size=(Q, D)) for s in range(400))
    ]
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares)) < 3 * error
    # what cross-fitting avoids: the plain square of the mean is all noise
    plain = np.mean(
        [(np.random.default_rng(s).normal(size=(Q, D)).mean(0) ** 2).sum() for s in range(50)]
    )
    assert plain > 20 * error


def test_rotation_changes_no_norm():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, Q, D))
    q, _ = np.linalg.qr(rng.normal(size=(D, D)))
    assert dot(x @ q, y @ q, np.ones(Q)) == pytest.approx(dot(x, y, np.ones(Q)))


def test_a_copied_question_is_never_paired_with_itself():
    x = np.random.default_rng(2).normal(size=(Q, D))
    counts = np.zeros(Q)
    counts[:2] = [3, 1]
    assert dot(x, x, counts) == pytest.approx(float(x[0] @ x[1]))
    with pytest.raises(BadInput, match="two different questions"):
        dot(x, x, np.eye(Q)[0] * 5)


def test_held_out_axes_point_at_the_assistant_and_never_use_their_own_fold():
    rng = np.random.default_rng(3)
    folds = rng.normal(size=(R + 1, 4, D))
    folds[-1] += 10 * np.eye(D)[0]
    w = np.full(R, 1 / R)
    axes, spread = held_out_axes(folds, w, FOLDS)
    assert (axes[:, 0] > 0.9).all() and (spread > 0).all()
    changed = folds.copy()
    changed[:, 2] += 100 * rng.normal(size=(R + 1, D))
    again, _ = held_out_axes(changed, w, FOLDS)
    own = np.array(FOLDS) == 2
    assert np.allclose(axes[own], again[own]) and not np.allclose(axes[~own], again[~own])
    with pytest.raises(BadInput, match="two question folds"):
        held_out_axes(folds[:, :1], w, [0] * Q)


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


def test_shift_intervals_hold_the_value():
    found = shift_intervals(made(np.ones((Q, D)), np.zeros((Q, D)), noise=0.3), draws=100)
    i = found["specific_norm"]
    assert i.low < i.value < i.high and i.n == Q


def test_only_the_moved_persona_stands_out_among_the_cast():
    rng = np.random.default_rng(5)
    start = rng.normal(size=(R + 1, 4, D))
    end = start + 0.1 * rng.normal(size=start.shape)
    end[-1] += 2.0
    norms = specific_norms_of_cast(start, end, np.full(R, 1 / R))
    assert percentile(norms[-1], norms[:-1]) == 1.0
    still = specific_norms_of_cast(start, start.copy(), np.full(R, 1 / R))
    assert np.allclose(still, 0)


def test_percentiles_have_a_floor():
    assert percentile(-1.0, np.arange(9.0)) == pytest.approx(0.1)
