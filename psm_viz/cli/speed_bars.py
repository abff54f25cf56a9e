"""The bars of speed and what was measured against them, as docs/speed.md has them."""

from __future__ import annotations

import re
from pathlib import Path

SPEED = Path("docs/speed.md")
JUDGED = re.compile(r": (met|missed)\b")


def bar_lines(file: Path = SPEED) -> list[str]:
    """Every line of the file that says whether a bar was met, under the heading that it stands
    under."""
    out: list[str] = []
    heading = told = ""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
        elif JUDGED.search(line):
            if told != heading:
                out.append(heading)
                told = heading
            out.append(f"  {line.strip()}")
    return out
