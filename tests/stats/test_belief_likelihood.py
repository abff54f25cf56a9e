"""Laws of belief from likelihoods: who would have said it, whoever finds everything likely."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.belief import softmax, splits
from psm_viz.stats.belief_likelihood import LikelihoodReading, evidence_of, judged_likelihoods
from tests.made.talks import made_headers, made_likelihoods, made_seats

WHO = made_seats(3, 3, 6, 6)
OWN, HEADS = made_headers(WHO)
SAID = made_likelihoods(WHO, HEADS)
NOBODY = np.full(len(OWN), -1)


def barred_of(own):
    return own[:, None] == np.arange(len(HEADS))[None]


def accuracy(belief, who, rows=slice(None)):
    return float((belief[rows].argmax(1) == who.family[rows]).mean())


@pytest.mark.parametrize("own", [OWN, NOBODY, None], ids=["some barred", "none barred", "no bar"])
def test_evidence_is_what_a_loop_gives(own):
    barred = None if own is None else barred_of(own)
    by_hand = np.zeros((len(SAID), len(HEADS)))
    for t in range(len(SAID)):
        asked = [h for h in range(len(HEADS)) if own is None or own[t] != h]
        for answer in SAID[t]:
            by_hand[t] += answer - sum(answer[h] for h in asked) / len(asked)
    assert np.allclose(evidence_of(SAID, barred), by_hand)


def test_families_are_told_by_what_was_said():
    reading, held = judged_likelihoods(SAID, OWN, HEADS, WHO)
    assert accuracy(held.belief, WHO) > 0.85
    assert reading.families == WHO.families and (reading.member == HEADS).all()
    assert reading.temperature == held.temperature
    assert np.isnan(held.distance).all()
    barred = barred_of(OWN)
    assert accuracy(softmax(reading.scores(evidence_of(SAID, barred), barred)), WHO) > 0.85


def test_likelihoods_that_say_nothing_tell_nobody():
    who = made_seats(3, 6, 8, 8)
    own, heads = made_headers(who)
    found = [
        judged_likelihoods(made_likelihoods(who, heads, seed, family=0.0), own, heads, who)[1]
        for seed in range(3)
    ]
    assert abs(np.mean([accuracy(h.belief, who) for h in found]) - 1 / 3) < 0.12
    right = [np.log(h.belief[np.arange(len(own)), who.family]).mean() for h in found]
    assert np.mean(right) == pytest.approx(-np.log(3), abs=0.05)


def test_an_answer_that_anybody_finds_likely_tells_nothing():
    anybody = 3 * np.random.default_rng(1).normal(size=(*SAID.shape[:2], 1))
    plain, other = (judged_likelihoods(x, OWN, HEADS, WHO)[1] for x in (SAID, SAID + anybody))
    assert np.allclose(other.belief, plain.belief, atol=1e-5)


@pytest.mark.parametrize(
    "own",
    [
        pytest.param(NOBODY, id="none barred"),
        pytest.param(OWN, id="some barred"),
    ],
)
def test_a_persona_that_finds_everything_likely_is_no_likelier(own):
    everything = np.random.default_rng(2).normal(size=len(HEADS))
    plain, other = (judged_likelihoods(x, own, HEADS, WHO) for x in (SAID, SAID + everything))
    assert np.allclose(other[1].belief, plain[1].belief, atol=1e-5)
    assert other[0].temperature == pytest.approx(plain[0].temperature, rel=1e-4)


def test_the_unit_of_likelihood_changes_nothing():
    plain, other = (judged_likelihoods(x, OWN, HEADS, WHO) for x in (SAID, 5 * SAID))
    assert other[0].temperature == pytest.approx(5 * plain[0].temperature, rel=1e-4)
    assert np.allclose(other[1].belief, plain[1].belief, atol=1e-5)


def test_a_persona_is_not_asked_about_its_own_talks():
    other = SAID.copy()
    talks = np.flatnonzero(OWN >= 0)
    other[talks, :, OWN[talks]] += 1000 * np.random.default_rng(3).normal(size=(len(talks), 4))
    (a, held), (b, held_other) = (judged_likelihoods(x, OWN, HEADS, WHO) for x in (SAID, other))
    assert np.allclose(held_other.scores, held.scores)
    assert np.allclose(b.level, a.level) and b.temperature == pytest.approx(a.temperature)
    barred = barred_of(OWN)
    scores = [r.scores(evidence_of(x, barred), barred) for r, x in ((a, SAID), (b, other))]
    assert np.allclose(*scores)


def test_a_talk_has_no_say_in_how_its_own_part_is_read():
    part, _ = splits(WHO)
    talk = 20
    mates = (part == part[talk]) & (np.arange(len(SAID)) != talk)
    other = SAID.copy()
    other[mates] += np.random.default_rng(4).normal(size=other[mates].shape)
    held, again = (judged_likelihoods(x, OWN, HEADS, WHO)[1] for x in (SAID, other))
    assert np.allclose(again.scores[talk], held.scores[talk])
    assert not np.allclose(again.scores[part != part[talk]], held.scores[part != part[talk]])


def test_a_familys_score_is_the_log_of_the_mean_over_its_personas():
    member = np.array([0, 0, 0, 1, -1])
    reading = LikelihoodReading(("a", "b"), member, np.array([1.0, 0, 0, 2, 9]), 2.0)
    s = np.array([[3.0, 2, 0, 4, 50]])
    whole = np.log(np.mean(np.exp([1.0, 1.0, 0.0])))
    assert np.allclose(reading.scores(s), [[whole, 1.0]])
    barred = np.array([[False, False, True, False, False]])
    assert np.allclose(reading.scores(s, barred), [[1.0, 1.0]])
    alone = np.array([[False, False, False, True, False]])
    assert np.allclose(softmax(reading.scores(s, alone)), [[1, 0]])
    # asked twice, a persona makes its family no likelier
    twice = replace(reading, member=np.array([0, 0, 0, 1, 1]), level=np.array([1.0, 0, 0, 2, 2]))
    s[0, 4] = s[0, 3]
    assert np.allclose(twice.scores(s), reading.scores(s))


def test_a_family_whose_only_asked_persona_is_the_talks_own_is_not_judged():
    heads = np.array([0, 0, 1, 1, 2])
    alone = WHO.persona == np.unique(WHO.persona[WHO.family == 2])[0]
    own = np.where(OWN < 4, OWN, np.where(alone, 4, -1))
    held = judged_likelihoods(SAID[:, :, :5], own, heads, WHO)[1]
    assert np.isnan(held.scores[alone]).all()
    assert np.isfinite(held.scores[~alone]).all()
    assert accuracy(held.belief, WHO, ~alone) > 0.8


def test_a_talk_of_no_family_is_not_judged_and_has_no_say():
    none = WHO.persona == 8
    who = replace(WHO, family=np.where(none, -1, WHO.family))
    other = SAID.copy()
    other[none] += 100 * np.random.default_rng(5).normal(size=other[none].shape)
    (a, held), (b, again) = (judged_likelihoods(x, OWN, HEADS, who) for x in (SAID, other))
    assert np.isnan(held.scores[none]).all() and np.isfinite(held.scores[~none]).all()
    assert np.allclose(again.scores[~none], held.scores[~none])
    assert np.allclose(b.level, a.level)


def test_a_family_with_nobody_to_be_asked_is_refused():
    with pytest.raises(BadInput, match=r"Nobody of these families .*\['f2'\]"):
        judged_likelihoods(SAID, OWN, np.where(HEADS == 2, -1, HEADS), WHO)
