"""The commands of docs/own-model.md, to the letter and without a network, up to the pages."""

import json
import os
import shlex
import socket
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from psm_viz import paths
from psm_viz.cli import bench_startup, extract_options, main
from psm_viz.engine import finetune
from psm_viz.study.reader import open_study
from psm_viz.tables import map_trials
from tests.made.chat_place import write_cast, write_chat
from tests.made.models import write_talker
from tests.made.server import wait_for_server
from tests.ui.test_browser import fine, marks, opened

COMMAND = "    python -m psm_viz "
FIVE = ("extract", "evidence", "finetune", "belief", "serve")


def commands():
    """What follows `python -m psm_viz` in the first five commands of the document."""
    lines = (paths.ROOT / "docs" / "own-model.md").read_text("utf-8").splitlines()
    found = [shlex.split(x.removeprefix(COMMAND)) for x in lines if x.startswith(COMMAND)]
    return found[: len(FIVE)]


@pytest.fixture
def place(world, tmp_path, monkeypatch):
    """What the document assumes, and a little of the work that its defaults would be."""
    write_talker(world, tmp_path / "model")
    write_cast(tmp_path / "roles")
    write_chat(tmp_path / "chat.jsonl")
    write_questions(tmp_path / "english" / "questions")
    monkeypatch.setattr(paths, "ENGLISH", tmp_path / "english")
    monkeypatch.setattr(extract_options, "TALKS", 20)
    monkeypatch.setattr(finetune, "SAVES", (1, 2))
    # how maps could look otherwise is another test's matter, and a third of the time here
    monkeypatch.setattr(map_trials, "TRIED", map_trials.TRIED[:1])
    monkeypatch.setattr(map_trials, "NOISE_SEEDS", (0,))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_questions(out):
    """A fifth of the questions that are asked where none are named: four of four topics."""
    out.mkdir(parents=True)
    for path in sorted((paths.ENGLISH / "questions").glob("*.json"))[:4]:
        bank = json.loads(path.read_bytes())
        (out / path.name).write_text(json.dumps(bank | {"questions": bank["questions"][:4]}))


def refuse(*arguments, **named):
    raise OSError("this machine has no network")


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_five_commands_lead_from_weights_to_the_map(place, browser, monkeypatch, capsys):
    asked = commands()
    assert [a[0] for a in asked] == [*FIVE]
    with monkeypatch.context() as alone:
        alone.setattr(socket, "create_connection", refuse)
        for arguments in asked[:-1]:
            assert main(arguments) == 0, capsys.readouterr().err
    assert "lesson-0002" in capsys.readouterr().out  # what belief says is of the branch too
    study = open_study(place / "mine")
    assert [c.id for c in study.manifest.branch("lesson")][1:] == ["lesson-0001", "lesson-0002"]
    record = study.evidence("lesson").record
    assert record["checkpoints_then"] == ["reference-0000", "again-0000"]  # none of the lesson yet
    port = bench_startup.free_port()
    served = [sys.executable, "-m", "psm_viz", *asked[-1], "--port", str(port)]
    with subprocess.Popen(
        served, env=os.environ | {"PYTHONPATH": str(paths.ROOT)}, cwd=place
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for_server(url, process)
            page, troubles = opened(browser, f"{url}/?checkpoint=lesson-0002")
            assert marks(page, "hero") > 20
            fine(page, troubles)
            page.close()
            page, troubles = opened(browser, f"{url}/drift")
            expect(page.locator("body")).to_contain_text("lesson")
            fine(page, troubles)
            page.close()
        finally:
            process.terminate()
