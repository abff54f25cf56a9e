"""How much of a map is the cast: what Gaussian personas keep of it, and what they lose."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.stats.persona_map import MapSettings, fit_map, quality
from psm_viz.study.activations import POOLINGS
from psm_viz.tables.map_trials import (
    FIGURES,
    NOISE,
    NOISE_SEEDS,
    TRIED,
    gaussian_blocks,
    map_trials,
)
from tests.made.activations import REFERENCE, forget

FAMILIES, EACH, BLOCKS, D = 6, 6, 4, 24


@pytest.fixture(scope="module")
def blocks():
    """Tight families of personas, each a small cloud."""
    rng = np.random.default_rng(0)
    centres = np.repeat(4 * rng.normal(size=(FAMILIES, D)), EACH, axis=0)
    roles = centres + 0.7 * rng.normal(size=centres.shape)
    x = roles[:, None] + 0.3 * rng.normal(size=(len(roles), BLOCKS, D))
    return x - x.mean((0, 1))


def covariances(x):
    means = x.mean(1)
    within = (x - means[:, None]).reshape(-1, x.shape[2])
    return np.cov(means.T, bias=True), within.T @ within / len(within)


def test_gaussian_personas_share_the_casts_covariances(blocks):
    drawn = [covariances(gaussian_blocks(blocks, seed)) for seed in range(300)]
    n = len(blocks)
    wanted = covariances(blocks)
    # about their own mean n points lose one degree of freedom, b blocks of a persona likewise;
    # a persona's mean over b blocks carries a share of what is within
    between = (wanted[0] + wanted[1] / BLOCKS) * (n - 1) / n
    inside = wanted[1] * (BLOCKS - 1) / BLOCKS
    for k, target in ((0, between), (1, inside)):
        found = np.mean([c[k] for c in drawn], axis=0)
        assert np.abs(found - target).max() < 0.1 * np.diag(target).max()


def test_the_same_seed_draws_the_same_personas(blocks):
    assert np.array_equal(gaussian_blocks(blocks, 1), gaussian_blocks(blocks, 1))
    assert not np.allclose(gaussian_blocks(blocks, 1), gaussian_blocks(blocks, 2))
    assert gaussian_blocks(blocks).shape == blocks.shape


def test_one_block_a_persona_has_nothing_within(blocks):
    drawn = gaussian_blocks(blocks[:, :1])
    assert drawn.shape == (FAMILIES * EACH, 1, D) and np.isfinite(drawn).all()


def test_families_make_a_map_that_noise_does_not(blocks):
    # over six seeds on two kinds of processor tight families kept 1.00 of their neighbours, noise
    # .68 to .77: what is asked for is far outside what a seed or a processor does
    cast, noise = [], []
    for seed in range(3):
        settings = MapSettings(blocks=BLOCKS, neighbours=5, seed=seed)
        for out, x in ((cast, blocks), (noise, gaussian_blocks(blocks, seed))):
            out.append(quality(fit_map(x, settings), k=EACH - 1)[0]["knn_recall"])
    assert np.mean(cast) > np.mean(noise) + 0.1


@pytest.fixture(scope="module")
def tried(known):
    said = []
    return *map_trials(known, POOLINGS[0], said.append), said


def test_every_map_that_was_tried_is_a_row(tried, known):
    table, points, said = tried
    drawn = len(NOISE_SEEDS)
    assert table.what.tolist() == [*(what for what, _ in TRIED), *["same covariance"] * drawn]
    assert len(said) == len(table) and set(table.pooling) == {POOLINGS[0]}
    assert table.chosen.tolist() == [True] + [False] * (len(table) - 1)
    assert table.seed[table["data"] == NOISE].tolist() == list(NOISE_SEEDS)
    assert table[list(FIGURES)].map(lambda v: 0 <= v <= 1).all(axis=None)
    assert points.id.tolist() == known.cast.ids and np.isfinite(points[["x", "y"]]).all(axis=None)


def test_only_the_stored_map_is_the_stored_map(tried):
    table = tried[0]
    assert table.disparity[0] == pytest.approx(0, abs=1e-9)
    assert table.disparity.between(0, 1).all()
    seeds = table[table.what == "another seed"]
    assert seeds.seed.is_unique and (seeds.disparity > 0.01).all()
    # noise puts the personas anywhere, on the average over its seeds
    assert table.disparity[table["data"] == NOISE].mean() > seeds.disparity.mean()


def test_a_reference_without_activations_is_mapped_by_its_means(known, known_folder, tmp_path):
    folder = shutil.copytree(known_folder, tmp_path / "known")
    study = forget(folder, f"checkpoints/{REFERENCE}/activations.safetensors")
    table, points = map_trials(replace(study, folder=folder), POOLINGS[0])
    assert len(table) == len(TRIED) + len(NOISE_SEEDS) and len(points) == len(known.cast.ids)
