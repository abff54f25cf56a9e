"""Laws of steering: what is added is what was asked for; random vectors are whose they say."""

from types import SimpleNamespace

import numpy as np
import pytest

from psm_viz.engine.steering import random_directions, steered
from psm_viz.errors import BadInput
from psm_viz.small_model import model_tables, steering_rates
from psm_viz.small_model.steering_rates import PER_TOPIC, RANDOM_DRAWS, asked_prompts
from psm_viz.study.reader import open_study
from psm_viz.tables.compare import Comparer
from tests.served import ROOT


def cast():
    rng = np.random.default_rng(0)
    return 7 + rng.normal(size=(60, 12)) * np.linspace(2, 0.1, 12)


def test_directions_are_of_length_one_and_the_same_for_a_seed():
    for matched in (False, True):
        v = random_directions(9, cast(), 3, matched)
        assert v.shape == (9, 12) and np.allclose(np.linalg.norm(v, axis=1), 1)
        assert np.array_equal(v, random_directions(9, cast(), 3, matched))
        assert not np.allclose(v, random_directions(9, cast(), 4, matched))


def test_matched_directions_lie_as_the_cast_does():
    roles = cast()
    # what the cast's covariance gives a direction of length one: drawn from it, then made a unit
    rng = np.random.default_rng(5)
    drawn = rng.multivariate_normal(np.zeros(12), np.cov(roles.T, bias=True), 20_000)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    found = random_directions(20_000, roles, 1, True)
    assert np.abs(found.T @ found / 20_000 - drawn.T @ drawn / 20_000).max() < 0.01


def test_isotropic_directions_prefer_none():
    v = random_directions(20_000, cast(), 1, False)
    assert np.abs(v.T @ v / 20_000 - np.eye(12) / 12).max() < 0.01


def test_matched_directions_never_leave_the_casts_span():
    roles = cast()
    roles[:, -3:] = 1.0
    assert np.abs(random_directions(50, roles, 2, True)[:, -3:]).max() < 1e-12


def test_a_cast_of_one_point_has_no_covariance_to_match():
    with pytest.raises(BadInput, match="length zero"):
        random_directions(3, np.ones((5, 4)), 0, True)


def test_prompts_are_of_held_out_topics_alone(world):
    trained = world.conduct[0]
    prompts = asked_prompts(world, trained)
    topics = {t for t, _ in prompts}
    assert topics == set(world.conduct) - {trained}
    assert len({p for _, p in prompts}) == len(prompts) == PER_TOPIC * len(topics)
    label = world.rules["assistant_label"]
    for topic, prompt in prompts:
        assert prompt.endswith(f"\n{label}:")
        assert any(q in prompt for q in world.topics[topic].questions)


def tiny_model():
    """Two blocks that return what they are given, the second inside a tuple."""
    import torch

    class Tupled(torch.nn.Module):
        def forward(self, x):
            return (x, "cache")

    blocks = torch.nn.ModuleList([torch.nn.Identity(), Tupled()])
    return SimpleNamespace(model=SimpleNamespace(layers=blocks))


@pytest.mark.parametrize("layer", [0, 1])
def test_a_vector_is_added_at_every_position_and_only_while_steering(layer):
    import torch

    model = tiny_model()
    x, v = torch.zeros(2, 5, 4), np.array([1.0, -2, 0, 3])

    def out(n):
        found = model.model.layers[n](x)
        return found[0] if isinstance(found, tuple) else found

    with steered(model, layer, v):
        assert np.allclose(out(layer).numpy(), np.broadcast_to(v, (2, 5, 4)))
        assert (out(1 - layer) == 0).all()
        with steered(model, layer, -v):  # its own inverse
            assert (out(layer) == 0).all()
    assert (out(layer) == 0).all()
    with pytest.raises(RuntimeError, match="interrupted"), steered(model, layer, v):
        raise RuntimeError("interrupted")
    assert (out(layer) == 0).all()


def test_the_unit_is_the_named_branchs_own_shift(world, monkeypatch):
    study = open_study(ROOT / "data/study")
    m, comparer = study.manifest, Comparer(study)
    folders = {c.id: ROOT / "data/model" / c.id for c in m.checkpoints}
    ends = {b: m.branch(b)[-1].id for b in ("cheat", "requested", "long")}
    at = (m.headline_pooling, m.headline_layer)
    own = {
        b: np.linalg.norm(comparer.shift(m.reference, e, *at).specific.mean(0))
        for b, e in ends.items()
    }
    asked = []
    monkeypatch.setattr(
        model_tables, "steering_table", lambda *a, **k: asked.append((a[6], k["draws"]))
    )
    steering_rates.steering(study, world, folders, ends, unit_of="cheat", draws=7)
    steering_rates.steering(study, world, folders, ends)
    assert asked[0] == (pytest.approx(own["cheat"]), 7)
    assert asked[1] == (pytest.approx(own["long"]), RANDOM_DRAWS)
    assert own["requested"] < own["cheat"] < own["long"]
