"""Data as evidence: reading chat data, and the definitions on planted cases."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats import evidence as ev
from tests.made.evidence import FAMILIES, family_likes_it, plant


@pytest.fixture(scope="module")
def planted():
    return plant()


@pytest.mark.parametrize("family", range(FAMILIES))
def test_the_arrow_points_to_the_family_that_would_say_it(planted, family):
    centres, folds, prior = planted
    weights = ev.posterior(family_likes_it(family), prior, 12.0)
    arrow = ev.arrow(weights, prior, folds.mean(1))
    centred = centres - centres.mean(0)
    cosines = centred @ arrow / np.linalg.norm(centred, axis=1) / np.linalg.norm(arrow)
    assert cosines.argmax() == family and cosines[family] > 0.9


def test_evidence_that_all_find_alike_moves_nothing(planted):
    _, folds, prior = planted
    weights = ev.posterior(np.full(len(prior), -3.0), prior, 12.0)
    assert np.allclose(weights, prior)
    assert np.allclose(ev.arrow(weights, prior, folds.mean(1)), 0, atol=1e-12)


def test_the_posterior_is_bayes_rule_for_one_mean_answer():
    prior, loglik = np.array([0.5, 0.3, 0.2]), np.array([-2.0, -1.5, -300.0])
    weights = ev.posterior(loglik, prior, 4.0)
    assert weights.sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(0.3 / 0.5 * np.exp(0.5 * 4))
    assert np.allclose(weights, ev.posterior(loglik + 7, prior, 4.0))


def heard(log_p, tokens, example):
    return ev.Testimony(np.array(log_p, dtype=float), np.array(tokens), np.array(example))


def test_per_token_is_total_over_total():
    t = heard([[-4.0, -1.0], [-2.0, -2.0]], [4, 1], [0, 1])
    assert np.allclose(ev.per_token(t), [-1.0, -0.8])
    assert t.n_bar == 2.5


def test_intervals_hold_the_figure_and_shrink_with_more_conversations():
    rng = np.random.default_rng(1)
    width = []
    for n in (20, 500):
        tokens = rng.integers(5, 20, n)
        log_p = np.stack([-tokens * 1.5 + rng.normal(size=n), -tokens * 2.0])
        t = heard(log_p, tokens, np.arange(n))
        low, high = ev.relative_intervals(t)
        relative = ev.per_token(t) - ev.per_token(t)[-1]
        assert low[0] < relative[0] < high[0] and low[1] == high[1] == 0
        width.append(high[0] - low[0])
    assert width[1] < width[0] / 3
    one = heard([[-1.0, -2.0], [-1.0, -1.0]], [2, 2], [7, 7])
    assert np.isnan(ev.relative_intervals(one)).all()


def test_an_answer_that_one_persona_could_not_be_asked_about_counts_for_none():
    t = heard([[-1.0, np.nan, -3.0], [-1.0, -2.0, -3.0]], [1, 2, 3], [0, 1, 1])
    kept = t.usable()
    assert kept.skipped == 1 and kept.tokens.tolist() == [1, 3] and kept.example.tolist() == [0, 1]
    with pytest.raises(BadInput, match="All 1 answers"):
        heard([[np.nan]], [1], [0]).usable()
