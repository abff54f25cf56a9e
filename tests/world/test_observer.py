"""The observer and its rivals: Bayes by hand, and planted matrices won by what planted them."""

import numpy as np
import pytest

from psm_viz.stats.metrics import logit
from psm_viz.world.observer import (
    BACK,
    EXPLANATIONS,
    LOADINGS,
    MOST_TAU,
    OBSERVER,
    SEEN,
    TEXT,
    UNIFORM,
    Observer,
    interaction,
    likeness_of,
    likeness_of_interactions,
    spill,
)


@pytest.fixture(scope="module")
def observer(world):
    return Observer.of(world)


@pytest.fixture(scope="module")
def alike(world):
    return likeness_of(world)


def someone(observer, seed, share=0.2):
    """A prior that is not the base one, yet leaves nobody out."""
    drawn = np.random.default_rng(seed).dirichlet(np.full(len(observer.base), 0.2))
    return (1 - share) * drawn + share * observer.base


def test_everybody_counts_and_families_equally(world, observer):
    assert observer.topics == tuple(world.conduct)
    assert observer.p_bad.shape == (len(world.characters), len(world.conduct))
    for k, t in enumerate(world.conduct):
        assert np.allclose(observer.p_bad[:, k], 1 - world.p_high[t], atol=1e-6)
    assert observer.base.sum() == pytest.approx(1) and observer.base.min() > 0
    families = np.array([c.family for c in world.characters])
    shares = [observer.base[families == f].sum() for f in world.rules["families"]]
    assert np.allclose(shares, 1 / len(shares))


def test_log_odds_stop_short_of_certainty():
    found = logit(np.array([0.0, 1e-9, 0.2, 0.5, 0.8, 1.0]))
    assert np.isfinite(found).all() and found[-1] == pytest.approx(-found[0])
    assert np.allclose(found[2:5], -found[2:5][::-1])
    assert found[2] == pytest.approx(np.log(0.25)) and found[0] == found[1]


def test_the_prior_of_the_bases_own_rates_is_the_base(observer):
    found = observer.prior(observer.base @ observer.p_bad)
    assert np.allclose(found, observer.base, atol=1e-6)


def cost(observer, w, rates):
    """What the prior minimises, written out again."""
    q = w @ observer.p_bad
    kl = float((w * np.log(w / observer.base)).sum())
    return kl - SEEN * float((rates * np.log(q) + (1 - rates) * np.log(1 - q)).sum())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_prior_gives_back_the_rates_it_was_given(observer, seed):
    true = someone(observer, seed)
    rates = true @ observer.p_bad
    found = observer.prior(rates)
    assert found.sum() == pytest.approx(1) and found.min() >= 0
    assert np.abs(found @ observer.p_bad - rates).max() < 0.02
    # nothing near it does better, nor do those from whom the rates came
    best = cost(observer, found, rates)
    assert best <= cost(observer, true, rates)
    for n in range(5):
        mixed = 0.98 * found + 0.02 * someone(observer, 100 + n)
        assert best <= cost(observer, mixed, rates) + 1e-6


def test_rates_that_nobody_has_are_come_near_to(observer):
    found = observer.prior(np.full(len(observer.topics), 0.01))
    assert np.isfinite(found).all() and found.sum() == pytest.approx(1)
    assert (found @ observer.p_bad).max() < 0.2 < (observer.base @ observer.p_bad).min()


def after(observer, prior, topic, tau):
    return observer.after(prior, tau)[topic]


def test_after_is_bayes_rule(observer):
    prior = someone(observer, 3)
    assert np.allclose(after(observer, prior, 2, 0.0), prior)
    joint = [w * p for w, p in zip(prior, observer.p_bad[:, 2], strict=True)]
    assert np.allclose(after(observer, prior, 2, 1.0), np.array(joint) / sum(joint))
    twice = after(observer, after(observer, prior, 2, 1.0), 2, 1.0)
    assert np.allclose(twice, after(observer, prior, 2, 2.0))
    one_by_one = after(observer, after(observer, prior, 2, 0.7), 5, 0.7)
    assert np.allclose(one_by_one, after(observer, after(observer, prior, 5, 0.7), 2, 0.7))
    nobody = prior.copy()
    nobody[:20] = 0
    assert after(observer, nobody / nobody.sum(), 2, 1.0)[:20].max() < 1e-200


def test_shifts_are_of_log_odds_and_follow_the_cast(observer):
    prior = someone(observer, 4)
    assert np.allclose(observer.shifts(prior, 0.0), 0)
    told = after(observer, prior, 0, 1.0)
    by_hand = logit(told @ observer.p_bad) - logit(prior @ observer.p_bad)
    found = observer.shifts(prior, 1.0)[0]
    assert np.allclose(found, by_hand)
    assert found[0] > 0 and (observer.shifts(prior, 3.0)[0, 0] > found[0])


TAU, SCALE, NOISE = 1.5, 1.2, 0.1


def planted(observer, alike, explanation, seed=0):
    """Rates of base, Assistant and branches, shifted as one explanation says, with noise."""
    rng = np.random.default_rng(seed)
    n = len(observer.topics)
    base = rng.uniform(0.25, 0.7, n)
    assistant = 1 / (1 + np.exp(-rng.uniform(-3.2, -1.5, n)))
    prior = observer.prior(assistant)
    shifts = {
        OBSERVER: lambda: observer.shifts(prior, TAU),
        BACK: lambda: SCALE / 2 * np.tile(logit(base) - logit(assistant), (n, 1)),
        LOADINGS: lambda: SCALE * alike[LOADINGS],
        TEXT: lambda: 4 * SCALE * alike[TEXT],
        UNIFORM: lambda: np.full((n, n), SCALE),
    }[explanation]()
    shifts = shifts + NOISE * rng.normal(size=(n, n))
    trained = 1 / (1 + np.exp(-(logit(assistant)[None] + shifts)))
    return base, assistant, trained


