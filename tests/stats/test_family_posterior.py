"""Laws of the persona posterior: planted make-ups come out, no more is claimed than is known."""

import numpy as np
import pytest

from psm_viz.errors import BadInput
from psm_viz.stats.family_posterior import NONE, PRIOR, family_posterior, mixture_weights

K, EACH, F, D = 8, 7, 4, 48
FAMILIES = tuple(f"f{i // EACH}" for i in range(K * EACH))


def made(seed=0, apart=1.6, d=D, k=K, noise=0.4):
    """(centres [family, d], roles [role, fold, d]): families of spread 1 with fold noise."""
    rng = np.random.default_rng(seed)
    centres = apart * rng.normal(size=(k, d)) / np.sqrt(d / 24)
    people = np.repeat(centres, EACH, axis=0) + rng.normal(size=(k * EACH, d))
    folds = people[:, None] + noise * rng.normal(size=(k * EACH, F, d))
    return centres, folds - folds.mean(0)


def member(centres, families, seed=50, noise=0.4):
    """An Assistant that is one new member of the family given for each fold."""
    rng = np.random.default_rng(seed)
    person = rng.normal(size=centres.shape[1])
    return np.stack([centres[f] + person for f in families]) + noise * rng.normal(
        size=(F, centres.shape[1])
    )


def weight(found, name):
    return found.weights[found.families.index(name)]


def test_a_planted_member_is_found_in_its_family():
    for s in range(5):
        centres, roles = made(s)
        found = family_posterior(roles, member(centres, [s] * F, 50 + s), FAMILIES)
        assert weight(found, f"f{s}") > 0.9
        assert found.families[-1] == NONE and found.weights.sum() == pytest.approx(1)
        assert found.typicality > 0.02


def test_half_one_family_and_half_another():
    centres, roles = made(1)
    found = family_posterior(roles, member(centres, [2, 2, 5, 5]), FAMILIES)
    for name in ("f2", "f5"):
        assert weight(found, name) == pytest.approx(0.5, abs=0.06)
        at = found.families.index(name)
        assert found.low[at] < 0.4 and found.high[at] > 0.6  # one fold less tips the balance


@pytest.mark.parametrize("where", ["a direction of its own", "along a family", "unused"])
def test_far_off_the_cast_is_none_of_these(where):
    centres, roles = made(2, d=D)
    roles = np.concatenate([roles, 1e-3 * roles[:, :, :1]], axis=2)  # a direction hardly used
    away = np.zeros((F, D + 1))
    if where == "unused":
        away[:, -1] = 5.0
    elif where == "along a family":
        away[:, :D] = 8 * centres[3]
    else:
        away[:, :D] = 12 * np.random.default_rng(3).normal(size=D)
    found = family_posterior(roles, away, FAMILIES)
    assert weight(found, NONE) > 0.9
    assert found.typicality == pytest.approx(1 / (1 + len(roles)))


def test_a_family_that_is_not_listed_is_none_of_these():
    centres, roles = made(4, apart=2.5)
    listed = [i for i, f in enumerate(FAMILIES) if f != "f6"]
    kept = roles[listed]
    found = family_posterior(
        kept - kept.mean(0), member(centres, [6] * F), [FAMILIES[i] for i in listed]
    )
    assert weight(found, NONE) > 0.9 and found.calibration.none_recall > 0.8


def test_the_middle_of_the_cast_belongs_to_no_family_but_is_typical():
    _, roles = made(5, apart=2.5)
    found = family_posterior(roles, 0.05 * member(np.zeros((1, D)), [0] * F), FAMILIES)
    assert weight(found, NONE) > 0.9 and found.typicality > 0.2


def test_shuffled_families_know_nothing_and_claim_nothing():
    for s in range(5):
        centres, roles = made(s)
        mixed = list(np.random.default_rng(s).permutation(FAMILIES))
        found = family_posterior(roles, member(centres, [0] * F), mixed)
        c = found.calibration
        assert c.chance_log_loss == pytest.approx(np.log(K)) and c.chance_accuracy == 1 / K
        assert c.log_loss > 0.95 * c.chance_log_loss and c.accuracy < 0.3
        assert found.weights.max() < 0.5


