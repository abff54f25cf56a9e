"""Rows of made runs that obey the theory, for all tests of claims: none of them writes there."""

import pytest

from tests.made.runs import write_runs


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("runs") / "obey")