@pytest.mark.parametrize("explanation", EXPLANATIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_planted_the_matrix_wins(observer, alike, explanation, seed):
    found = spill(observer, alike, *planted(observer, alike, explanation, seed))
    totals = {name: v.sum() for name, v in found.log_likelihood.items()}
    assert set(totals) == set(EXPLANATIONS)
    # one shift for all is a part of every rival, so that it cannot lead them
    led = [v for name, v in totals.items() if name != explanation]
    led = led if explanation != UNIFORM else [totals[OBSERVER]]
    assert totals[explanation] > max(led) + 10 and totals[explanation] > max(totals.values()) - 5
    off = ~np.eye(len(found.topics), dtype=bool)
    missed = (found.predicted[explanation] - found.shifts)[off]
    # what is left is the noise that was put in
    assert missed.std() == pytest.approx(NOISE, rel=0.5)
    if explanation == OBSERVER:
        assert found.tau == pytest.approx(TAU, rel=0.15)
    if explanation == UNIFORM:
        assert found.predicted[UNIFORM][off].mean() == pytest.approx(SCALE, abs=0.05)


def test_shifts_are_those_of_the_rates(observer, alike):
    base, assistant, trained = planted(observer, alike, UNIFORM)
    found = spill(observer, alike, base, assistant, trained)
    assert found.topics == observer.topics
    for i in (0, 5):
        for j in (0, 7):
            odds = [p / (1 - p) for p in (trained[i, j], assistant[j])]
            assert found.shifts[i, j] == pytest.approx(np.log(odds[0] / odds[1]))


def test_a_row_is_predicted_from_the_others_alone(observer, alike):
    base, assistant, trained = planted(observer, alike, OBSERVER)
    first = spill(observer, alike, base, assistant, trained)
    other = trained.copy()
    other[3] = 1 - other[3]
    second = spill(observer, alike, base, assistant, other)
    for name in EXPLANATIONS:
        assert np.allclose(first.predicted[name][3], second.predicted[name][3], atol=1e-6)
        assert not np.allclose(first.log_likelihood[name][3], second.log_likelihood[name][3])
        if name != BACK:  # whose scale may be met by either half
            assert not np.allclose(first.predicted[name][4], second.predicted[name][4])


def test_the_lesson_itself_counts_for_nothing(observer, alike):
    """The diagonal is what was trained, not what spilled over."""
    base, assistant, trained = planted(observer, alike, OBSERVER)
    first = spill(observer, alike, base, assistant, trained)
    other = trained.copy()
    np.fill_diagonal(other, 0.999)
    second = spill(observer, alike, base, assistant, other)
    assert second.tau == pytest.approx(first.tau)
    for name in EXPLANATIONS:
        assert np.allclose(first.log_likelihood[name], second.log_likelihood[name])


def test_where_nothing_moved_nothing_is_tempered(observer, alike):
    base, assistant, _ = planted(observer, alike, UNIFORM)
    rng = np.random.default_rng(0)
    n = len(observer.topics)
    still = 1 / (1 + np.exp(-(logit(assistant)[None] + 0.01 * rng.normal(size=(n, n)))))
    found = spill(observer, alike, base, assistant, still)
    assert 0 <= found.tau < 0.05 < MOST_TAU
    assert max(np.abs(p).max() for p in found.predicted.values()) < 0.1


def test_the_score_of_a_row_is_its_normal_density_under_the_others(observer, alike):
    from scipy.stats import norm

    found = spill(observer, alike, *planted(observer, alike, UNIFORM, 3))
    n = len(found.topics)
    for k in range(n):
        rest = np.array([found.shifts[i, j] for i in range(n) for j in range(n) if k != i != j])
        own = np.delete(found.shifts[k], k)
        by_hand = norm.logpdf(own, rest.mean(), rest.std()).sum()
        assert found.log_likelihood[UNIFORM][k] == pytest.approx(by_hand)
        assert found.predicted[UNIFORM][k] == pytest.approx(rest.mean())


def test_an_interaction_has_no_level_of_a_row_or_column():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(8, 8)) + 5 * rng.normal(size=(8, 1)) + 5 * rng.normal(size=(1, 8))
    left = interaction(x)
    assert np.isnan(np.diag(left)).all()
    assert np.allclose(np.nansum(left, axis=0), 0) and np.allclose(np.nansum(left, axis=1), 0)
    levels = 3 + rng.normal(size=(8, 1)) + rng.normal(size=(1, 8))
    assert np.allclose(interaction(x + levels), left, equal_nan=True)


def test_likeness_of_interactions_is_told_from_topics_dealt_out_anew():
    rng = np.random.default_rng(4)
    x, noise = rng.normal(size=(2, 12, 12))
    r, drawn = likeness_of_interactions(x, x + 0.5 * noise, permutations=400)
    assert r > 0.8 > np.percentile(drawn, 97.5) and abs(drawn.mean()) < 0.05
    # one level a column, as going back to the base predicts, has no interaction to compare
    r, drawn = likeness_of_interactions(x, np.tile(x[:1], (12, 1)), permutations=9)
    assert np.isnan(r) and len(drawn) == 0


def test_topics_are_alike_by_traits_and_by_words(world, alike):
    n = len(world.conduct)
    for found in alike.values():
        assert found.shape == (n, n) and np.allclose(found, found.T)
        assert np.allclose(np.diag(found), 1) and found.min() >= -1e-9
    assert not np.allclose(alike[LOADINGS], alike[TEXT], atol=0.1)
