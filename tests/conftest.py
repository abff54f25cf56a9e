"""Shapes are checked in every test: jaxtyping with beartype on the numeric modules."""

import os
from pathlib import Path

from jaxtyping import install_import_hook

os.environ.setdefault("HF_HUB_OFFLINE", "1")
CHECKED = [
    "psm_viz.study.manifest",
    "psm_viz.stats.vectors",
    "psm_viz.stats.drift",
    "psm_viz.stats.persona_map",
    "psm_viz.engine.chat_model",
]
CHECKED += ["psm_viz.study.formats.role_vectors"]
CHECKED += ["psm_viz.stats.evidence", "psm_viz.stats.forecast"]
CHECKED += [f"psm_viz.{m}" for m in ("cloud", "posterior", "structure", "confounds")]
CHECKED += [f"psm_viz.{m}" for m in ("affine", "significance", "subspace")]
hook = install_import_hook(CHECKED, "beartype.beartype")

import pytest  # noqa: E402

from psm_viz.study.reader import Study, open_study  # noqa: E402
from psm_viz.world.grammar import World, load_world  # noqa: E402
from tests.made_activations import write_known_study  # noqa: E402
from tests.made_study import write_made_study  # noqa: E402


@pytest.fixture(scope="session")
def world() -> World:
    return load_world()


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory) -> Path:
    """The made study, to read only: a test that damages one writes its own."""
    folder = tmp_path_factory.mktemp("studies") / "made"
    write_made_study(folder)
    return folder


@pytest.fixture(scope="session")
def known_folder(tmp_path_factory) -> Path:
    """The study of which it is known what moved, nothing derived: to read only."""
    folder = tmp_path_factory.mktemp("studies") / "known"
    write_known_study(folder)
    return folder


@pytest.fixture(scope="session")
def known(known_folder) -> Study:
    return open_study(known_folder)


@pytest.fixture(scope="module")
def made_study(made_folder) -> Study:
    return open_study(made_folder)
