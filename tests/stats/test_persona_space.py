"""Laws of the persona space: what is inside, what is outside, and what has no share."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.persona_space import (
    FEWEST_ROLES,
    SPLITS,
    in_space_share,
    parts,
    persona_space,
)
from psm_viz.stats.resampling import topics_apart

R, D, K = 40, 20, 3
W = np.full(R, 1 / R)
FOLD = tuple(2 * (t % 2) + k for t in range(12) for k in range(2))
TOPICS = tuple(f"t{t}" for t in range(12) for _ in range(2))
APART = topics_apart(TOPICS)
PAIRS = ((0, 2), (0, 3), (1, 2), (1, 3))
ONCE = np.ones((1, len(FOLD)))


def cast(noise=0.0, seed=0):
    """Personas that differ in the first K dimensions; the Assistant stands out in the next."""
    rng = np.random.default_rng(seed)
    x = np.zeros((R + 1, D))
    x[:-1, :K] = rng.normal(size=(R, K)) * np.arange(K, 0, -1)
    x[-1, K] = 4.0
    return x[:, None] + 5.0 + noise * rng.normal(size=(R + 1, 4, D))


SPACE = persona_space(cast(), W, PAIRS, 0.999)


def share(x, space=SPACE, counts=ONCE):
    return in_space_share(x, FOLD, APART, space, counts)


def each(v):
    return np.tile(v, (len(FOLD), 1))


def test_a_movement_within_the_span_is_all_inside_and_one_across_it_is_not():
    rng = np.random.default_rng(1)
    inside, outside = np.zeros((2, D))
    inside[:K], outside[K + 1 :] = rng.normal(size=K), rng.normal(size=D - K - 1)
    assert share(each(inside))[0] == pytest.approx(1)
    assert share(each(outside))[0] == pytest.approx(0, abs=1e-12)
    part = inside / np.linalg.norm(inside) + 2 * outside / np.linalg.norm(outside)
    assert share(each(part))[0] == pytest.approx(1 / 5)
    assert SPACE.rank == K + 1


def test_the_assistants_own_place_belongs_to_the_space():
    place = cast()[-1, 0] - cast()[:-1, 0].mean(0)
    assert share(each(place))[0] == pytest.approx(1)
    assert np.allclose(SPACE.towards, 1)  # straight movements between what the space is made of


def test_a_share_of_nothing_is_no_number():
    assert np.isnan(share(np.zeros((len(FOLD), D)))).all()
    # noise whose cross-fitted square is below zero has no share either
    signs = np.array([1.0 if t % 4 < 2 else -1.0 for t in range(12) for _ in range(2)])
    opposed = signs[:, None] * each(np.eye(D)[0])
    assert np.isnan(share(opposed)).all() or share(opposed)[0] == pytest.approx(1)
    assert np.isnan(share(each(np.full(D, np.nan)))).all()


def test_scale_and_rotation_change_no_share():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(len(FOLD), D)) + 1
    folds = cast(0.1)
    space = persona_space(folds, W, PAIRS, 0.9)
    turn, _ = np.linalg.qr(rng.normal(size=(D, D)))
    turned = persona_space(folds @ turn, W, PAIRS, 0.9)
    value = share(x, space)[0]
    assert 0 < value < 1
    for scale in (1e-9, 1e9):
        assert share(scale * x, space)[0] == pytest.approx(value)
    assert share(x @ turn, turned)[0] == pytest.approx(value)
    assert np.allclose(turned.towards, space.towards)
    assert persona_space(1e6 * folds, W, PAIRS, 0.9).towards == pytest.approx(space.towards)


def test_noise_does_not_change_a_share_on_average():
    rng = np.random.default_rng(3)
    x = np.zeros(D)
    x[[0, D - 1]] = 1.0  # half inside
    values = []
    for _ in range(200):
        topic = np.repeat(rng.normal(size=(12, D)), 2, axis=0)
        values.append(share(each(x) + 0.2 * topic + 0.2 * rng.normal(size=(len(FOLD), D)))[0])
    assert abs(np.mean(values) - 0.5) < 3.3 * np.std(values) / np.sqrt(200) + 0.005
    # the share of plain means counts noise in seventeen of twenty dimensions as movement outside
    assert np.mean(values) > 0.48


def test_draws_weigh_questions():
    x = each(np.eye(D)[0])
    x[: len(FOLD) // 2] = np.eye(D)[D - 1]
    counts = np.ones((3, len(FOLD)))
    counts[1, : len(FOLD) // 2] = 0
    counts[2, len(FOLD) // 2 :] = 0
    found = share(x, counts=counts)
    assert 0 < found[0] < 1 and found[1] == pytest.approx(1)
    assert found[2] == pytest.approx(0, abs=1e-12)


def test_products_are_of_questions_and_directions_that_share_nothing():
    """Questions of one topic, and of folds that share topics, are never multiplied."""
    x = np.random.default_rng(4).normal(size=(len(FOLD), D)) + 1
    changed = x.copy()
    changed[0] *= 100  # topic 0, fold 0
    one = np.zeros((1, len(FOLD)))
    one[0, [0, 1]] = 1  # the two questions of topic 0
    assert np.isnan(share(x, counts=one)).all()
    one[0, [0, 1, 4, 5]] = 1  # with those of topic 2, in the same two folds
    assert np.isnan(share(changed, counts=one)).all()
    one[0, 2] = 1  # topic 1, fold 2
    assert np.isfinite(share(np.abs(x), counts=one)).all()
    # nor where folds are paired and the questions still do not stand apart
    none = np.zeros_like(APART)
    assert np.isnan(in_space_share(x, FOLD, none, SPACE, ONCE)).all()


def test_a_persona_is_measured_by_directions_made_without_it():
    folds = cast()
    folds[0] = folds[1:-1].mean(0)
    folds[0, :, D - 1] += 9.0  # alone in its direction
    space = persona_space(folds, W, PAIRS, 0.999)
    assert space.towards[0] < 0.3 and (space.towards[1:] > 0.99).all()
    counted = np.bincount(parts(R))
    assert len(counted) == SPLITS and np.ptp(counted) <= 1
    assert all(len(v) == SPLITS for v in space.spans.values())
    for spans in space.spans.values():
        for v in spans:
            assert np.allclose(v @ v.T, np.eye(len(v)), atol=1e-9)  # directions are orthonormal


def test_directions_are_made_on_the_folds_that_a_pair_leaves():
    folds = cast(0.05)
    changed = folds.copy()
    changed[:, [0, 2]] += np.random.default_rng(5).normal(size=(R + 1, 2, D))
    a, b = (persona_space(f, W, PAIRS, 0.9) for f in (folds, changed))
    for pair in PAIRS:
        same = [
            np.allclose(v.T @ v, w.T @ w) for v, w in zip(a.spans[pair], b.spans[pair], strict=True)
        ]
        assert all(same) == (pair == (0, 2))


def test_what_is_too_little_is_refused_with_a_next_step():
    folds = cast()
    n = FEWEST_ROLES - 1
    with pytest.raises(BadInput, match=f"at least 10 personas, found {n}") as few:
        persona_space(folds[-n - 1 :], np.full(n, 1 / n), PAIRS, 0.9)
    with pytest.raises(BadInput, match="over two question folds, found 2") as two:
        persona_space(folds[:, :2], W, [(0, 1)], 0.9)
    assert few.value.next_step and two.value.next_step
    same = np.repeat(folds[:1], R + 1, axis=0)
    same[-1] += 1
    with pytest.raises(BadInput, match="same vector"):
        persona_space(same, W, PAIRS, 0.9)
    folds[2, 1, 0] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        persona_space(folds, W, PAIRS, 0.9)
