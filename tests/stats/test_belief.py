"""Laws of belief from states: what families differ in is told, and nothing that is merely seen."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf

from psm_viz.errors import BadInput
from psm_viz.stats.belief import (
    COMPONENTS,
    PERSONA_SPLITS,
    QUESTION_SPLITS,
    centre_of,
    equal_weights,
    fit_states,
    judged_states,
    log_softmax,
    seated,
    softmax,
    splits,
    temperature,
)
from tests.made.talks import gaussian_beliefs, made_seats, made_states

WHO = made_seats()


@pytest.fixture(scope="module")
def clear():
    """States that tell three families, a reading of them, and how it was judged."""
    x = made_states(WHO)
    return x, *judged_states(x, WHO)


def accuracy(belief, who):
    return float(who.weight @ (belief.argmax(1) == who.family))


def some_rows(who, rows):
    return replace(who, persona=who.persona[rows], family=who.family[rows], last=who.last[rows])


def centred_by_hand(x, who):
    """What is left of states without their last question's mean, families counting equally."""
    weight, out = 1 / np.bincount(who.family)[who.family], np.empty_like(x)
    for q in np.unique(who.last):
        own = who.last == q
        out[own] = x[own] - np.average(x[own], axis=0, weights=weight[own])
    return out


def by_hand_of(x, who):
    """Gaussians about the families' means, of one covariance that scikit-learn shrinks."""
    n = len(who.families)
    means = np.stack([x[who.family == f].mean(0) for f in range(n)])
    spread, _ = ledoit_wolf(x - means[who.family], assume_centered=True)
    dense = np.stack([multivariate_normal(m, spread).logpdf(x) for m in means], axis=1)
    belief = softmax(dense)
    assert belief.max(1).std() > 0.05  # neither sure of everything nor of nothing
    return belief


@pytest.mark.parametrize("families", [2, 3])
def test_beliefs_are_those_of_gaussians_of_one_covariance(families):
    whole = made_seats(families)
    rows = (whole.family > 0) | (whole.persona > 1)  # families of different sizes
    who, x = some_rows(whole, rows), made_states(whole, family=0.4)[rows]
    by_hand = by_hand_of(centred_by_hand(x, who), who)
    assert np.allclose(softmax(fit_states(x, who).scores(x, who.last)), by_hand, atol=1e-6)


def test_a_wide_model_is_read_in_its_first_principal_components():
    who = made_seats(3, 8, 22, 8)
    x = made_states(who, COMPONENTS + 12, family=0.2)
    centred = centred_by_hand(x, who)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    by_hand = by_hand_of(centred @ axes[:COMPONENTS].T, who)
    reading = fit_states(x, who)
    assert reading.whitener.shape == (COMPONENTS + 12, COMPONENTS)
    assert np.allclose(softmax(reading.scores(x, who.last)), by_hand, atol=1e-5)


def test_families_are_told_in_talks_of_personas_and_questions_not_seen(clear):
    x, reading, held = clear
    assert accuracy(held.belief, WHO) > 0.9
    assert accuracy(softmax(reading.scores(x, WHO.last)), WHO) > 0.95
    assert reading.temperature == held.temperature


def test_what_a_last_question_adds_to_every_talk_changes_nothing(clear):
    x, reading, held = clear
    added = 50 * np.random.default_rng(1).normal(size=(8, x.shape[1]))
    again, held_again = judged_states(x + added[WHO.last], WHO)
    assert np.allclose(held_again.belief, held.belief, atol=1e-5)
    assert np.allclose(held_again.distance, held.distance, atol=1e-5)
    assert again.temperature == pytest.approx(reading.temperature, rel=1e-4)
    assert again.far == pytest.approx(reading.far, rel=1e-6)
    scores = again.scores(x + added[WHO.last], WHO.last)
    assert np.allclose(softmax(scores), softmax(reading.scores(x, WHO.last)), atol=1e-5)


@pytest.mark.parametrize(
    "d",
    [
        16,
        COMPONENTS + 8,
        150,  # more than there are talks
    ],
)
def test_rotation_changes_nothing(d):
    x = made_states(WHO, d, family=0.5)
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(d, d)))
    here, there = judged_states(x, WHO), judged_states(x @ turn, WHO)
    assert np.allclose(there[1].belief, here[1].belief, atol=1e-4)
    assert np.allclose(there[1].distance, here[1].distance, rtol=1e-4)
    scores = [r.scores(y, WHO.last) for (r, _), y in ((here, x), (there, x @ turn))]
    assert np.allclose(softmax(scores[0]), softmax(scores[1]), atol=1e-4)


