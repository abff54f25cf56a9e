"""The bench measures the real thing, and says so when it cannot."""

import os

import pytest

from psm_viz.cli import bench_startup
from psm_viz.errors import UnknownName
from tests.made.study import write_made_study


@pytest.mark.browser
@pytest.mark.long
def test_one_round_paints_both_charts_without_torch(tmp_path):
    write_made_study(tmp_path / "made")
    found = bench_startup.first_map(tmp_path / "made", repeats=1)
    assert found["map_seconds"] > 0 and found["bare_seconds"] > 0
    assert found["ratio"] == pytest.approx(found["map_seconds"] / found["bare_seconds"], abs=0.02)
    assert found["torch_mapped"] is False
    assert str(found["ratio"]) in bench_startup.as_text(found)


def test_libraries_and_memory_of_a_process_are_seen():
    import torch  # so that there is something to see

    assert torch.__version__ and "libtorch" in bench_startup.mapped_libraries(os.getpid())
    assert bench_startup.memory(os.getpid()) > 50


def test_a_missing_browser_names_the_command(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UnknownName, match="No Chromium") as e:
        bench_startup.chromium()
    assert "apt-get install chromium" in e.value.next_step
