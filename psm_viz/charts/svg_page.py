"""A Vega-Lite spec drawn as SVG that is the same in every process, and in the size it is printed
in; PNG and PDF are made of that drawing, so that all three agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import vl_convert as vlc

from psm_viz.charts.typeface import FACES, FONTS, face_rule

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
MM_PER_PT = 25.4 / 72
_ROOT = re.compile(r'^<svg [^>]*?width="([\d.]+)" height="([\d.]+)" viewBox="([^"]+)"[^>]*>')
_CLIP = re.compile(r"clip\d+|gradient_\d+")
_NAMED = re.compile(r'(?<=id=")\w+(?=")|(?<=url\(#)\w+(?=\))')
_UNSEEN = re.compile(r'<(path|text)[^>]* opacity="0"[^>]*?(?:/>|></\1>|>[^<]*</\1>)')
_FILLED = re.compile(r'<path (?![^>]*stroke=)([^>]*?) opacity="([\d.]+)"')


@cache
def fonts_known() -> None:
    """Let the converter find the faces, once a process."""
    vlc.register_font_directory(str(FONTS))


@dataclass(frozen=True)
class Drawn:
    """A drawing."""

    body: str
    """What stands inside the root element."""
    box: str
    """Its viewBox: the scale of the page."""
    size: tuple[float, float]
    """Printed width and height in pt."""

    def _root(self, unit: str, per_pt: float) -> str:
        wide, high = (f"{side * per_pt:.4f}".rstrip("0").rstrip(".") for side in self.size)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'version="1.1" width="{wide}{unit}" height="{high}{unit}" viewBox="{self.box}">'
        )

    def page(self, metadata: str) -> bytes:
        """SVG in mm with its metadata, and with the faces that it uses."""
        rules = "".join(face_rule(file) for file in self._faces())
        style = f"<defs><style>{rules}</style></defs>"
        return f"{self._root('mm', MM_PER_PT)}{metadata}{style}{self.body}</svg>\n".encode()

    def _faces(self) -> list[str]:
        """The files of the faces in which something is set."""
        used = set()
        for words in re.findall(r"<text[^>]*>", self.body):
            weight = re.search(r'font-weight="(\w+)"', words)
            at = {"bold": "700", "normal": "400"}.get(weight[1], weight[1]) if weight else "400"
            used |= {f for family, w, f in FACES if family in words and str(w) == at}
        return [file for _, _, file in FACES if file in used]

    def _bare(self) -> str:
        return f"{self._root('', 1)}{self.body}</svg>"

    def png(self, ppi: int) -> bytes:
        """So many dots an inch."""
        fonts_known()
        return vlc.svg_to_png(self._bare(), scale=1, ppi=ppi)

    def pdf(self) -> bytes:
        """One page as large as the drawing."""
        fonts_known()
        return vlc.svg_to_pdf(self._bare())


def vector(spec: Mapping[str, Any], scale: float, limit: float | None = None) -> Drawn:
    """Draw a spec at `scale` points a pixel; what is wider than `limit` pt is shrunk as a whole."""
    fonts_known()
    text = vlc.vegalite_to_svg(dict(spec), vl_version=VEGA_LITE)
    root = _ROOT.match(text)
    assert root is not None, "the converter writes another SVG than it did"
    wide, high = float(root[1]), float(root[2])
    scale = scale if limit is None else min(scale, limit / wide)
    body = text[root.end() :].removesuffix("</svg>")
    return Drawn(_plain(body), root[3], (wide * scale, high * scale))


def _plain(body: str) -> str:
    """The drawing without what hangs on earlier ones, and without what is there for the pointer
    alone. What is only filled is pale by its fill: pages of print then need no group a mark."""
    body = _UNSEEN.sub("", body)
    body = _FILLED.sub(r'<path \1 fill-opacity="\2"', body)
    numbers: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"{found[0].rstrip('0123456789')}{len(numbers)}")

    return _NAMED.sub(lambda m: _CLIP.sub(renamed, m[0]), body)
