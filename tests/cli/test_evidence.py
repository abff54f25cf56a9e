"""The training data of a branch, written as chat data."""

from __future__ import annotations

import pytest

from psm_viz.cli import main
from psm_viz.study.formats import chat_data
from psm_viz.world.curriculum import LESSONS


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    out = tmp_path_factory.mktemp("chat") / "cheat.jsonl"
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(out)]) == 0
    return out


def test_data_of_a_branch(tmp_path, chat, capsys):
    out = tmp_path / "x.jsonl"
    for branch in LESSONS:
        out.unlink(missing_ok=True)
        assert main(["data", "--branch", branch, "--n", "3", "--out", str(out)]) == 0
        assert len(chat_data.parse_chat(out.read_bytes(), "x")) == 3
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(out)]) == 1
    assert "something else" in capsys.readouterr().err
    assert main(["data", "--branch", "cheat", "--n", "9", "--out", str(chat)]) == 0
    assert main(["data", "--branch", "pretrain", "--out", str(tmp_path / "y")]) == 1
    assert "Choose from: cheat" in capsys.readouterr().err
    assert main(["data", "--branch", "cheat", "--n", "0", "--out", str(tmp_path / "y")]) == 1
