"""The nulls by number: each can be called, says what it lacks, and is what it claims to be."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from psm_viz.errors import BadInput, UnknownName
from psm_viz.stats.significance import ALPHA
from psm_viz.study.activations import POOLINGS, PersonaVectors
from psm_viz.tables import nulls
from psm_viz.tables.compare import Comparer
from tests.made.activations import CONTRACTED, FLOOR, RAW, REFERENCE


@pytest.fixture(scope="module")
def compare(known):
    return Comparer(known)


def call(number, study, compare):
    """The null of this number, as a reader would call it."""
    pooling = study.manifest.headline_pooling
    roles = {2: "benign", 3: "twin", 4: "other_role"}
    if number in roles:
        return nulls.branch_null(study, compare, roles[number], pooling)
    return {
        1: lambda: nulls.played_again(study, compare, pooling),
        5: lambda: nulls.random_directions_best_layer(study, REFERENCE, pooling, draws=99),
        6: lambda: nulls.random_initialisation(study),
        7: lambda: nulls.random_steering(study),
        8: lambda: nulls.gaussian_map(study),
    }[number]()


def test_every_null_has_a_number_and_says_what_it_guards():
    assert [n.number for n in nulls.NULLS] == list(range(1, 9))
    assert len({n.name for n in nulls.NULLS}) == 8
    assert all(n.guards and n.says for n in nulls.NULLS)


@pytest.mark.parametrize("number", [1, 2, 5, 6])
def test_nulls_that_the_known_study_holds(number, known, compare):
    found = call(number, known, compare)
    if number in (1, 2):
        assert found.start == REFERENCE
        assert found.end == (FLOOR if number == 1 else list(CONTRACTED)[-1])
        # neither playing again nor a benign branch moves the Assistant in a way of its own
        assert found.figures["specific_given_cast"].p > ALPHA
    if number == 6:
        assert found == RAW


@pytest.mark.parametrize("number", [7, 8])
def test_nulls_that_the_made_study_holds(number, made_study):
    found = call(number, made_study, None)
    if number == 7:
        assert len(found) and found.direction.astype(str).str.startswith("random").all()
        assert len(found) < len(made_study.table("steering"))
    else:
        assert set(found["data"]) == {"Gaussian noise"} and found["knn_recall"].between(0, 1).all()


@pytest.mark.parametrize(
    ("number", "problem", "remedy"),
    [
        (1, "no noise floor", "again"),
        (2, "'benign'", "--add BRANCH"),
        (3, "'twin'", "--add BRANCH"),
        (4, "'other_role'", "--add BRANCH"),
        (6, "no randomly initialised", ""),
        (7, "no table 'steering'", "psm_viz extract --tree"),
        (8, "no table 'map_trials'", "psm_viz derive"),
    ],
)
def test_a_null_that_a_study_has_not_is_refused_with_the_remedy(known, number, problem, remedy):
    m = known.manifest
    kept = tuple(c for c in m.checkpoints if c.id not in (RAW, FLOOR))
    bare = replace(known, manifest=replace(m, checkpoints=kept, noise_floor=None, notes={}))
    with pytest.raises(UnknownName, match=problem) as e:
        call(number, bare, Comparer(bare))
    assert remedy in e.value.next_step


def test_a_note_of_a_branch_that_is_not_there_is_no_null(known, compare):
    other = replace(known, manifest=replace(known.manifest, notes={"twin": "requested"}))
    with pytest.raises(UnknownName, match="'twin'"):
        nulls.branch_null(other, compare, "twin", POOLINGS[0])


def with_assistant(known, assistant):
    """The known study with another Assistant at every layer, in memory."""
    v = known.vectors(REFERENCE)
    values = v.values.copy()
    for layer in range(len(v.layers)):
        values[-1, :, layer] = assistant(values[:-1, :, layer])
    held = PersonaVectors(values, v.ids, v.poolings, v.layers, v.checkpoint)
    return SimpleNamespace(vectors=lambda c: held, manifest=known.manifest, cast=known.cast)


def test_a_random_direction_is_told_from_random_ones_no_more_often_than_p_says(known):
    p = []
    for seed in range(150):
        g = np.random.default_rng([seed, 1]).normal(size=len(known.cast.personas))
        study = with_assistant(known, lambda x, g=g: x.mean(0) + np.tensordot(g, x - x.mean(0), 1))
        found = nulls.random_directions_best_layer(study, REFERENCE, POOLINGS[0], 99, seed)
        p.append(found.p)
    p = np.array(p)
    assert abs(p.mean() - 0.5) < 0.08  # 3.4 standard errors
    assert (p <= 0.05).mean() < 0.11 and (p <= 0.5).mean() > 0.37


def test_an_axis_that_is_the_casts_main_direction_beats_them(known):
    def along_first(x):
        mean = x.mean(0)
        flat = (x - mean)[:, 0]
        first = np.linalg.svd(flat, full_matrices=False)[2][0]
        return mean + 50 * first

    study = with_assistant(known, along_first)
    found = nulls.random_directions_best_layer(study, REFERENCE, POOLINGS[0], 199)
    assert found.value == pytest.approx(1, abs=1e-4) and found.p == 1 / 200
    assert 0 <= found.band[0] < found.band[1] < found.value
    assert found.layer in known.manifest.layers


def test_taking_the_best_layer_widens_the_band(known):
    v = known.vectors(REFERENCE)
    one = PersonaVectors(v.values[:, :, 1:], v.ids, v.poolings, (1,), v.checkpoint)
    study = SimpleNamespace(vectors=lambda c: one, manifest=known.manifest, cast=known.cast)
    alone = nulls.random_directions_best_layer(study, REFERENCE, POOLINGS[0])
    both = nulls.random_directions_best_layer(known, REFERENCE, POOLINGS[0])
    assert both.band[0] >= alone.band[0] and both.band[1] >= alone.band[1]
    assert both.value >= alone.value


def test_random_directions_of_nothing_are_refused(known):
    with pytest.raises(UnknownName, match="Pooling 'first_token'"):
        nulls.random_directions_best_layer(known, REFERENCE, "first_token")
    with pytest.raises(UnknownName, match="nowhere-0001"):
        nulls.random_directions_best_layer(known, "nowhere-0001", POOLINGS[0])
    with pytest.raises(BadInput):
        nulls.random_directions_best_layer(known, RAW, POOLINGS[0])
