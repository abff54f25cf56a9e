"""Laws of trials: what is planted is what is there."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.planted import PLANTS, Trial, made, plant, split_pool
from psm_viz.stats.vectors import principal_directions

TOPICS = tuple(f"t{i % 6}" for i in range(26))  # four or five questions a topic, interleaved
ROLES, D = 20, 30
SPECIFIC = ("shift", "mixture", "off-space")


def trial(seed=0):
    """A start, and as its end the same again: whatever differs after planting was planted."""
    start = made(ROLES, D, "made", n_topics=6).draw(np.random.default_rng(seed)).start
    return Trial(start, start.copy())


def planted(kind, size, seed=0):
    t = trial(seed)
    end = plant(t, kind, size, np.random.default_rng(5))
    return t.start, end, end - t.start


def radius(start):
    roles = start.mean(1)[:-1]
    return np.sqrt(((roles - roles.mean(0)) ** 2).sum(1).mean())


@pytest.mark.parametrize("kind", list(PLANTS))
def test_nothing_of_a_plant_is_nothing_and_trials_are_left_as_they_were(kind):
    t = trial()
    before = t.end.copy()
    assert (plant(t, kind, 0.0, np.random.default_rng(1)) == before).all()
    plant(t, kind, 0.5, np.random.default_rng(1))
    assert (t.end == before).all() and (t.start == before).all()


def test_everybody_carried_along_moves_alike_by_so_many_radii():
    start, _, moved = planted("carried along", 0.5)
    assert np.allclose(moved, moved[0, 0])
    assert np.linalg.norm(moved[0, 0]) == pytest.approx(0.5 * radius(start))


@pytest.mark.parametrize("size", PLANTS["contraction"])
def test_a_contraction_has_its_slope_along_the_axis_and_none_across_it(size):
    start, end, moved = planted("contraction", size)
    mu = start[:-1].mean(0).mean(0)
    u = start[-1].mean(0) - mu
    u /= np.linalg.norm(u)
    away, after = (x[:-1] - x[:-1].mean(0) for x in (start, end))
    assert np.allclose(after @ u, (1 - size) * (away @ u))
    assert np.allclose(end[-1] @ u - end[:-1].mean(0) @ u, (1 - size) * ((start[-1] - mu) @ u)[0:]
                       + (1 - size) * ((mu - start[:-1].mean(0)) @ u))  # fmt: skip
    assert np.allclose(moved - (moved @ u)[..., None] * u, 0)
    assert np.allclose(end[:-1].mean(0), start[:-1].mean(0))  # the cast's mean stays


@pytest.mark.parametrize("kind", SPECIFIC)
def test_a_movement_of_its_own_moves_the_assistant_alone(kind):
    _, _, moved = planted(kind, 0.4)
    assert (moved[:-1] == 0).all() and np.abs(moved[-1]).max() > 0


def test_a_shift_goes_straight_to_one_persona_by_so_many_radii():
    start, _, moved = planted("shift", 0.4)
    mean = moved[-1].mean(0)
    assert np.linalg.norm(mean) == pytest.approx(0.4 * radius(start))
    ways = start.mean(1)[:-1] - start[-1].mean(0)
    cosine = ways @ mean / np.linalg.norm(ways, axis=1) / np.linalg.norm(mean)
    assert cosine.max() == pytest.approx(1) and np.sort(cosine)[-2] < 0.99


def test_a_mixture_goes_its_share_of_the_way_to_the_middle_of_three():
    start, end, _ = planted("mixture", 0.4)
    mean, a = start.mean(1)[:-1], start[-1].mean(0)
    middle = a + (end[-1].mean(0) - a) / 0.4
    weights = np.linalg.lstsq(mean.T, middle, rcond=None)[0]
    assert np.allclose(np.sort(weights)[-3:], 1 / 3) and np.allclose(np.sort(weights)[:-3], 0)


def test_off_space_is_across_the_casts_directions():
    start, _, moved = planted("off-space", 0.8)
    assert np.allclose(moved[-1], moved[-1, 0])
    assert np.linalg.norm(moved[-1, 0]) == pytest.approx(0.8 * radius(start))
    found, held = principal_directions(start.mean(1)[:-1])
    inside = found[: int(np.searchsorted(np.cumsum(held), 0.95) + 1)]
    assert np.allclose(inside @ moved[-1, 0], 0)


def test_there_is_no_off_space_where_the_cast_fills_all_dimensions():
    start = np.random.default_rng(0).normal(size=(ROLES + 1, 12, 3))
    with pytest.raises(BadInput, match="In 3 dimensions") as e:
        plant(Trial(start, start), "off-space", 0.5, np.random.default_rng(0))
    assert e.value.next_step


def test_one_seed_plants_one_movement_in_every_size():
    small, large = (planted("shift", s)[2] for s in (0.1, 0.2))
    assert np.allclose(2 * small, large)


def test_an_unknown_plant_is_named():
    with pytest.raises(BadInput, match="no plant 'rotation'") as e:
        plant(trial(), "rotation", 0.1, np.random.default_rng(0))
    assert "off-space" in e.value.next_step


@pytest.mark.parametrize("anyone", [False, True])
def test_a_pool_is_dealt_to_start_and_end_without_overlap(anyone):
    index = np.arange(len(TOPICS), dtype=float)
    pool = np.stack([np.stack([index + 100 * p, index], axis=1) for p in range(9)])
    arena = split_pool(pool, TOPICS, anyone, "pool")
    assert len(arena.topics) == len(arena.folds) == 12
    who = set()
    for seed in range(20):
        t = arena.draw(np.random.default_rng(seed))
        asked = [x[0, :, 1].astype(int) for x in (t.start, t.end)]
        assert not set(asked[0]) & set(asked[1])
        for half in asked:
            assert len(set(half)) == 12  # no question twice
            assert tuple(TOPICS[i] for i in half) == arena.topics
        persona = (t.start[:, 0, 0] // 100).astype(int)
        assert ((t.start[:, :, 0] // 100).astype(int) == persona[:, None]).all()
        assert tuple(persona[:-1]) == t.rows and persona[-1] not in t.rows
        who.add(int(persona[-1]))
        assert len(set(persona)) == 9 - anyone
        assert (8 in persona) != anyone  # with anyone in its place the Assistant is left out
    assert who == {8} or (anyone and len(who) > 4)


def test_folds_are_dealt_as_the_shipped_ones():
    arena = split_pool(np.zeros((5, len(TOPICS), 2)), TOPICS, False, "pool")
    assert sorted(set(arena.folds)) == [0, 1, 2, 3]
    for t in set(arena.topics):  # the two questions of a topic lie in two folds
        own = [f for f, x in zip(arena.folds, arena.topics, strict=True) if x == t]
        assert len(own) == len(set(own)) == 2
    assert made(9, 4, "made", n_topics=6).folds == arena.folds


def test_a_topic_with_three_questions_cannot_be_dealt():
    with pytest.raises(BadInput, match=r"'few' has 3 questions .* needs 4"):
        split_pool(np.zeros((5, 11, 2)), ("many",) * 8 + ("few",) * 3, False, "pool")


def test_made_activations_look_like_real_ones():
    arena = made(60, 40, "made", ends=3, n_topics=6)
    t = arena.draw(np.random.default_rng(0))
    assert t.start.shape == t.end.shape == (61, 12, 40) and len(t.more) == 2
    again = arena.draw(np.random.default_rng(0))
    assert (again.start == t.start).all() and not np.allclose(t.start, t.end)
    vectors = t.start.mean(1)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.median(unit @ unit.T) > 0.8
    away = np.linalg.norm(vectors - vectors[:-1].mean(0), axis=1)
    assert 1.5 < away[-1] / np.median(away[:-1]) < 4
