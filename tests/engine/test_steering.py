"""Laws of steering: what is added is what was asked for; random vectors are whose they say."""

import numpy as np
import pytest
import torch

from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.steering import random_directions, steered
from psm_viz.errors import BadInput
from tests.made.models import STEERED, any_model, write_architecture


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


class Tupled(torch.nn.Module):
    """A block that returns what it is given inside a tuple."""

    def forward(self, x):
        return (x, "cache")


@pytest.mark.parametrize("block", [torch.nn.Identity(), Tupled()])
def test_a_vector_is_added_at_every_position_and_only_while_steering(block):
    x, v = torch.zeros(2, 5, 4), np.array([1.0, -2, 0, 3])

    def out():
        found = block(x)
        return found[0] if isinstance(found, tuple) else found

    with steered(block, v):
        assert np.allclose(out().numpy(), np.broadcast_to(v, (2, 5, 4)))
        with steered(block, -v):  # its own inverse
            assert (out() == 0).all()
    assert (out() == 0).all()
    with pytest.raises(RuntimeError, match="interrupted"), steered(block, v):
        raise RuntimeError("interrupted")
    assert (out() == 0).all()


def check_steering(chat, layer):
    """What is read there moves by what was added, and answers follow."""
    v = np.random.default_rng(0).normal(size=chat.d_model)
    prompts = chat.encode(["User: Who are you?\nAssistant:", "User: Hello.\nAssistant:"])
    before = chat.pooled(prompts)[:, 0]
    greedy = Sampling(0.0, 4, 1)
    with steered(chat.resid_post[layer], 5 * v):
        after, said = chat.pooled(prompts)[:, 0], chat.sample(prompts, greedy)
    assert np.allclose(after[:, layer] - before[:, layer], 5 * v, atol=1e-4)
    assert np.allclose(after[:, :layer], before[:, :layer], atol=1e-6)
    assert not np.allclose(after[:, layer + 1], before[:, layer + 1], atol=1e-3)
    assert said != chat.sample(prompts, greedy)


@pytest.mark.parametrize("layer", [0, 1])
def test_where_a_block_returns_is_found(architecture, layer):
    check_steering(architecture, layer)


@pytest.mark.parametrize("kind", STEERED)
def test_so_it_is_in_other_kinds_of_blocks(world, tmp_path, kind):
    folder = write_architecture(world, tmp_path, any_model(kind))
    check_steering(load_chat_model(str(folder), threads=1), 1)
