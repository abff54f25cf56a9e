"""Studies made once, for all tables' tests."""

from __future__ import annotations

import pytest

from psm_viz.tables.compare import Comparer
from psm_viz.tables.drift import comparisons
from tests.made.roles import made_vectors, write_bare_study


@pytest.fixture(scope="module")
def compare(known):
    return Comparer(known)


@pytest.fixture(scope="module")
def found(known, compare):
    return comparisons(known, compare)


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A study of imported vectors of one pooling, nothing derived: to read only."""
    return write_bare_study(tmp_path_factory.mktemp("bare") / "study", made_vectors(6))
