"""What a killed run had made is used again, whole or not at all."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.engine.kept import NOTHING, Kept
from psm_viz.errors import BadFile


def never():
    raise AssertionError("made twice")


def test_a_part_is_made_once_and_comes_back_as_it_was(tmp_path):
    kept, x = Kept(tmp_path / "parts"), np.array([0.1, np.nan, -3.0])
    frame = pd.DataFrame({"text": ["a\N{LINE SEPARATOR}b", ""], "turn": [0, 1]})
    assert not kept.has("x")
    first, told = kept.array("x", lambda: x), kept.frame("talks", lambda: frame)
    again = Kept(tmp_path / "parts")
    assert again.has("x") and np.array_equal(again.array("x", never), x, equal_nan=True)
    assert np.array_equal(first, x, equal_nan=True)
    pd.testing.assert_frame_equal(again.frame("talks", never), told)
    assert list(told.text) == list(frame.text)


def test_without_a_folder_nothing_is_kept():
    assert NOTHING.array("x", lambda: np.ones(2)).sum() == 2 and not NOTHING.has("x")
    with pytest.raises(AssertionError, match="made twice"):
        NOTHING.frame("talks", never)


@pytest.mark.parametrize("name", ["x.npy", "talks.parquet"])
def test_a_damaged_part_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"cut sho")
    kept = Kept(tmp_path)
    with pytest.raises(BadFile, match=name.replace(".", r"\.")):
        kept.array("x", never) if name == "x.npy" else kept.frame("talks", never)


def test_what_would_have_to_be_unpickled_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadFile):
        Kept(tmp_path).array("x", never)
