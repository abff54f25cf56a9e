"""Answers as they are stored."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.engine import hold_talks
from psm_viz.engine.answers import SMALL, holds, small


@pytest.mark.parametrize(
    ("greatest", "least", "wanted"),
    [
        (127, np.int8, np.int8),
        (128, np.int8, np.int16),
        (129, np.int8, np.int16),
        (3, np.int16, np.int16),
        (32_767, np.int16, np.int16),
        (32_768, np.int16, np.int32),
        (40_000, np.int16, np.int32),
        (2**31 - 1, np.int8, np.int32),
        (2**31, np.int8, np.int64),
    ],
)
def test_numbers_are_as_wide_as_they_need_be(greatest, least, wanted):
    found = holds(np.array([0, greatest]), least)
    assert found == wanted and np.array([greatest]).astype(found)[0] == greatest


@pytest.mark.parametrize("numbers", [SMALL, hold_talks.SMALL])
def test_no_number_of_an_answer_is_turned_into_another(numbers):
    frame = pd.DataFrame({name: [0, 129, 40_000] for name in numbers} | {"text": ["a", "b", "c"]})
    stored = small(frame, numbers)
    assert all(stored[name].tolist() == [0, 129, 40_000] for name in numbers)
    assert {str(stored[n].dtype) for n in numbers} == {"int32"}
    none = small(frame.head(0), numbers)  # nobody answered
    assert [none[n].dtype for n in numbers] == list(numbers.values())
