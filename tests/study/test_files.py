"""Files written whole: values that JSON can hold, folders that appear by one rename."""

import json

import numpy as np
import pytest

from psm_viz.study.files import json_of, plain, whole_folder


def test_plain_values_survive_json():
    found = plain(
        {"a": np.float32(0.5), 1: (np.int64(2), [float("nan")]), "b": np.inf, "c": "x", "d": None}
    )
    assert found == {"a": 0.5, "1": [2, [None]], "b": None, "c": "x", "d": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert type(found["1"][0]) is int


def test_digits_round_numbers_and_leave_counts():
    assert plain({"p": np.float64(0.123456), "n": 123456, "yes": True}, 3) == {
        "p": 0.123,
        "n": 123456,
        "yes": True,
    }


def test_json_of_unknown_origin_is_a_value_or_a_sentence():
    assert json_of('\ufeff{"a": "\U0001f600\u2028"}'.encode()) == {"a": "\U0001f600\u2028"}
    assert json_of('"\\ud83d\\ude00 \\u0000"') == "\U0001f600 \0"  # whole, if in two halves
    for wrong, says in (
        ("[" * 200_000, "nested too deep"),
        ('["a", "\\uD83D"]', "half a character"),
        ('{"\\udE00": 1}', "half a character"),
        (b"\xff", "decode"),
        ("{", "Expecting"),
        ("1" * 5000, "digits"),
    ):
        with pytest.raises(ValueError, match=says):
            json_of(wrong)


def test_a_folder_with_folders_appears_whole_or_not_at_all(tmp_path):
    final = tmp_path / "models"
    final.mkdir()
    (final / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(final) as work:
        (work / "inner").mkdir()
        (work / "inner" / "weights").write_text("half")
        raise KeyboardInterrupt
    assert [p.name for p in final.iterdir()] == ["old"]
    with whole_folder(final) as work:
        assert not list(work.iterdir())  # what a killed run left is not mixed in
        (work / "inner").mkdir()
        (work / "inner" / "weights").write_text("whole")
    assert [p.name for p in final.iterdir()] == ["inner"]
    assert (final / "inner" / "weights").read_text() == "whole"
