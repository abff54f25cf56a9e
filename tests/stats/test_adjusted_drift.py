"""Laws of the prediction from the cast: what everybody does is not a movement of one's own."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.adjusted_drift import (
    EXPLAINED,
    PERSONAS_A_DIRECTION,
    all_directions,
    arrangements,
    directions,
    given_cast,
    given_place,
    left_over,
    n_directions,
    others,
    slope_of,
)
from psm_viz.stats.vectors import principal_directions

R, D = 30, 48  # more dimensions than personas
W = np.full(R, 1 / R)
EVERY = [(f, g) for f in range(4) for g in range(f + 1, 4)]
SHIPPED = [(0, 2), (0, 3), (1, 2), (1, 3)]  # as the shipped folds: 0 and 1 share topics, so do 2, 3


def people(seed, roles=R, d=D, spread=1.0):
    """Personas of unequal directions, and an Assistant far out."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(roles + 1, d)) * spread * np.arange(1, d + 1) ** -0.5
    x[-1] = 2.5 * rng.normal(size=d) / np.sqrt(d)
    return x + rng.normal(size=d)  # and all of them far from zero


def folds(x, n=4):
    return np.repeat(x[:, None], n, axis=1)


def given(x, shift, apart=EVERY):
    weights = np.full(len(x) - 1, 1 / (len(x) - 1))
    start = folds(x)
    return given_cast(start, start + folds(shift), all_directions(start, weights), apart)


def contracted(x, seed):
    return -0.3 * (x - 7.0)


def contracted_along_the_axis(x, seed):
    u = x[-1] - x[:-1].mean(0)
    u /= np.linalg.norm(u)
    return -0.4 * np.outer((x - x[:-1].mean(0)) @ u, u)


def carried(x, seed):
    """Everybody alike, and more of it the further along the axis: what rides along."""
    rng = np.random.default_rng(seed)
    u = x[-1] - x[:-1].mean(0)
    return rng.normal(size=x.shape[1]) + np.outer(x @ u, rng.normal(size=x.shape[1]))


def nothing(x, seed):
    return np.zeros_like(x)


@pytest.mark.parametrize("movement", [nothing, contracted, contracted_along_the_axis, carried])
def test_what_the_cast_does_is_removed_exactly_without_noise(movement):
    x = people(1)
    shift = movement(x, 2)
    found = given(x, shift)
    size = max(1.0, np.abs(shift).max())
    for left in (*found.left, *found.along):
        assert np.abs(left.cast).max() < 1e-10 * size
        assert np.abs(left.assistant).max() < 1e-10 * size
    assert np.allclose(found.left[0].predicted, shift[-1])
    cast, own = found.squares()
    assert np.allclose(cast, 0) and own == pytest.approx(0, abs=1e-18 * size**2 + 1e-18)
    on_axis, own_on_axis = found.axis_left()
    assert np.allclose(on_axis, 0) and own_on_axis == pytest.approx(0, abs=1e-10 * size)


def test_any_affine_map_is_removed_where_directions_span_the_space():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(81, 6))
    x[-1] *= 3
    assert n_directions(x[:-1]) == 6  # the ninth tenth of the variance lies in the last of them
    found = given(x, rng.normal(size=6) + x @ rng.normal(size=(6, 6)))
    assert all(np.abs(left.cast).max() < 1e-10 for left in found.left)
    assert all(np.abs(left.assistant).max() < 1e-10 for left in found.left)


@pytest.mark.parametrize("movement", [nothing, contracted, contracted_along_the_axis, carried])
def test_a_movement_of_its_own_is_left_whole(movement):
    x = people(4)
    own = np.random.default_rng(5).normal(size=D)
    shift = movement(x, 6)
    shift[-1] += own
    found = given(x, shift)
    for left in found.left:
        assert np.allclose(left.assistant, own) and np.allclose(left.cast, 0, atol=1e-9)
    factor = found.left[0].assistant_factor
    assert factor > 1  # the Assistant is predicted less surely than a persona is measured
    assert found.squares()[1] == pytest.approx(own @ own / factor**2)


def test_turning_the_space_changes_nothing():
    x, shift = people(7), np.random.default_rng(8).normal(size=(R + 1, D))
    turn, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(D, D)))
    here, there = given(x, shift), given(x @ turn, shift @ turn)
    for a, b in ((here.squares(), there.squares()), (here.axis_left(), there.axis_left())):
        assert np.allclose(a[0], b[0]) and a[1] == pytest.approx(b[1])


def test_left_out_in_closed_form_is_left_out_by_refitting():
    rng = np.random.default_rng(10)
    z = np.column_stack([np.ones(R), rng.normal(size=(R, 4))])
    y, own_z, own_y = rng.normal(size=(R, 5)), rng.normal(size=5) * 3, rng.normal(size=5)
    none = np.zeros((R, 5))
    left = left_over(z, y, none, own_z, own_y, none[0])
    for i in range(R):
        kept = np.arange(R) != i
        b = np.linalg.lstsq(z[kept], y[kept], rcond=None)[0]
        assert np.allclose(left.cast[i], y[i] - z[i] @ b)
    b = np.linalg.lstsq(z, y, rcond=None)[0]
    assert np.allclose(left.predicted, own_z @ b)
    assert np.allclose(left.assistant, own_y - own_z @ b)
    # a column said twice says nothing new
    twice = left_over(
        np.column_stack([z, 2 * z[:, 1]]), y, none, np.append(own_z, 2 * own_z[1]), own_y, none[0]
    )
    assert np.allclose(twice.cast, left.cast) and np.allclose(twice.assistant, left.assistant)


