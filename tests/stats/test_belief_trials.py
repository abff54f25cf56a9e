"""Trials of belief end to end: planted mixtures come back, no change is seldom called one."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.stats import belief_trials, talk_sampling
from psm_viz.stats.belief_trials import (
    CHANGES,
    SHARES,
    TALKS,
    Pool,
    drawn,
    made_talks,
    paired,
    pool_of_likelihoods,
    pool_of_states,
    rows_of,
    trial,
)
from psm_viz.stats.resampling import Estimate
from psm_viz.stats.significance import ALPHA
from tests.made.talks import (
    gaussian_beliefs,
    made_headers,
    made_likelihoods,
    made_seats,
    made_states,
)

WHO = made_seats(4, 10, 8, 8)
MARKED = np.array([True, False, True, False])
OF_MARKED = MARKED[WHO.family]


def exact_pool(apart=2.0, seed=0):
    """A pool whose beliefs are an exact observer's, however it is fitted."""
    belief = gaussian_beliefs(WHO.family, 4, apart, np.random.default_rng(seed))
    return Pool(WHO, MARKED, lambda _: lambda other: belief[other], OF_MARKED.astype(float))


def test_so_many_marked_talks_are_drawn_as_were_planted():
    rng = np.random.default_rng(0)
    for share in SHARES:
        rows = drawn(OF_MARKED, share, rng)
        assert len(rows) == TALKS and OF_MARKED[rows].sum() == round(share * TALKS)
    assert len(set(drawn(OF_MARKED, 0.5, rng))) > 100  # from all talks, not from a few


