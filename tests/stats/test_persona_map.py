"""The frozen map: same seed same map, points land among their own, strangers are marked."""

from dataclasses import replace

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.persona_map import (
    MapSettings,
    block_means,
    centre_questions,
    fit_map,
    halves,
    neighbour_rows,
    quality,
)

FAMILIES, EACH, Q, D = 6, 6, 16, 24


def activations(seed=0):
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(FAMILIES, D))
    roles = np.repeat(centres, EACH, axis=0) + rng.normal(size=(FAMILIES * EACH, D))
    question = 10 * rng.normal(size=(Q, D))  # far larger than any persona: what centring removes
    people = np.concatenate([roles, np.zeros((1, D))])
    return people[:, None] + question[None] + 0.5 * rng.normal(size=(len(people), Q, D))


WEIGHTS = np.full(FAMILIES * EACH, 1 / (FAMILIES * EACH))
SETTINGS = MapSettings(blocks=4, neighbours=5)


@pytest.fixture(scope="module")
def blocks():
    return block_means(centre_questions(activations(), WEIGHTS), SETTINGS)


@pytest.fixture(scope="module")
def frozen(blocks):
    return fit_map(blocks[:-1], SETTINGS)


def test_centring_removes_the_question(blocks):
    centred = centre_questions(activations(), WEIGHTS)
    assert np.allclose(np.tensordot(WEIGHTS, centred[:-1], axes=1), 0)


def test_halves_are_complementary_pairs():
    rows = halves(10, 4, seed=0)
    assert sorted([*rows[0], *rows[1]]) == list(range(10))
    with pytest.raises(BadInput, match="four questions"):
        halves(3, 4, 0)


def test_same_seed_same_map(blocks, frozen):
    assert np.array_equal(frozen.xy, fit_map(blocks[:-1], SETTINGS).xy)


def test_personas_land_in_their_family_even_without_their_own_blocks(blocks, frozen):
    means = blocks[:-1].mean(1)
    placed, _ = frozen.place(means, leave_out=np.arange(len(means)))
    family = np.arange(len(means)) // EACH
    near = neighbour_rows(placed, 3, "euclidean")
    assert (family[near] == family[:, None]).mean() > 0.9


def test_a_stranger_is_off_the_map_and_members_are_not(blocks, frozen):
    stranger = np.linalg.svd(frozen.blocks)[2][-1:]  # the direction the cast uses least
    assert frozen.place(stranger)[1][0] < frozen.off_map_below
    _, own = frozen.place(blocks[:-1].mean(1))
    assert (own > frozen.off_map_below).all()


def test_placement_is_smooth_and_does_not_depend_on_the_batch(blocks, frozen):
    x = blocks[:-1].mean(1)
    together, _ = frozen.place(x)
    alone = np.concatenate([frozen.place(x[i : i + 1])[0] for i in range(len(x))])
    assert np.allclose(together, alone)
    near, _ = frozen.place(x[:1] * 1.0 + 1e-6)
    assert np.linalg.norm(near - together[:1]) < 1e-3 * frozen.width


def test_quality_is_high_on_families_and_at_chance_on_a_shuffled_map(frozen):
    good, _ = quality(frozen, k=EACH - 1)  # as many neighbours as a family has
    rng = np.random.default_rng(0)
    shuffled = replace(frozen, xy=rng.permutation(frozen.xy))
    bad, _ = quality(shuffled, k=EACH - 1)
    assert good["trustworthiness"] > 0.85 and good["continuity"] > 0.85
    assert good["knn_recall"] > 0.5 and good["loo_error_median"] < 0.2
    assert abs(bad["knn_recall"] - bad["knn_chance"]) < 0.05
    assert bad["trustworthiness"] < 0.6


def test_too_few_and_broken_rows_are_refused():
    with pytest.raises(BadInput, match="4 personas"):
        fit_map(np.ones((2, 2, 5)), SETTINGS)
    rows = np.random.default_rng(0).normal(size=(10, 4, 5))
    rows[0, 0, 0] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        fit_map(rows, SETTINGS)