def test_the_rest_enters_with_the_coefficient_of_a_joint_fit():
    rng = np.random.default_rng(11)
    z = np.column_stack([np.ones(R), rng.normal(size=(R, 2))])
    rest, noise = rng.normal(size=(2, R, 5))
    y = z @ rng.normal(size=(3, 5)) - 0.7 * rest + noise
    left = left_over(z, y, rest, np.zeros(3), np.zeros(5), np.ones(5))
    # by hand: one block of columns per dimension, and one column for the rest of all of them
    joint = np.column_stack([np.kron(z, np.eye(5)), rest.ravel()])
    beta = np.linalg.lstsq(joint, y.ravel(), rcond=None)[0][-1]
    assert np.allclose(left.predicted, beta)


def line_without(i, x, z, y):
    """Predicted y_i by the instrumented line through all the others."""
    kept = np.arange(len(x)) != i
    x0, z0, y0 = (a[kept] - a[kept].mean() for a in (x, z, y))
    return y[kept].mean() + (z0 @ y0) / (z0 @ x0) * (x[i] - x[kept].mean())


def test_a_place_left_out_is_the_line_through_the_others():
    rng = np.random.default_rng(12)
    start = people(13)
    again = start + 0.1 * rng.normal(size=start.shape)
    shift = rng.normal(size=start.shape)
    u = np.eye(D)[0]
    left = given_place(start, again, shift, u)
    x, z, y = (a[:-1] @ u for a in (start, again, shift))
    for i in range(R):
        assert left.cast[i, 0] == pytest.approx(y[i] - line_without(i, x, z, y))
    own = line_without(R, *(a @ u for a in (start, again, shift)))
    assert left.predicted[0] == pytest.approx(own)
    assert left.assistant[0] == pytest.approx(shift[-1] @ u - own)


def test_residuals_in_units_of_their_factor_have_equal_variance():
    rng = np.random.default_rng(14)
    z = np.column_stack([np.ones(R), rng.normal(size=(R, 4))])
    z[0, 1], far = 6.0, np.array([1.0, 8, 0, 0, 0])  # a persona far out, the Assistant further
    n = 4000  # dimensions of noise: as many trials
    y, own, none = rng.normal(size=(R, n)), rng.normal(size=n), np.zeros((R, n))
    left = left_over(z, y, none, far, own, none[0])
    raw = np.append((left.cast**2).mean(1), (left.assistant**2).mean())
    factor = np.append(left.cast_factor, left.assistant_factor)
    assert raw.max() / raw.min() > 1.5
    assert np.allclose(raw / factor**2, 1, atol=5 * np.sqrt(2 / n))


def test_so_have_residuals_along_the_axis():
    rng = np.random.default_rng(15)
    x = rng.normal(size=(R + 1, 1))
    x[-1] = 6.0
    again = x + 0.05 * rng.normal(size=x.shape)
    raw, factor = np.zeros(R + 1), np.zeros(R + 1)
    n = 1000
    for _ in range(n):
        left = given_place(x, again, rng.normal(size=x.shape), np.ones(1))
        raw += np.append(left.cast[:, 0], left.assistant[0]) ** 2 / n
        factor = np.append(left.cast_factor, left.assistant_factor)
    assert raw[-1] > 1.5
    assert np.allclose(raw / factor**2, 1, atol=5 * np.sqrt(2 / n))


def test_a_slope_by_another_measurement_is_free_of_noise_in_the_first():
    rng = np.random.default_rng(16)
    by_again, plain = [], []
    for _ in range(300):
        true = rng.normal(size=60)
        x, again = true + rng.normal(size=(2, 60)) * 0.7
        y = -0.5 * true[:, None] + 0.1 * rng.normal(size=(60, 1))
        by_again.append(slope_of(x, again, y)[0])
        plain.append(slope_of(x, x, y)[0])  # least squares
    error = np.std(by_again) / np.sqrt(len(by_again))
    assert abs(np.mean(by_again) + 0.5) < 3 * error + 0.005  # a ratio: bias of order 1 / n
    assert np.mean(plain) > -0.5 + 10 * error  # flattened


def test_measurements_that_do_not_agree_give_no_slope():
    rng = np.random.default_rng(17)
    x = rng.normal(size=R)
    y = rng.normal(size=(R, 2))
    for again in (-x, np.ones(R)):
        assert (slope_of(x, again, y) == 0).all()
    # along the axis cast and Assistant alike are then predicted by the mean alone
    start, shift = np.append(x, 5.0)[:, None], rng.normal(size=(R + 1, 1))
    left = given_place(start, -start, shift, np.ones(1))
    moves = shift[:-1, 0]
    assert left.predicted[0] == pytest.approx(moves.mean())
    assert np.allclose(left.cast[:, 0], (moves - moves.mean()) * R / (R - 1))


