"""Laws of judging beliefs: the best, the emptiest and the falsest belief, and words alone."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.stats.belief_quality import quality, reliability, shuffled, text_belief
from tests.made.talks import gaussian_beliefs, made_seats

FAMILY = np.repeat(np.arange(4), [3, 5, 8, 4])
KIN = np.array([0, 0, 1, 2])
MARKED = np.array([True, False, False, False])


def test_a_perfect_belief_has_nothing_against_it():
    q = quality(np.eye(4)[FAMILY], FAMILY, KIN, MARKED)
    assert (q.talks, q.family, q.kin) == (20, pytest.approx(1), pytest.approx(1))
    assert q.marked == pytest.approx(0.25) and q.marked_true == pytest.approx(0.25)
    for loss in (q.log_loss, q.brier, q.error):
        assert loss == pytest.approx(0, abs=1e-12)


def test_an_uninformed_belief_is_at_chance():
    q = quality(np.full((20, 4), 0.25), FAMILY, KIN, MARKED)
    assert q.log_loss == pytest.approx(np.log(4)) == pytest.approx(q.log_loss_chance)
    assert q.family == pytest.approx(0.25) and q.family_chance == 0.25
    assert q.kin == pytest.approx(0.5) and q.kin_chance == 0.5  # the larger kin's half
    assert q.brier == pytest.approx(0.25 * 0.75**2 + 0.75 * 0.25**2)
    assert q.error == pytest.approx(0, abs=1e-12)


def test_a_certain_and_false_belief_is_the_worst_and_still_a_figure():
    q = quality(np.eye(4)[(FAMILY + 1) % 4], FAMILY, KIN, MARKED)
    assert q.family == 0 and 20 < q.log_loss < 40
    assert q.kin == pytest.approx(0.25)  # the first of two of a kin is taken for the second
    assert q.brier == pytest.approx(0.5) and q.error == pytest.approx(0.5)


def test_families_count_equally():
    belief = np.random.default_rng(0).dirichlet(np.ones(4), 20)
    more = np.concatenate([np.arange(20), np.flatnonzero(FAMILY == 1), np.flatnonzero(FAMILY == 1)])
    once = quality(belief, FAMILY, KIN, MARKED)
    often = quality(belief[more], FAMILY[more], KIN, MARKED)
    assert once.talks == 20 and often.talks == 30
    for name, value in vars(once).items():
        assert name == "talks" or getattr(often, name) == pytest.approx(value), name


def test_kin_is_told_from_all_its_families():
    belief = np.array([[0.3, 0.3, 0.4, 0.0]] * 4)
    q = quality(belief, np.array([0, 1, 2, 3]), KIN, MARKED)
    assert q.family == pytest.approx(0.25) and q.kin == pytest.approx(0.5)
    other = quality(belief, np.array([0, 1, 2, 3]), np.array([7, 7, 4, 9]), MARKED)
    assert other == q  # kin are names, not places


def test_talks_without_a_belief_or_a_family_are_left_out():
    belief = np.random.default_rng(1).dirichlet(np.ones(4), 20)
    holes, family = belief.copy(), FAMILY.copy()
    holes[4], family[9] = np.nan, -1
    kept = np.delete(np.arange(20), [4, 9])
    assert quality(holes, family, KIN, MARKED) == quality(belief[kept], FAMILY[kept], KIN, MARKED)


def test_a_calibrated_belief_has_no_error_and_an_overconfident_one_has():
    family = np.repeat(np.arange(4), 500)
    belief = gaussian_beliefs(family, 4, 1.5, np.random.default_rng(2))
    marked = np.array([True, True, False, False])
    sure = belief**4 / (belief**4).sum(1, keepdims=True)
    a, b = (quality(p, family, KIN, marked) for p in (belief, sure))
    assert a.error < 0.05 and b.error > a.error + 0.05
    assert a.log_loss < b.log_loss and a.brier < b.brier
    assert a.family == pytest.approx(b.family)  # the likeliest is the same


def test_a_calibrated_belief_lies_on_the_diagonal():
    rng = np.random.default_rng(3)
    said = rng.random(4000)
    happened, weight = rng.random(4000) < said, np.full(4000, 1 / 4000)
    rows = reliability(said, happened, weight)
    assert len(rows) == 5 and sum(n for _, _, n in rows) == 4000
    for mean, share, n in rows:
        assert abs(mean - share) < 3.3 * np.sqrt(0.25 / n)
    flat = reliability(said, rng.random(4000) < 0.5, weight)
    assert flat[0][1] - flat[0][0] > 0.3 and flat[-1][0] - flat[-1][1] > 0.3


def test_bins_are_weighted_and_empty_ones_left_out():
    said, happened = np.array([0.1, 0.1, 1.0, 0.0]), np.array([True, False, True, False])
    found = reliability(said, happened, np.array([3.0, 1.0, 1.0, 2.0]))
    assert np.allclose(found, [(0.4 / 6, 0.5, 3), (1, 1, 1)])


def texts(who, told):
    """Talks of words that say nothing; `told` adds a word for each talk."""
    rng = np.random.default_rng(4)
    words = np.array([f"w{k}" for k in range(10)])
    return [" ".join([*rng.choice(words, 4), *told(t)]) for t in range(len(who.family))]


def test_words_alone_tell_families_that_use_words_of_their_own():
    who = made_seats(3, 5, 6, 6)
    belief = text_belief(texts(who, lambda t: [f"family{who.family[t]}"]), who)
    assert np.allclose(belief.sum(1), 1)
    assert (belief.argmax(1) == who.family).mean() > 0.95


@pytest.mark.parametrize("of", ["nobody", "a persona"])
def test_words_that_say_nothing_of_families_tell_none(of):
    who = made_seats(3, 8, 6, 6)

    def told(t):
        return [] if of == "nobody" else [f"persona{who.persona[t]}"]

    belief = text_belief(texts(who, told), who)
    assert abs((belief.argmax(1) == who.family).mean() - 1 / 3) < 0.15
    own = belief[np.arange(len(belief)), who.family]
    assert -np.log(own).mean() > 0.95 * np.log(3)


def test_words_of_a_family_that_cannot_be_learned_are_not_read():
    who = made_seats(3, 4, 6, 6)
    who = replace(who, family=np.where(who.family == 2, -1, who.family), families=("f0", "f1"))
    belief = text_belief(texts(who, lambda t: [f"family{who.family[t]}"]), who)
    assert np.isnan(belief[who.family < 0]).all()
    assert (belief[who.family >= 0].argmax(1) == who.family[who.family >= 0]).all()


def test_shuffled_families_keep_a_personas_talks_together():
    who = made_seats(4, 5, 6, 6)
    other = shuffled(who, 0)
    assert all(len(set(other.family[who.persona == p])) == 1 for p in np.unique(who.persona))
    assert (np.bincount(other.family) == np.bincount(who.family)).all()
    assert (other.persona == who.persona).all() and (other.last == who.last).all()
    assert (other.family != who.family).mean() > 0.4
    assert (other.family == shuffled(who, 0).family).all()
    assert (other.family != shuffled(who, 1).family).any()
