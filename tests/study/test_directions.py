"""Directions from files: one vector, or one a layer; anything else is one message."""

import contextlib
import io
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from psm_viz.errors import BadFile
from psm_viz.study.formats.directions import parse_direction

WIDE, LAYER = 6, 2
VECTOR = np.arange(1.0, WIDE + 1)
LAYERS = np.stack([VECTOR * k for k in range(4)])


def npy(x):
    out = io.BytesIO()
    np.save(out, x, allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize("held", [VECTOR, LAYERS], ids=["one", "a layer each"])
def test_every_form_gives_the_same_vector(held):
    wanted = VECTOR if held.ndim == 1 else LAYERS[LAYER]
    made = {
        "a.npy": npy(held.astype(np.float32)),
        "a.safetensors": save({"axis": held}),
        "a.json": json.dumps(held.tolist()).encode(),
    }
    for name, data in made.items():
        assert np.allclose(parse_direction(data, name, WIDE, LAYER), wanted), name


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.pt", b"x", "weights_only=True"),
        ("a.npy", npy(np.array([{"a": 1}], dtype=object)), "no numbers"),
        ("a.npy", pickle.dumps([1.0]), "no numbers"),
        ("a.json", b"{", "no numbers"),
        ("a.json", b'{"a": 1}', "no numbers"),
        ("a.json", b"[1, 2]", r"shape \[2\]"),
        ("a.npy", npy(LAYERS[:2]), r"row for layer 2"),
        ("a.npy", npy(np.zeros(WIDE)), "not all 0"),
        ("a.npy", npy(VECTOR * np.nan), "finite"),
        ("a.safetensors", save({"a": VECTOR, "b": VECTOR}), "2 tensors"),
        ("a.safetensors", b"\x00" * 9, "no numbers"),
    ],
)
def test_what_is_no_direction_is_told(name, data, told):
    with pytest.raises(BadFile, match=told) as e:
        parse_direction(data, name, WIDE, LAYER)
        pytest.fail("read")
    assert name in str(e.value)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.npy", "a.safetensors", "a.json", "a"]))
def test_any_bytes_are_a_direction_or_one_message(data, name):
    with contextlib.suppress(BadFile):
        assert parse_direction(data, name, WIDE, LAYER).shape == (WIDE,)
