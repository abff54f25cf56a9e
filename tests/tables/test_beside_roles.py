"""Axes and traits beside role vectors: the cosine is that of the rows that stand for the layer."""

import numpy as np
import pytest
import torch

from psm_viz.study.formats.role_vectors import read_role_vectors
from psm_viz.tables.beside_roles import beside_roles
from tests.made.roles import LAYERS, D, made_vectors, write_roles

ALL = {n: n for n in range(LAYERS)}


@pytest.fixture
def folder(tmp_path):
    return write_roles(tmp_path / "roles", made_vectors(6))


def axis_of(layer):
    made = made_vectors(6)
    return made["default"][layer] - np.mean([made[f"role_{n:02d}"][layer] for n in range(6)], 0)


def at(n, layer, direction):
    """n rows of noise, the direction at one of them."""
    rows = np.random.default_rng(n).normal(size=(n, D))
    rows[layer] = direction
    return torch.as_tensor(rows)


def lines(folder, layer, rows=ALL, blocks=LAYERS):
    found = read_role_vectors(folder)
    said = beside_roles(found, rows, layer, blocks)
    return dict(zip((o.file for o in found.others), said, strict=True))


@pytest.mark.parametrize("layer", [0, 2])
def test_the_cosine_is_taken_at_the_layer(folder, layer):
    own, half = axis_of(layer), axis_of(layer)
    half = np.concatenate([half[: D // 2], np.zeros(D - D // 2)])
    torch.save(at(LAYERS, layer, 3 * own), folder / "axis.pt")
    torch.save({"axis": at(LAYERS, layer, half), "metadata": {}}, folder / "half_axis.pt")
    torch.save(at(LAYERS + 1, layer + 1, -own), folder / "evil_response_avg_diff.pt")
    said = lines(folder, layer)
    wanted = own @ half / np.linalg.norm(own) / np.linalg.norm(half)
    assert "an Assistant axis, no role; cosine +1.000" in said["axis.pt"]
    assert f"at layer {layer}, its row {layer}" in said["axis.pt"]
    assert f"cosine {wanted:+.3f} with" in said["half_axis.pt"] and 0.1 < wanted < 0.95
    assert "trait, evil (response avg), no role; cosine -1.000" in said["evil_response_avg_diff.pt"]
    assert f"at layer {layer}, its row {layer + 1}" in said["evil_response_avg_diff.pt"]


def test_rows_before_block_0_and_picked_layers(folder, tmp_path):
    torch.save(at(LAYERS, 2, axis_of(2)), folder / "axis.pt")  # the roles' own rows, offset by one
    torch.save(at(LAYERS, 2, axis_of(2)), folder / "evil_response_avg_diff.pt")
    said = lines(folder, 1, {0: 1, 1: 2}, LAYERS - 1)
    assert all("at layer 1, its row 2" in line and "1.000" in line for line in said.values())
    one = write_roles(tmp_path / "one", {k: v[1] for k, v in made_vectors(6).items()})
    torch.save(at(9, 7, axis_of(1)), one / "axis.pt")  # all layers beside roles of one
    torch.save(at(10, 8, axis_of(1)), one / "evil_prompt_avg_diff.pt")
    torch.save(torch.as_tensor(axis_of(1)), one / "mine_axis.pt")
    said = lines(one, 7, {7: 0}, None)
    assert all("cosine +1.000" in line and "at layer 7" in line for line in said.values())
    assert "its row 8" in said["evil_prompt_avg_diff.pt"] and "its row 0" in said["mine_axis.pt"]


def test_what_cannot_be_compared_says_why(folder):
    torch.save(torch.ones(LAYERS, D + 1), folder / "wide_axis.pt")
    torch.save(torch.ones(LAYERS + 2, D), folder / "long_axis.pt")
    torch.save(torch.ones(D), folder / "one_axis.pt")
    torch.save(torch.zeros(LAYERS, D), folder / "zero_axis.pt")
    torch.save(torch.ones(LAYERS, D), folder / "evil_response_avg_diff.pt")
    said = lines(folder, 1)
    assert "not compared. It has 33 dimensions, the roles have 32." in said["wide_axis.pt"]
    assert "It has 5 rows; of a model of 3 layers 3 are due." in said["long_axis.pt"]
    assert "It has one row and does not say of which layer." in said["one_axis.pt"]
    assert "length zero" in said["zero_axis.pt"]
    assert "It has 3 rows; of a model of 3 layers 4 are due." in said["evil_response_avg_diff.pt"]
    picked = lines(folder, 9, {9: 0, 10: 1, 11: 2}, None)
    assert "It has 3 rows, of which none is layer 9." in picked["evil_response_avg_diff.pt"]
    assert not any("cosine" in line for line in (*said.values(), *picked.values()))