def test_a_contraction_of_noisy_starts_leaves_the_assistant_no_movement_along_the_axis():
    u = np.eye(D)[0]
    kept, flat = [], []
    for seed in range(100):
        x, rng = people(seed), np.random.default_rng([seed, 1])
        x[-1] = x[:-1].mean(0) + 5 * u
        shift = -0.4 * np.outer((x - x[:-1].mean(0)) @ u, u) + 0.05 * rng.normal(size=x.shape)
        first, again = x + 0.5 * rng.normal(size=(2, *x.shape))
        kept.append(given_place(first, again, shift, u).assistant[0])
        flat.append(given_place(first, first, shift, u).assistant[0])
    error = np.std(kept) / np.sqrt(len(kept))
    assert abs(np.mean(kept)) < 3 * error
    assert np.mean(flat) < -10 * error  # the slope too flat: a movement that is not there


def test_only_four_different_folds_are_multiplied():
    x = people(18)
    found = given(x, contracted(x, 0), SHIPPED)
    assert found.arranged == tuple(arrangements(4)) and len(found.left) == 12
    assert len(found.pairs) == 16  # 8 ordered pairs of shifts, two ways to give the starts
    for i, j in found.pairs:
        (f, g), (h, k) = found.arranged[i], found.arranged[j]
        assert len({f, g, h, k}) == 4 and tuple(sorted((f, h))) in SHIPPED
    assert len(given(x, contracted(x, 0), EVERY).pairs) == 24
    with pytest.raises(BadInput, match="free of common topics") as e:
        given(x, contracted(x, 0), [])
    assert e.value.next_step


def test_squares_of_noise_are_not_inflated():
    rng = np.random.default_rng(19)
    owns, casts, plain = [], [], []
    for seed in range(30):
        x = people(seed)
        start = folds(x) + 0.2 * rng.normal(size=(R + 1, 4, D))
        end = start + 0.5 * rng.normal(size=start.shape)
        found = given_cast(start, end, all_directions(start, W), EVERY)
        cast, own = found.squares()
        owns.append(own)
        casts.append(cast.mean())
        plain.append(np.mean([(n.assistant / n.assistant_factor) ** 2 for n in found.left]) * D)
    for values in (owns, casts):
        assert abs(np.mean(values)) < 3.3 * np.std(values) / np.sqrt(len(values))
    assert np.mean(plain) > 20 * np.std(owns) / np.sqrt(len(owns))


def test_directions_are_as_many_as_the_cast_can_tell():
    for roles in (8, 30, 80, 150):
        x = people(20, roles)[:-1]
        k, held = n_directions(x), np.cumsum(principal_directions(x)[1])
        assert k <= max(0, roles // PERSONAS_A_DIRECTION - 2)
        assert k == max(0, roles // PERSONAS_A_DIRECTION - 2) or held[k - 1] >= EXPLAINED
        assert k == 0 or k == 1 or held[k - 2] < EXPLAINED  # and no more
    assert n_directions(np.outer(np.arange(60.0), np.ones(5))) == 1


def test_directions_never_use_the_folds_they_serve():
    x = folds(people(21)) + 0.1 * np.random.default_rng(22).normal(size=(R + 1, 4, D))
    changed = x.copy()
    changed[:, [1, 3]] += np.random.default_rng(23).normal(size=(R + 1, 2, D))
    a, b = all_directions(x, W), all_directions(changed, W)
    assert set(a) == {frozenset(p) for p in EVERY}
    for pair in a:
        same = pair == frozenset((1, 3))
        assert np.allclose(a[pair].axis, b[pair].axis) == same
        assert np.allclose(a[pair].leading, b[pair].leading) == same
    assert others(4, 1, 3) == [0, 2]


def test_what_cannot_be_predicted_from_is_refused_with_a_next_step():
    x = people(24)
    with pytest.raises(BadInput, match="at least 4 question folds, found 3") as few:
        arrangements(3)
    with pytest.raises(BadInput, match="at least 8 personas, found 1") as one:
        directions(x[-2:], np.ones(1))
    assert few.value.next_step and one.value.next_step
    with pytest.raises(BadInput, match="same vector"):
        directions(np.vstack([np.tile(x[0], (R, 1)), x[-1]]), W)
    with pytest.raises(BadInput, match="no Assistant axis"):
        flat = np.zeros((9, 3))
        flat[:8] = np.vstack([np.eye(4, 3), -np.eye(4, 3)])
        directions(flat, np.full(8, 1 / 8))
    x[3, 3] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        directions(x, W)


def test_constant_dimensions_and_twins_are_harmless():
    x = people(25)
    x[:, 5:9] = 3.0
    x[1] = x[0]
    shift = contracted(x, 0)
    own = np.eye(D)[2]
    shift[-1] += own
    assert all(np.allclose(left.assistant, own) for left in given(x, shift).left)
