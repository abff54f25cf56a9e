"""Two of the kills of `tests.kills`, in every run of the tests: in the midst of a block, and
between a checkpoint and what is left of its blocks."""

import io
import os
import shutil
from contextlib import chdir, redirect_stderr, redirect_stdout

import pytest

from psm_viz.cli import main
from tests.kills import ASKED, Run, run, wrong_after
from tests.made.chat_place import write_place

ARGUMENTS = ["extract", *ASKED.split(), "--samples", "1", "--threads", "1", "--max-new-tokens", "3"]
MOMENTS = ("open */blocks/reference-0000/00010.*partial/*", "remove */blocks/tuned-0001/*")


def here(folder, monkeypatch) -> Run:
    """The same run in this process, which has compiled what takes longest."""
    rename, events = os.rename, []

    def noted(source, target, **more):
        events.append(f"rename {os.path.relpath(target)}")
        rename(source, target, **more)

    said = io.StringIO()
    with chdir(folder), monkeypatch.context() as m, redirect_stdout(said), redirect_stderr(said):
        m.setattr(os, "rename", noted)
        status = main(ARGUMENTS)
    return Run(status, events, said.getvalue())


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    return write_place(world, tmp_path_factory.mktemp("kills") / "place", per_family=6)


@pytest.fixture(scope="module")
def whole(place):
    folder = shutil.copytree(place, place.with_name("whole"))
    with pytest.MonkeyPatch.context() as m:
        assert here(folder, m).status == 0
    return folder


@pytest.mark.parametrize("moment", MOMENTS, ids=("block", "checkpoint"))
def test_a_killed_study_is_gone_on_with(place, whole, tmp_path, monkeypatch, moment):
    folder = shutil.copytree(place, tmp_path / "box")
    killed = run(ARGUMENTS, folder, moment)
    rest = []

    def again():
        rest.append(here(folder, monkeypatch))
        return rest[0]

    assert wrong_after(killed, folder, whole, again) == []
    assert killed.made and len(rest[0].made) > 5  # both made something, and nothing twice
