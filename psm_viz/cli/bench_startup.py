"""Speed as a newcomer meets it: the real server, a real browser, ratios taken in one run."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from psm_viz.cli.serve import ALLOCATOR
from psm_viz.errors import BadInput, UnknownName
from psm_viz.paths import ROOT
from psm_viz.study.reader import open_study

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BARE = """
import altair as alt, pandas as pd, streamlit as st
frame = pd.DataFrame({"x": range(%d)}).assign(y=lambda f: f.x * 7919 %% 101)
st.altair_chart(alt.Chart(frame).mark_point().encode(x="x", y="y"))
"""
# A chart is painted when its canvas is not blank, or its SVG holds a mark.
PAINTED = """() => {
  if (document.querySelector('.vega-embed svg .mark-symbol path')) return true;
  const c = document.querySelector('.vega-embed canvas');
  if (!c || !c.width) return false;
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  for (let i = 3; i < d.length; i += 4) if (d[i]) return true;
  return false;
}"""


def chromium() -> str:
    """Path of an installed Chromium. Raises UnknownName naming how to get one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise UnknownName("No Chromium is installed.", "On Debian: sudo apt-get install chromium")


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def server(
    script: str, port: int, cwd: Path, study: Path, log: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A running `streamlit run` in the environment of `serve`, ended on leaving; what it complains
    of goes into `log`."""
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    process = subprocess.Popen(
        [*command, "--server.headless", "true"],
        cwd=cwd,
        env={**ALLOCATOR, **os.environ, "PSM_VIZ_STUDY": str(study.resolve())},
        stdout=log,  # Streamlit prints what a page raised there
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def mapped_libraries(pid: int) -> str:
    """The files mapped into a process (Linux only: empty elsewhere)."""
    path = Path(f"/proc/{pid}/maps")
    return path.read_text() if path.exists() else ""


def memory(pid: int, key: str = "VmRSS") -> float:
    """Resident memory of a process in MB, with `VmHWM` the most it ever had (Linux only: NaN
    elsewhere)."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return float("nan")
    line = next(row for row in path.read_text().splitlines() if row.startswith(key))
    return int(line.split()[1]) / 1024


def processor(pid: int) -> float:
    """Seconds that a process has computed for (Linux only: NaN elsewhere)."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return float("nan")
    fields = path.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def late(took: Sequence[float]) -> float:
    """What 95 % of some values stay below; NaN for none."""
    return sorted(took)[int(0.95 * len(took))] if took else float("nan")


def first_map(study: Path, repeats: int = 5) -> dict[str, Any]:
    """Seconds from `streamlit run` to the first painted map, beside a bare chart of as many points.

    The two alternate, each in a new process and a fresh browser profile. Raises BadInput when a
    server's process has mapped a torch library.
    """
    from playwright.sync_api import sync_playwright

    points = len(open_study(study).cast.personas)
    runs: dict[str, list[tuple[float, float]]] = {"map": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        bare = Path(folder)
        (bare / "bare.py").write_text(BARE % points)
        browser = p.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for _ in range(repeats):
            for kind, script, cwd in (("map", "app.py", ROOT), ("bare", "bare.py", bare)):
                began, port = time.monotonic(), free_port()
                with server(script, port, cwd, study) as process:
                    page = browser.new_page()
                    open_page(page, f"http://127.0.0.1:{port}/", began + 90)
                    page.wait_for_function(PAINTED, timeout=90_000)
                    runs[kind].append((time.monotonic() - began, memory(process.pid)))
                    if "libtorch" in mapped_libraries(process.pid):
                        raise BadInput(f"The {kind} server has loaded torch.")
                    page.close()
        browser.close()
    seconds = {k: statistics.median(s for s, _ in v) for k, v in runs.items()}
    return {
        "repeats": repeats,
        "points": points,
        "map_seconds": round(seconds["map"], 2),
        "bare_seconds": round(seconds["bare"], 2),
        "ratio": round(seconds["map"] / seconds["bare"], 2),
        "map_mb": round(statistics.median(m for _, m in runs["map"])),
        "bare_mb": round(statistics.median(m for _, m in runs["bare"])),
        "torch_mapped": False,
        "all_seconds": {k: [round(s, 2) for s, _ in v] for k, v in runs.items()},
    }


def open_page(page: Any, url: str, until: float) -> None:
    """Open a page of a server that may still be starting."""
    from playwright.sync_api import Error

    while True:
        try:
            page.goto(url)
            return
        except Error:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def as_text(found: dict[str, Any]) -> str:
    """The figures in one paragraph."""
    return (
        f"streamlit run to first painted map, median of {found['repeats']}: "
        f"{found['map_seconds']} s ({found['map_mb']} MB); a bare Streamlit chart of "
        f"{found['points']} points: {found['bare_seconds']} s ({found['bare_mb']} MB); "
        f"ratio {found['ratio']}. No torch library in the server process."
    )