@pytest.mark.parametrize("signature", ["person", "both"])
def test_what_only_memory_could_know_is_not_known(signature):
    """Marks of a persona, or of a family at one last question, say nothing of the next one."""
    none = {"family": 0.0, "person": 0.0, "both": 0.0}
    seen, unseen, loss = [], [], []
    for seed in range(3):
        x = made_states(WHO, 48, seed, **(none | {signature: 3.0}))
        reading, held = judged_states(x, WHO)
        seen.append(accuracy(softmax(reading.scores(x, WHO.last)), WHO))
        unseen.append(accuracy(held.belief, WHO))
        own = log_softmax(held.scores)[np.arange(len(x)), WHO.family]
        loss.append(-float(WHO.weight @ own))
    assert min(seen) > 0.95
    assert np.mean(unseen) < 0.55
    assert np.mean(loss) > 0.9 * np.log(3)


def test_a_talk_is_not_judged_by_others_of_its_persona(clear):
    x, _, held = clear
    part, _ = splits(WHO)
    talk = 17
    other = x.copy()
    mates = (part == part[talk]) & (np.arange(len(x)) != talk)
    other[mates] += 20 * np.random.default_rng(3).normal(size=(mates.sum(), x.shape[1]))
    again = judged_states(other, WHO)[1]
    assert again.distance[talk] == pytest.approx(held.distance[talk])
    assert not np.allclose(again.distance[part != part[talk]], held.distance[part != part[talk]])


def test_personas_and_questions_are_dealt_whole_and_round():
    who = made_seats(4, 7, 8, 16)
    part, asked = splits(who)
    for of, number, n in ((who.persona, part, PERSONA_SPLITS), (who.last, asked, QUESTION_SPLITS)):
        assert set(number) == set(range(n))
        assert all(len(set(number[of == k])) == 1 for k in np.unique(of))
    for f in range(4):
        people = [part[who.persona == p][0] for p in np.unique(who.persona[who.family == f])]
        sizes = np.bincount(people, minlength=PERSONA_SPLITS)
        assert sizes.max() - sizes.min() <= 1
    assert np.bincount(asked[np.unique(who.last, return_index=True)[1]]).tolist() == [4] * 4
    assert all((a == b).all() for a, b in zip(splits(who), (part, asked), strict=True))
    assert (splits(who, 1)[0] != part).any()


def test_the_temperature_undoes_a_planted_scaling():
    family = np.repeat(np.arange(4), 500)
    scores = np.log(gaussian_beliefs(family, 4, 1.5, np.random.default_rng(4)))
    plain = temperature(scores, family)
    assert plain == pytest.approx(1, abs=0.1)
    for scale in (0.05, 7.0):
        assert temperature(scale * scores, family) == pytest.approx(scale * plain, rel=1e-4)
    twice = np.concatenate([np.arange(2000), np.flatnonzero(family == 2)])
    assert temperature(scores[twice], family[twice]) == pytest.approx(plain, rel=2e-3)


def test_a_tempered_reading_is_as_sure_as_it_is_right():
    who = made_seats(4, 6, 8, 8)
    gap, untempered = [], []
    for seed in range(2):
        reading, held = judged_states(made_states(who, 48, seed, family=0.3, person=0.3), who)
        right = accuracy(held.belief, who)
        assert 0.4 < right < 0.95
        gap.append(held.belief.max(1).mean() - right)
        untempered.append(softmax(held.scores * reading.temperature).max(1).mean() - right)
    assert abs(np.mean(gap)) < 0.08
    assert np.mean(untempered) > 0.12


def test_a_twentieth_of_talks_left_out_is_far_and_so_is_what_is_like_none(clear):
    x, reading, held = clear
    assert (held.distance > reading.far).mean() == pytest.approx(0.05, abs=0.011)
    away = np.random.default_rng(5).normal(size=x.shape)
    away *= 40 / np.linalg.norm(away, axis=1, keepdims=True)
    assert (reading.distance(x + away, WHO.last) > reading.far).all()
    middle = reading.centre[WHO.last] + (x - reading.centre[WHO.last]) / 4
    assert (reading.distance(middle, WHO.last) < reading.far).all()
    assert np.isinf(fit_states(x, WHO).far)