def test_a_good_cast_is_well_calibrated():
    _, roles = made(6)
    c = family_posterior(roles, roles[0], FAMILIES).calibration
    assert c.accuracy > 0.9 and c.log_loss < 0.4 and c.error < 0.12
    assert 0.01 <= c.temperature <= 1000


def test_weights_grow_less_sure_as_families_overlap():
    sure = []
    for apart in (1.6, 0.7, 0.1):
        centres, roles = made(7, apart=apart)
        found = family_posterior(roles, member(centres, [0] * F), FAMILIES)
        sure.append(found.calibration.log_loss)
    assert sure == sorted(sure)


def test_a_persona_is_scored_without_itself():
    """Labels that only memory could know must not be known."""
    rng = np.random.default_rng(8)
    people = rng.normal(size=(K * EACH, 1, D)).repeat(F, axis=1)  # no fold noise at all
    found = family_posterior(people, people[0], FAMILIES)
    assert found.calibration.accuracy < 0.3
    assert found.calibration.log_loss > 0.95 * np.log(K)


def test_rotation_and_unused_dimensions_change_nothing():
    centres, roles = made(9)
    own = member(centres, [1, 1, 4, 4])
    q, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(D, D)))
    wide = np.zeros((D, 400))  # more dimensions than there are rows
    wide[:, :D] = q
    plain = family_posterior(roles, own, FAMILIES)
    for turn in (q, wide):
        turned = family_posterior(roles @ turn, own @ turn, FAMILIES)
        assert np.allclose(turned.weights, plain.weights, atol=1e-4)
        assert turned.typicality == plain.typicality
        assert turned.calibration.log_loss == pytest.approx(plain.calibration.log_loss, abs=1e-4)


def test_scale_changes_nothing():
    centres, roles = made(10)
    own = member(centres, [1] * F)
    plain = family_posterior(roles, own, FAMILIES)
    scaled = family_posterior(1e-3 * roles, 1e-3 * own, FAMILIES)
    assert np.allclose(scaled.weights, plain.weights, atol=1e-4)


def test_em_finds_weights_and_stays_even_where_nothing_is_known():
    flat = mixture_weights(np.zeros((4, 5)))
    assert np.allclose(flat, 0.2)
    certain = np.where(np.eye(3)[[0, 0, 0, 1]] > 0, 0.0, -50.0)
    expected = (np.array([3, 1, 0]) + PRIOR / 3) / (4 + PRIOR)
    assert np.allclose(mixture_weights(certain), expected)
    rng = np.random.default_rng(11)  # many rows: the weights that made them
    label = rng.choice(2, 2000, p=[0.3, 0.7])
    x = rng.normal(size=2000) + 2 * label
    rows = np.stack([-0.5 * x**2, -0.5 * (x - 2) ** 2], axis=1)
    assert mixture_weights(rows)[1] == pytest.approx(0.7, abs=0.04)


def test_a_family_of_one_is_left_out_and_named():
    centres, roles = made(12)
    names = list(FAMILIES)
    names[0] = "alone"
    found = family_posterior(roles, member(centres, [1] * F), names)
    assert found.left_out == ("alone",) and "alone" not in found.families
    assert len(found.families) == len(found.weights) == K + 1


def test_the_smallest_cast_gives_figures():
    rng = np.random.default_rng(15)
    people = rng.normal(size=(4, 1, 6)).repeat(2, axis=1)
    found = family_posterior(people, people[0] + 0.1, list("aabb"), splits=2)
    assert np.isfinite(found.weights).all() and np.isfinite(found.calibration.log_loss)


def test_what_cannot_be_classified_is_refused():
    _, roles = made(14)
    own = roles[0]
    with pytest.raises(BadInput, match="two families"):
        family_posterior(roles, own, ["one"] * len(roles))
    with pytest.raises(BadInput, match="two question folds"):
        family_posterior(roles[:, :1], own[:1], FAMILIES)
    with pytest.raises(BadInput, match="one family each"):
        family_posterior(roles, own, FAMILIES[:-1])
    with pytest.raises(BadInput, match="alike"):
        family_posterior(np.ones_like(roles), own, FAMILIES)
    hole = roles.copy()
    hole[0, 0, 0] = np.nan
    with pytest.raises(BadInput, match="fold means of the cast: 1 of"):
        family_posterior(hole, own, FAMILIES)
