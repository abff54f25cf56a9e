"""Whether the same figures are the same bytes in every process, in every form of file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psm_viz.charts.export import CAPTION, FORMS
from psm_viz.charts.views import VIEWS
from psm_viz.errors import BadInput
from psm_viz.paths import ROOT
from psm_viz.study.files import sha256

TIMES = 3
WITH = {"drift": "?details=true", "search": "?words=mistake"}
LINKS = tuple(f"{page}{WITH.get(page, '')}" for page in VIEWS)
"""Every page that has a view, with all that it can show."""


def same_bytes(study: Path, views: Sequence[str] = LINKS, times: int = TIMES) -> dict[str, Any]:
    """Export the figures of the views so many times, each in a process of its own, and compare the
    files. Raises BadInput where an export fails."""
    with tempfile.TemporaryDirectory() as work:
        made = [_exported(study, views, Path(work) / str(n)) for n in range(times)]
    names = sorted(set().union(*made))
    differ = [n for n in names if len({one.get(n) for one in made}) > 1]
    ends = {word: form.end for word, form in FORMS.items()} | {"caption": CAPTION.end}
    counts = {
        word: {
            "files": sum(n.endswith(end) for n in names),
            "differ": sum(n.endswith(end) for n in differ),
        }
        for word, end in ends.items()
    }
    return {"views": list(views), "times": times, "files": len(names), "forms": counts} | {
        "differ": differ
    }


def _exported(study: Path, views: Sequence[str], out: Path) -> dict[str, str]:
    """The hash of every file that one process writes."""
    command = [sys.executable, "-m", "psm_viz", "export", "--study", str(study.resolve())]
    command += ["--view", *views, "--format", ",".join(FORMS), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput(f"An export ended with status {done.returncode}: {done.stderr.strip()}")
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): sha256(path.read_bytes()) for path in files}


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines."""
    lines = [
        f"{found['files']} files of the views {', '.join(found['views'])}, made in "
        f"{found['times']} processes; the same bytes: "
        + (f"missed, {len(found['differ'])} differ" if found["differ"] else "met")
    ]
    for word, n in found["forms"].items():
        lines.append(f"  {word:8s} {n['files']:4d} files, {n['differ']} differ")
    return "\n".join([*lines, *(f"  differs: {name}" for name in found["differ"])])
