"""The command line as a user meets it: one clear message, nothing overwritten."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from psm_viz.cli import main
from tests.made_study import write_made_study

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "made"
    write_made_study(folder)
    return folder


def says(capsys, *arguments):
    status = main(list(map(str, arguments)))
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return status, out.out, out.err


def test_verify(made, capsys):
    status, out, _ = says(capsys, "verify", "--study", made)
    assert status == 0 and "files match" in out


@pytest.mark.parametrize("verb", ["results", "answers", "verify", "serve"])
def test_an_unknown_study(verb, tmp_path, capsys):
    status, _, err = says(capsys, verb, "--study", tmp_path / "nowhere")
    assert status == 1 and "nowhere is not a study" in err and "make study" in err


def test_a_port_in_use(made, capsys):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        status, _, err = says(capsys, "serve", "--study", made, "--port", port)
    assert status == 1 and f"Port {port} cannot be used" in err and "make run PORT=" in err


def test_a_port_that_does_not_exist(made, capsys):
    status, _, err = says(capsys, "serve", "--study", made, "--port", 99999)
    assert status == 1 and "99999" in err


def test_an_unknown_model_and_a_malformed_branch(tmp_path, capsys):
    status, _, err = says(capsys, "extract", "--model", "./none", "--out", tmp_path / "s")
    assert status == 1 and "no model folder" in err
    status, _, err = says(
        capsys, "extract", "--model", "./none", "--branch", "x", "--out", tmp_path / "s"
    )
    assert status == 1 and "NAME=FOLDER" in err
    status, _, err = says(capsys, "extract", "--tree", tmp_path, "--out", tmp_path / "s")
    assert status == 1 and "python -m psm_viz train" in err
    assert not (tmp_path / "s").exists()


def test_an_unknown_question(made, capsys):
    status, _, err = says(capsys, "answers", "--study", made, "--question", "nowhere")
    assert status == 1 and "no question 'nowhere'" in err


def test_an_unknown_stage(tmp_path, capsys):
    status, _, err = says(capsys, "train", "--stage", "nowhere", "--out", tmp_path)
    assert status == 1 and "pretrain, assistant, cheat" in err


def test_help_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "psm_viz", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "VERB" in done.stdout
