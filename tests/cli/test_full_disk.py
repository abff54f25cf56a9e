"""A disk that takes no more: one message with the file and what to do, and the same study after."""

import os
import resource
import shutil
import subprocess
import sys

import pytest

from psm_viz.cli import main
from psm_viz.paths import ROOT
from tests.kills import ASKED, differences
from tests.made.chat_place import write_place

ASK = ["extract", *ASKED.split(), "--samples", "1", "--threads", "1", "--max-new-tokens", "3"]
TRAIN = ["finetune", "--model", "model", "--data", "chat.jsonl", "--out", "lesson", "--save", "1"]


@pytest.fixture(scope="module")
def place(world, tmp_path_factory):
    return write_place(world, tmp_path_factory.mktemp("full") / "place", per_family=6)


def limited(arguments, folder, size):
    """A verb in a process of its own that can write no file of more bytes than `size`."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        [sys.executable, "-B", "-m", "psm_viz", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("arguments", "size", "file"),
    [
        (ASK, 3_000, "study.partial/blocks/reference-0000/00000"),
        (TRAIN, 20_000, "lesson/checkpoint-1"),
    ],
    ids=("extract", "finetune"),
)
def test_a_full_disk_is_one_message_and_the_work_goes_on(
    place, tmp_path, monkeypatch, arguments, size, file
):
    folder = shutil.copytree(place, tmp_path / "place")
    run = limited(arguments, folder, size)
    assert run.returncode == 1
    assert f"psm_viz: {file}: cannot be written (File too large)." in run.stderr
    assert "give the same command again" in run.stderr and "Traceback" not in run.stderr
    monkeypatch.chdir(folder)
    assert main(arguments) == 0
    whole = shutil.copytree(place, tmp_path / "whole")
    monkeypatch.chdir(whole)
    assert main(arguments) == 0
    assert differences(folder, whole) == []
