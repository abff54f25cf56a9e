"""The faces that figures are set in, and how wide their words are.

What is drawn to a file is set in the faces of `FONTS`, which go into the file; a page has the same
letters from Streamlit under another name (fonts/README.md).
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
"""The font files and their licence."""
SANS = "Persona Sans, Source Sans, Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
SERIF = "Persona Serif, Source Serif, Georgia, serif"
FACES = (
    ("Persona Sans", 400, "PersonaSans-Regular.ttf"),
    ("Persona Sans", 600, "PersonaSans-SemiBold.ttf"),
    ("Persona Sans", 700, "PersonaSans-Bold.ttf"),
    ("Persona Serif", 400, "PersonaSerif-Regular.ttf"),
)
"""Family, weight and file of each face."""
UNKNOWN = 620
"""Width of a character that the face lacks, in thousandths of the type size."""


@cache
def _widths() -> dict[str, int]:
    return json.loads((FONTS / "widths.json").read_text(encoding="utf-8"))


@cache
def width_of(text: str) -> float:
    """The width of one line in the bold weight, in units of its type size: what is set in a lighter
    weight is a little narrower."""
    widths = _widths()
    return sum(widths.get(c, UNKNOWN) for c in text) / 1000


@cache
def face_rule(file: str) -> str:
    """The `@font-face` rule that brings one face along inside an SVG or a page."""
    family, weight = next((f, w) for f, w, name in FACES if name == file)
    data = base64.b64encode((FONTS / file).read_bytes()).decode()
    return (
        f'@font-face{{font-family:"{family}";font-weight:{weight};'
        f'src:url(data:font/ttf;base64,{data})format("truetype")}}'
    )
