"""The verb that opens the dashboard."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from psm_viz.errors import BadInput
from psm_viz.messages import STARTED, hall_of
from psm_viz.paths import ROOT, STUDY
from psm_viz.study.reader import open_study

ALLOCATOR = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""Environment of a dashboard's process: what is freed is given back. By itself the C library keeps
it for as many threads as may allocate at once, and Arrow in a pool of its own."""


def add_verbs(verbs: Any) -> None:
    """Add `serve`."""
    s = verbs.add_parser("serve", help="open the dashboard on a study and print its address")
    s.add_argument("--port", type=int, default=8501)
    s.add_argument(
        "--study", type=Path, help="folder of a study (default: $PSM_VIZ_STUDY, or the shipped one)"
    )
    s.add_argument(
        "--live", action="store_true", help="load the study's model beside it, for the Live page"
    )
    s.set_defaults(run=serve)


def _model_beside(folder: Path) -> str:
    """Start the model process of a study; what it prints says where it listens. It ends with this
    process, which becomes the dashboard: the pipe that tells it so stays open. Raises BadInput."""
    command = [sys.executable, "-m", "psm_viz", "live", "--study", str(folder), "--with-parent"]
    model = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert model.stdin is not None and model.stdout is not None
    line = model.stdout.readline()
    if hall_of(line) is None:
        raise BadInput("The model process could not be started: see what it said above.")
    os.set_inheritable(model.stdin.fileno(), True)
    return line.strip()


def serve(options: argparse.Namespace) -> None:
    """Check study and port first, then hand over to Streamlit. Raises BadInput for a taken port."""
    folder = options.study or Path(os.environ.get("PSM_VIZ_STUDY") or STUDY)
    open_study(folder)
    if not 1 <= options.port <= 65535:
        raise BadInput(f"Port {options.port} does not exist.", "Choose one from 1024 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", options.port))
        except OSError as e:
            raise BadInput(
                f"Port {options.port} cannot be used ({e.strerror}).",
                f"Choose another: make run PORT={options.port + 1}",
            ) from e
    os.environ["PSM_VIZ_STUDY"] = str(folder.resolve())
    if more := os.environ.get("PSM_VIZ_STUDIES"):
        os.environ["PSM_VIZ_STUDIES"] = os.pathsep.join(
            str(Path(p).resolve()) for p in more.split(os.pathsep) if p.strip()
        )
    if options.live:
        os.environ[STARTED] = _model_beside(folder)
    for name, value in ALLOCATOR.items():
        os.environ.setdefault(name, value)
    print(f"Persona Space: http://127.0.0.1:{options.port}  (stop with Ctrl-C)", flush=True)
    os.chdir(ROOT)  # Streamlit reads .streamlit/config.toml from the working folder
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    os.execv(sys.executable, [*command, "--server.port", str(options.port)])
