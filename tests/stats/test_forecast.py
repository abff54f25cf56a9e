"""The score of a predicted arrow: planted movements found, nothing found where nothing is."""

import numpy as np
import pytest

from psm_viz.stats import forecast, metrics, resampling
from tests.made.evidence import DIMS, EACH, FAMILIES, family_likes_it, plant


@pytest.fixture(scope="module")
def planted():
    return plant()


def ground(planted, traits=0):
    folds = planted[1]
    rng = np.random.default_rng(5)
    return forecast.Ground(folds, np.tile(rng.normal(size=(1, traits, DIMS)), (4, 1, 1)))


OF = tuple(f"family {n // EACH}" for n in range(FAMILIES * EACH))
FOLD = tuple(q % 4 for q in range(16))
TOPICS = tuple(f"topic {q // 2}" for q in range(16))
ASKED = FOLD, resampling.topics_apart(TOPICS), resampling.draw_counts(TOPICS, 200)


def moved(direction, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return direction + noise * rng.normal(size=(16, DIMS))


def test_a_movement_towards_the_named_family_is_found(planted):
    centres, _, prior = planted
    changes = forecast.shuffled_changes(family_likes_it(2), prior, 12.0, OF)
    found = forecast.fared(changes, ground(planted, 7), moved(centres[2] - centres.mean(0)), *ASKED)
    assert found["cosine"] > 0.85 and found["low"] <= found["cosine"] <= found["high"]
    # one family in F is named, and the shuffles name each: p can be no smaller than about 1 / F
    assert found["p"] < 1.5 / FAMILIES
    assert found["spearman"] > 0.8
    away = forecast.fared(changes, ground(planted, 7), moved(centres.mean(0) - centres[2]), *ASKED)
    assert away["cosine"] == pytest.approx(-found["cosine"], abs=0.1) and away["p"] > 0.8


def test_likelihoods_that_know_nothing_have_uniform_p(planted, monkeypatch):
    centres, _, prior = planted
    monkeypatch.setattr(forecast, "SHUFFLES", 99)
    movement = moved(centres[1] - centres.mean(0))
    rng = np.random.default_rng(2)
    p = []
    for _ in range(150):
        # families agree among themselves, as they do in every cast
        loglik = np.repeat(rng.normal(-2.0, 0.2, FAMILIES), EACH)
        loglik += rng.normal(0, 0.02, len(prior))
        changes = forecast.shuffled_changes(loglik, prior, 12.0, OF)
        p.append(forecast.fared(changes, ground(planted), movement, *ASKED)["p"])
    assert 0.42 < np.mean(p) < 0.58
    assert 0.03 < np.mean(np.array(p) <= 0.1) < 0.19


def test_no_movement_and_no_evidence_have_no_direction(planted):
    _, _, prior = planted
    changes = forecast.shuffled_changes(family_likes_it(0), prior, 12.0, OF)
    still = forecast.fared(changes, ground(planted), np.zeros((16, DIMS)), *ASKED)
    alike = forecast.shuffled_changes(np.full(len(prior), -2.0), prior, 12.0, OF)
    silent = forecast.fared(alike, ground(planted), moved(np.ones(DIMS)), *ASKED)
    for found in (still, silent):
        assert np.isnan([found[k] for k in ("cosine", "low", "p", "spearman")]).all()


def test_the_arrows_square_is_free_of_the_folds_noise():
    rng = np.random.default_rng(3)
    changes = rng.normal(size=(1, 10))
    changes -= changes.mean()
    squares = [
        forecast.arrow_squares(changes, rng.normal(size=(10, 4, DIMS)))[0] for _ in range(400)
    ]
    assert abs(np.mean(squares)) < 4 * np.std(squares) / 20  # nothing but noise: zero on average


def test_spearman_is_of_ranks():
    y = np.array([0.1, 5.0, 5.5, 100.0])
    rows = np.array([[1.0, 2, 3, 4], [4.0, 3, 2, 1], [1.0, 1, 1, 1]])
    found = metrics.spearman(rows, y)
    assert np.allclose(found[:2], [1, -1]) and np.isnan(found[2])
    tied = metrics.spearman(np.array([[1.0, 1, 2, 3]]), y)[0]
    assert tied == pytest.approx(np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3, 4])[0, 1])
    assert np.isnan(metrics.spearman(rows[:, :2], y[:2])).all()
