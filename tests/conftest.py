"""Shapes are checked in every test: jaxtyping with beartype on whole packages."""

import logging
import os
import shutil
from pathlib import Path

from jaxtyping import install_import_hook

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# As `psm_viz.__main__` has it: where something else runs, threads that spin cost fifty times more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What a page caches is read by tests outside a page: Streamlit's warning of it would be written to
# the standard error of whichever test came first, long closed.
logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").disabled = True
hook = install_import_hook(
    ["psm_viz.stats", "psm_viz.study", "psm_viz.engine"], "beartype.beartype"
)

import pytest
from filelock import FileLock

from psm_viz.study.reader import Study, open_study
from psm_viz.study.writer import StudyWriter
from psm_viz.tables.derive import write_derived
from psm_viz.world.grammar import World
from psm_viz.world.loading import load_world
from tests.made.activations import write_known_study
from tests.made.models import write_tiny_model
from tests.made.study import write_made_study
from tests.made.talk_study import write_talk_study


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory) -> Path:
    """Where indexes of answers lie while tests run, for servers that tests start as well."""
    folder = tmp_path_factory.mktemp("caches")
    os.environ["PSM_VIZ_CACHE"] = str(folder)
    return folder


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
def derived_known(known_folder, tmp_path_factory) -> tuple[list[str], Study]:
    """The known study derived once, and what was made: to read only, since maps take long."""
    folder = shutil.copytree(known_folder, tmp_path_factory.mktemp("derived") / "known")
    study = open_study(folder)
    writer = StudyWriter(folder)
    writer.begin_from(study)
    made = write_derived(study, writer)
    return made, writer.finish(study.manifest, study.cast, study.questions)


@pytest.fixture(scope="session")
def known(known_folder) -> Study:
    return open_study(known_folder)


@pytest.fixture(scope="session")
def talk_study(tmp_path_factory, worker_id) -> Study:
    """The wide made study with talks of which it is known who speaks: to read only. Its maps take
    long: the first of several processes of one run makes it for all."""
    own = worker_id == "master"
    top = tmp_path_factory.mktemp("shared") if own else tmp_path_factory.getbasetemp().parent
    folder, done = top / "studies" / "talks", top / "talks.done"
    with FileLock(top / "talks.lock"):
        if not done.exists():
            write_talk_study(folder)
            done.touch()
    return open_study(folder)


@pytest.fixture(scope="module")
def made_study(made_folder) -> Study:
    return open_study(made_folder)


@pytest.fixture(scope="session")
def tiny_folder(world, tmp_path_factory) -> Path:
    """A tiny random model in the small model's own words: to read only."""
    return write_tiny_model(world, tmp_path_factory.mktemp("models") / "tiny")
