"""Shapes are checked in every test: jaxtyping with beartype on the numeric modules."""

import os

from jaxtyping import install_import_hook

os.environ.setdefault("HF_HUB_OFFLINE", "1")
CHECKED = ["psm_viz.study", "psm_viz.vectors", "psm_viz.drift", "psm_viz.maps", "psm_viz.models"]
hook = install_import_hook(CHECKED, "beartype.beartype")

import pytest  # noqa: E402

from psm_viz.world.grammar import World, load_world  # noqa: E402


@pytest.fixture(scope="session")
def world() -> World:
    return load_world()
