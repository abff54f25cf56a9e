"""A study played on a local Ray of two workers is the study that is played alone, byte for byte."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from psm_viz.cli import main
from psm_viz.paths import ROOT
from tests.kills import ASKED, differences
from tests.made.chat_place import write_place

PLAYED = [*ASKED.split(), "--samples", "1", "--threads", "1", "--max-new-tokens", "3"]


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    return write_place(world, tmp_path_factory.mktemp("ray") / "place", per_family=18)


def workers() -> list[int]:
    """Processes that play a share."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::psm_viz share"):
                found.append(int(path.parent.name))
        except OSError:
            pass  # it has ended
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_workers_one_of_whom_is_lost_make_the_study_that_one_makes(place, monkeypatch):
    alone = shutil.copytree(place, place.with_name("alone"))
    monkeypatch.chdir(alone)
    assert main(["extract", *PLAYED]) == 0
    shared = shutil.copytree(place, place.with_name("shared"))
    command = [sys.executable, "-m", "psm_viz", "extract", *PLAYED]
    told = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        [*command, "--engine", "ray", "--workers", "2"],
        cwd=shared,
        env=os.environ | told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    blocks = shared / "study.partial" / "blocks" / "reference-0000"
    while run.poll() is None and not list(blocks.glob("?????")):
        time.sleep(0.02)
    lost = workers()[:1]
    for process in lost:
        os.kill(process, signal.SIGKILL)
    said, _ = run.communicate()
    assert run.returncode == 0, said
    assert lost and "share 2 of 2 played" in said
    assert differences(shared, alone) == []


def test_without_ray_there_is_one_message(place, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(place)
    assert main(["extract", *PLAYED, "--engine", "ray"]) == 1
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err
