"""Laws of shares behind beliefs: what was planted comes back, and none stays none."""

import numpy as np
import pytest

from psm_viz.stats.prior_shift import em_shares, mean_belief
from tests.made.talks import gaussian_beliefs

SHARES = np.array([0.6, 0.3, 0.1, 0.0])


def planted(n=2000, seed=0, apart=1.5, shares=SHARES):
    """Beliefs of an exact observer, families mixed in exactly these shares."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(len(shares)), np.round(shares * n).astype(int))
    return gaussian_beliefs(family, len(shares), apart, rng)


def test_planted_shares_come_back_where_the_mean_is_pulled_to_the_prior():
    found = np.stack([em_shares(planted(seed=s))[0] for s in range(3)])
    mean = np.stack([mean_belief(planted(seed=s))[0] for s in range(3)])
    assert np.allclose(found, SHARES, atol=0.06)
    assert np.allclose(found.mean(0), SHARES, atol=0.03)
    pulled = (mean - 0.25) / (SHARES - 0.25)
    assert ((pulled > 0.1) & (pulled < 0.75)).all()


def test_a_share_that_is_none_stays_near_none():
    for seed in range(3):
        belief = planted(400, seed)
        assert em_shares(belief)[0, 3] < 0.03 < 0.1 < mean_belief(belief)[0, 3]
    assert em_shares(planted())[0, 3] < 0.005


@pytest.mark.parametrize("figure", [em_shares, mean_belief])
def test_counting_a_talk_twice_is_having_it_twice(figure):
    belief = planted(60, apart=1.0)
    counts = np.random.default_rng(1).integers(0, 4, size=(3, len(belief)))
    found = figure(belief, counts.astype(float))
    assert found.shape == (3, 4) and np.allclose(found.sum(1), 1)
    for row, own in zip(counts, found, strict=True):
        assert np.allclose(figure(np.repeat(belief, row, axis=0))[0], own, atol=1e-5)
    once = figure(belief, np.ones((1, len(belief))))
    assert np.allclose(once, figure(belief)) and once.shape == (1, 4)
    assert np.allclose(figure(belief, 7 * counts.astype(float)), found, atol=1e-6)


def test_shares_give_themselves_back_as_the_mean_posterior():
    belief = planted(500, 2, apart=1.0, shares=np.array([0.4, 0.3, 0.2, 0.1]))
    w = em_shares(belief)[0]
    posterior = belief * w / (belief @ w)[:, None]
    assert np.allclose(posterior.mean(0), w, atol=1e-5)
    # and no other shares explain the beliefs better
    best = np.log(belief @ w).mean()
    for other in np.random.default_rng(3).dirichlet(np.ones(4), 200):
        assert np.log(belief @ (0.9 * w + 0.1 * other)).mean() <= best + 1e-9


def test_certain_talks_are_counted_and_talks_that_tell_nothing_change_nothing():
    certain = np.eye(3)[[0, 0, 0, 1]]
    for figure in (em_shares, mean_belief):
        assert np.allclose(figure(certain), [[0.75, 0.25, 0]])
        assert np.allclose(figure(np.full((5, 3), 1 / 3)), 1 / 3)
    silent = np.concatenate([certain, np.full((4, 3), 1 / 3)])
    assert np.allclose(em_shares(silent), [[0.75, 0.25, 0]], atol=1e-4)
    assert np.allclose(mean_belief(silent), [[13 / 24, 7 / 24, 1 / 6]])


def test_the_order_of_families_and_talks_changes_nothing():
    belief = planted(100, 4)
    rng = np.random.default_rng(5)
    rows, columns = rng.permutation(len(belief)), rng.permutation(4)
    turned = em_shares(belief[rows][:, columns])
    assert np.allclose(turned, em_shares(belief)[:, columns], atol=1e-6)


def test_a_draw_does_not_depend_on_what_else_is_drawn():
    belief = planted(80, 6, apart=1.0)
    counts = np.random.default_rng(7).multinomial(80, np.full(80, 1 / 80), 5).astype(float)
    together = em_shares(belief, counts)
    for k in range(5):
        assert np.allclose(em_shares(belief, counts[k : k + 1])[0], together[k], atol=1e-4)
