"""Laws of the cast's structure between checkpoints."""

import numpy as np
import pytest
from scipy.spatial import procrustes as textbook

from psm_viz.errors import BadInput
from psm_viz.stats.similarity import cka, mixing, plain_cka, procrustes, role_permutation

R, D = 60, 48


def rows(seed, shape=(R, D)):
    return np.random.default_rng(seed).normal(size=shape)


def rotated(x, seed=99):
    q, _ = np.linalg.qr(rows(seed, (x.shape[1], x.shape[1])))
    return 3 * x @ q + 5


def test_a_shifted_scaled_rotated_cast_keeps_its_structure():
    x = rows(0)
    for f in (cka, plain_cka):
        assert f(x, x) == pytest.approx(1) and f(x, rotated(x)) == pytest.approx(1)
    assert procrustes(x, x) == pytest.approx(0) and procrustes(x, rotated(x)) == pytest.approx(0)


def test_figures_do_not_depend_on_rotation_or_side():
    x = rows(1)
    y = x + rows(2)
    for f in (cka, plain_cka, procrustes):
        assert f(x, y) == pytest.approx(f(rotated(x), y)) == pytest.approx(f(y, x))


def test_unrelated_casts_score_zero_where_plain_cka_does_not():
    found = [cka(rows(s), rows(s + 500)) for s in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(plain_cka(rows(s), rows(s + 500)) for s in range(10)) > 0.3


def test_unbiased_cka_is_the_formula_of_song_et_al():
    x, y = rows(3, (12, 5)), rows(4, (12, 5))
    y[:, 0] = x[:, 0]

    def hsic(a, b):
        n = len(a)
        k, m = a @ a.T, b @ b.T
        np.fill_diagonal(k, 0), np.fill_diagonal(m, 0)
        middle = k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ m).sum()
        return (np.trace(k @ m) + middle) / (n * (n - 3))

    assert cka(x, y) == pytest.approx(hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y)))


def test_procrustes_is_the_textbooks_where_no_dimension_is_left_out():
    x, y = rows(5, (R, 10)), rows(6, (R, 10))
    assert procrustes(x, y) == pytest.approx(textbook(x, y)[2])


def test_structure_is_lost_by_degrees():
    x, noise = rows(7), rows(8)
    sizes = (0.0, 0.3, 1.0, 3.0)
    ckas = [cka(x, x + s * noise) for s in sizes]
    left = [procrustes(x, x + s * noise) for s in sizes]
    assert ckas == sorted(ckas, reverse=True) and left == sorted(left)


def test_a_kept_structure_beats_roles_at_random():
    x = rows(9)
    found = role_permutation(x, rotated(x) + rows(10))
    assert found.cka_p == found.disparity_p == pytest.approx(1 / 200)
    assert found.cka > found.cka_null and found.disparity < found.disparity_null
    assert found.cka == pytest.approx(cka(x, rotated(x) + rows(10)))
    assert found.roles == R and found.draws == 199


def test_roles_dealt_out_at_random_are_told_from_nothing_five_per_cent_of_the_time():
    p = [
        (f.cka_p, f.disparity_p)
        for f in (
            role_permutation(rows(s, (20, 8)), rows(s + 700, (20, 8)), draws=99, seed=s)
            for s in range(200)
        )
    ]
    assert (np.mean(np.array(p) <= 0.05, axis=0) < 0.1).all()
    assert (np.mean(np.array(p) <= 0.5, axis=0) > 0.4).all()


def test_a_shuffled_cast_has_lost_its_structure():
    x = rows(11)
    found = role_permutation(x, x[np.random.default_rng(12).permutation(R)])
    assert found.cka < 0.1 and found.disparity > 0.5


def test_what_cannot_be_compared_is_refused():
    x = rows(15)
    hole = x.copy()
    hole[0, 0] = np.inf
    with pytest.raises(BadInput, match="same roles, found 60 before and 59"):
        cka(x, x[:-1])
    with pytest.raises(BadInput, match="at least 4 common roles"):
        procrustes(x[:3], x[:3])
    with pytest.raises(BadInput, match="after are all alike"):
        role_permutation(x, np.full((R, D), 0.1))
    with pytest.raises(BadInput, match="roles before: 1 of"):
        cka(hole, x)
    with pytest.raises(BadInput, match="at least one draw"):
        role_permutation(x, x, draws=0)


def test_the_same_cast_mixes_and_two_islands_do_not():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(40, 12))
    same = mixing(x, x + 0.01 * rng.normal(size=x.shape))
    assert same.counterpart == 1.0 and 0.4 < same.own < 0.6
    y = rng.normal(size=(40, 12))
    apart = mixing(
        np.concatenate([x, np.zeros_like(x)], axis=1), np.concatenate([np.zeros_like(y), y], axis=1)
    )
    # casts in spaces of their own: a point's neighbours are its own checkpoint's
    assert apart.own > 0.5 and apart.counterpart < 0.2
