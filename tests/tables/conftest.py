"""The known study compared with itself once, for all tables' tests."""

from __future__ import annotations

import pytest

from psm_viz.tables.compare import Comparer
from psm_viz.tables.drift import comparisons


@pytest.fixture(scope="module")
def compare(known):
    return Comparer(known)


@pytest.fixture(scope="module")
def found(known, compare):
    return comparisons(known, compare)
