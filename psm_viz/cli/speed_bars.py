"""The bars of speed and what was measured against them, as docs/speed.md has them."""

from __future__ import annotations

import re
from pathlib import Path

SPEED = Path("docs/speed.md")
JUDGED = re.compile(r": (met|missed)\b")


def judged(met: bool) -> str:
    """How a line says whether its bar was met."""
    return "met" if met else "missed"


def bar_lines(file: Path = SPEED) -> list[str]:
    """Every line of the file that says whether a bar was met, under the heading that it stands
    under, and under the line that opens its list where it is one of a list."""
    out: list[str] = []
    heading = told = opening = ""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading, opening = line.removeprefix("## ").strip(), ""
        elif JUDGED.search(line):
            if told != heading:
                out.append(heading)
                told = heading
            if opening and _indent(line) > _indent(opening):
                out.append(f"  {opening.strip()}")
                opening = ""
            out.append(f"  {line.strip()}")
        elif line.rstrip().endswith(":"):
            opening = line
    return out


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