def test_distance_is_in_standard_deviations_within_a_family():
    who = made_seats(3, 8, 25, 4)
    x = made_states(who, 6, person=0.0)
    reading = fit_states(x, who)
    centred = x - reading.centre[who.last]
    means = np.stack([centred[who.family == f].mean(0) for f in range(3)])
    within = np.cov((centred - means[who.family]).T)
    off = centred[:, None] - means[None]
    square = np.einsum("tfd,de,tfe->tf", off, np.linalg.inv(within), off)
    by_hand = np.sqrt(square.min(1))
    assert np.allclose(reading.distance(x, who.last), by_hand, rtol=0.1)


def test_another_readers_centre_is_what_is_subtracted(clear):
    x, reading, _ = clear
    shift = np.random.default_rng(6).normal(size=reading.centre.shape)
    theirs = x + shift[WHO.last]
    for read in (reading.scores, reading.distance):
        assert np.allclose(read(theirs, WHO.last, reading.centre + shift), read(x, WHO.last))
        assert not np.allclose(read(theirs, WHO.last), read(x, WHO.last))


def test_families_count_equally():
    weight = equal_weights(np.array([0, 0, 0, 1, -1, 2, 2]))
    assert np.allclose(weight, [1 / 9, 1 / 9, 1 / 9, 1 / 3, 0, 1 / 6, 1 / 6])
    x, last = np.array([[0.0], [3.0], [10.0]]), np.array([0, 0, 2])
    centre = centre_of(x, last, np.array([0.5, 0.25, 0.25]), 4)
    assert np.allclose(centre[:, 0], [1, 3.25, 10, 3.25])


def test_a_family_of_one_is_left_out_and_named():
    names = ["a1", "a2", "b1", "alone", "b2"]
    people = [p for p in names for _ in range(4)]
    lasts = ["q0", "q1", "q2", "q3"] * 5
    who = seated(people, [p.rstrip("12") for p in people], lasts)
    assert who.families == ("a", "b") and who.left_out == ("alone",)
    out = np.array(people) == "alone"
    assert (who.family[out] == -1).all() and (who.weight[out] == 0).all()
    x = made_states(who, 4, family=3.0)
    reading, held = judged_states(x, who)
    assert np.isnan(held.scores[out]).all() and np.isnan(held.distance[out]).all()
    assert np.isfinite(held.scores[~out]).all()
    assert accuracy(held.belief[~out], some_rows(who, ~out)) > 0.9
    alone = fit_states(x[~out], some_rows(who, ~out))
    scores = alone.scores(x, who.last) / reading.temperature
    assert np.allclose(reading.scores(x, who.last), scores)


def test_what_tells_nothing_apart_is_refused():
    people = ["a1", "a2", "b1"] * 2
    with pytest.raises(BadInput, match="two families of at least two personas, found 1"):
        seated(people, [p[0] for p in people], ["q"] * 3 + ["r"] * 3)
    people = ["a1", "a2", "b1", "b2"] * 2
    with pytest.raises(BadInput, match="two different questions"):
        seated(people, [p[0] for p in people], ["q"] * 8)
    assert seated(people, [p[0] for p in people], ["q"] * 4 + ["r"] * 4).left_out == ()


def test_belief_sums_to_one_however_large_the_scores():
    scores = np.array([[1e5, 1e5 - np.log(3), -np.inf], [-1e5, 0.0, 1e5]])
    belief = softmax(scores)
    assert np.allclose(belief, [[0.75, 0.25, 0], [0, 0, 1]])
    assert np.allclose(np.exp(log_softmax(scores)), belief)


def test_a_talk_of_a_family_that_a_fit_has_not_seen_is_not_judged():
    who = made_seats(4, 2, 8, 8)
    rows = who.persona != 0  # its family's other persona is never seen when it is judged
    x, who = made_states(who, 8)[rows], some_rows(who, rows)
    reading, held = judged_states(x, who)
    assert np.isnan(held.scores[who.family == 0]).all()
    assert not np.isnan(held.scores[who.family != 0]).any()
    assert reading.temperature > 0.05


def test_questions_are_dealt_round_whatever_their_numbers():
    who = made_seats(3, 4, 8, 2)
    for apart in range(1, 16):
        _, asked = splits(replace(who, last=who.last * apart))
        assert len(set(asked)) == 2, apart
