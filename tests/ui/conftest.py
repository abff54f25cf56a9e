"""What the pages are opened on, and in: studies, rows of runs, a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psm_viz.cli import bench_startup
from tests.made.study import write_made_study


@pytest.fixture(scope="session")
def wide_folder(tmp_path_factory) -> Path:
    """A study with the branches that serve as controls and a record of evidence: to read only."""
    folder = tmp_path_factory.mktemp("studies") / "wide"
    write_made_study(folder, wide=True)
    return folder


@pytest.fixture
def runs(tmp_path) -> Path:
    """A folder with rows: what they say is the made claims' business."""
    (tmp_path / "correlated-0.jsonl.gz").write_text("{}\n")
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium; raises, naming the command, where none is installed."""
    from playwright.sync_api import sync_playwright

    path = bench_startup.chromium()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=bench_startup.CHROMIUM_FLAGS
        )
        yield running
        running.close()