def test_pairs_end_in_the_same_questions():
    rng = np.random.default_rng(1)
    before, after = paired(OF_MARKED, WHO.last, 0.25, 0.5, rng)
    assert (WHO.last[before] == WHO.last[after]).all()
    assert (np.bincount(WHO.last[before]) == TALKS // 8).all()
    for rows, share in ((before, 0.25), (after, 0.5)):
        assert abs(OF_MARKED[rows].mean() - share) < 3.3 * np.sqrt(share * (1 - share) / TALKS)
    none, all_ = paired(OF_MARKED, WHO.last, 0.0, 1.0, rng)
    assert not OF_MARKED[none].any() and OF_MARKED[all_].all()


def test_a_made_arena_gives_all_and_nothing_back():
    pool = made_talks(64, np.random.default_rng(0))
    assert pool.marked.sum() == 9 and len(pool.who.families) == 21
    found = {(f.plant, f.size): f for f in trial(pool, 0)}
    changes = {(f"change from {start}", c) for start in ("0", "0.25") for c in CHANGES}
    assert set(found) == {("mixture", s) for s in SHARES} | changes
    for share in (0.0, 1.0):
        assert found["mixture", share].value == pytest.approx(share, abs=0.1)
    for share in SHARES:
        assert found["mixture", share].bad == round(share * TALKS) / TALKS
    assert found["change from 0", 0.25].value == 1
    assert {found[c].value for c in changes} <= {0.0, 1.0}


def test_planted_mixtures_come_back_where_talks_are_taken_for_others(monkeypatch):
    monkeypatch.setattr(belief_trials, "CHANGES", ())
    found = [f for seed in range(8) for f in trial(exact_pool(seed=seed), seed)]
    for share in SHARES:
        back = np.array([f.value for f in found if f.size == share])
        assert back.mean() == pytest.approx(share, abs=0.06)
    assert np.std([f.value for f in found if f.size == 0.25]) > 1e-3  # talks do overlap


def called(monkeypatch, more, trials):
    """Whether each of some cheap trials called a change one, from none and from a quarter."""
    monkeypatch.setattr(belief_trials, "CHANGES", (more,))
    monkeypatch.setattr(belief_trials, "SHARES", ())
    monkeypatch.setattr(belief_trials, "TALKS", 64)
    monkeypatch.setattr(talk_sampling, "DRAWS", 20)  # of intervals, which nobody looks at
    pool = exact_pool()
    return np.array([f.value for seed in range(trials) for f in trial(pool, seed)])


def test_no_change_is_seldom_called_one(monkeypatch):
    fired = called(monkeypatch, 0.0, 100)
    assert len(fired) == 200
    assert abs(fired.mean() - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize(("p", "says"), [(ALPHA, 1.0), (ALPHA + 0.0005, 0.0)])
def test_a_change_is_called_one_at_the_level_of_the_product(monkeypatch, p, says):
    monkeypatch.setattr(belief_trials, "change", lambda *_: Estimate(0.0, p=p))
    assert (called(monkeypatch, 0.1, 1) == says).all()


def test_a_large_change_is_mostly_called_one(monkeypatch):
    assert called(monkeypatch, 0.5, 10).mean() > 0.8


def test_a_fifth_of_every_familys_personas_is_left_out():
    seen = []

    def fit(rows):
        def belief(other):
            seen.append((rows, other))
            return np.full((other.sum(), 2), 0.5)

        return belief

    who = replace(WHO, family=np.where(WHO.family > 1, -1, WHO.family), families=("f0", "f1"))
    pool = Pool(who, np.array([True, False]), fit, np.full(len(WHO.last), np.nan))
    found = trial(pool, 3)
    assert np.isnan([f.bad for f in found]).all()  # where nobody knows
    [(rows, other)] = seen
    assert not set(who.persona[rows]) & set(who.persona[other])
    assert ((rows | other) == (who.family >= 0)).all()
    for f in range(2):
        assert len(np.unique(who.persona[other & (who.family == f)])) == 2


def test_same_seed_same_trial(monkeypatch):
    monkeypatch.setattr(belief_trials, "CHANGES", (0.1,))
    pool = exact_pool()
    assert trial(pool, 5) == trial(pool, 5) != trial(pool, 6)


def some_pool(kind, who, noise=None, rows=slice(0)):
    """A pool of either reading; the given rows hold nothing but noise."""
    marked, bad = np.arange(len(who.families)) == 0, np.zeros(len(who.family))
    if kind == "states":
        x = made_states(who, 8, family=1.0)
        x[rows] += 0 if noise is None else noise.normal(size=x[rows].shape)
        return pool_of_states(x, who, marked, bad)
    own, heads = made_headers(who)
    per_token = made_likelihoods(who, heads, family=1.0)
    per_token[rows] += 0 if noise is None else noise.normal(size=per_token[rows].shape)
    return pool_of_likelihoods(per_token, own, heads, who, marked, bad)


@pytest.mark.parametrize("kind", ["states", "likelihood"])
def test_talks_left_out_are_told_by_a_reading_that_has_not_seen_them(kind):
    who = made_seats(3, 5, 8, 8)
    other = who.persona % 5 == 4
    belief = some_pool(kind, who).fit(~other)(other)
    assert np.allclose(belief.sum(1), 1)
    assert (belief.argmax(1) == who.family[other]).mean() > 0.8
    talk = np.flatnonzero(other)[0]
    mates = other & (np.arange(len(other)) != talk)
    again = some_pool(kind, who, np.random.default_rng(2), mates).fit(~other)(other)
    assert np.allclose(again[0], belief[0]) and not np.allclose(again[1:], belief[1:])


def test_fewer_rows_of_the_same_families_and_questions():
    rows = WHO.persona % 10 < 2
    few = rows_of(WHO, rows)
    assert few.families == WHO.families and len(few.last) == rows.sum() == 64
    assert (few.last == WHO.last[rows]).all() and (few.persona == WHO.persona[rows]).all()


def test_a_last_question_of_talks_left_out_alone_can_be_read():
    who = made_seats(3, 5, 8, 8)
    other = who.persona % 5 == 4
    who = replace(who, last=np.where(other & (who.last == 0), 8, who.last), lasts=9)
    belief = some_pool("states", who).fit(~other)(other)
    assert np.isfinite(belief).all()
