"""A story on paper: a page a step with its words, its figure and the speaker's notes, as PDF.

Pages are set as SVG, so that figures stay drawings and words stay words; vl-convert makes a PDF of
each, as it does of every figure here, and pypdf binds them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from psm_viz.charts.palette import PRINT
from psm_viz.charts.story import Told, ToldStep
from psm_viz.charts.story_numbers import Run
from psm_viz.charts.story_views import Quotation
from psm_viz.charts.svg_page import fonts_known, vector
from psm_viz.charts.typeface import SANS, SERIF, width_of

WIDE, HIGH, EDGE = 595.0, 842.0, 50.0
"""A4 and its margin, in points."""
LEADING = 1.36
LEAST = 150.0
"""Points that a figure has at least: before it gets smaller, the words do."""
SHRINK = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
MARKS, SHARP = 400, 216
"""Marks from which a figure is printed as a picture, so sharp (dots an inch of its drawing): a
PDF keeps objects of its own for each translucent dot."""
MARK = "\N{CHECK MARK}"


@dataclass(frozen=True)
class Type:
    """How a paragraph is set."""

    size: float
    colour: str = PRINT.ink
    face: str = SANS
    weight: int = 400
    after: float = 0.7
    """Room below, in lines."""
    indent: float = 0.0


@dataclass
class Sheet:
    """A page that fills from the top."""

    shrink: float
    at: float = EDGE
    parts: list[str] = field(default_factory=list)

    def words(self, runs: Sequence[Run], kind: Type) -> None:
        """Set a paragraph below what is there."""
        size = kind.size * self.shrink
        room = WIDE - 2 * EDGE - kind.indent
        for line in lines_of(runs, size, room):
            self.at += size * LEADING
            spans = "".join(
                f'<tspan font-weight="{700 if r.figure else kind.weight}">{escape(r.text)}</tspan>'
                for r in line
            )
            self.parts.append(
                f'<text x="{EDGE + kind.indent:.1f}" y="{self.at:.1f}" font-size="{size:.2f}" '
                f'font-family="{escape(kind.face)}" fill="{kind.colour}" '
                f'xml:space="preserve">{spans}</text>'
            )
        self.at += kind.after * size

    def sign(self, sign: str, size: float) -> None:
        """Set a sign at the left of the next line."""
        size *= self.shrink
        self.parts.append(
            f'<text x="{EDGE + 12:.1f}" y="{self.at + size * LEADING:.1f}" font-size="{size:.2f}" '
            f'font-family="{escape(SANS)}" fill="{PRINT.ink}">{escape(sign)}</text>'
        )

    def rule(self, x1: float, y1: float, x2: float, y2: float, width: float = 0.7) -> None:
        """A line between two places of the page."""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{PRINT.faint}" stroke-width="{width}"/>'
        )


def lines_of(runs: Sequence[Run], size: float, room: float) -> list[list[Run]]:
    """The words broken into lines that fit into `room`, each a list of runs."""
    lines: list[list[Run]] = [[]]
    left = room
    for word, figure in _words(runs):
        wide = width_of(word) * size
        if lines[-1] and wide > left:
            lines.append([])
            left, word = room, word.lstrip()
        lines[-1].append(Run(word, figure))
        left -= wide
    return [line for line in lines if line]


def _words(runs: Sequence[Run]) -> Iterable[tuple[str, bool]]:
    """The words in turn, each with the blank before it."""
    for r in runs:
        gap = ""
        for n, word in enumerate(r.text.split(" ")):
            gap = " " if n else ""
            if word or gap:
                yield gap + word, r.figure


def handout(told: Told) -> bytes:
    """The PDF, a page a step."""
    import vl_convert
    from pypdf import PdfWriter

    fonts_known()
    writer = PdfWriter()
    for n, step in enumerate(told.steps, 1):
        writer.append(io.BytesIO(vl_convert.svg_to_pdf(page(step, told, n))))
    writer.add_metadata({"/Title": told.title, "/Subject": told.source})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def page(step: ToldStep, told: Told, number: int) -> str:
    """One page as SVG. Its words shrink where they would not leave the figure its room."""
    foot = HIGH - EDGE
    for shrink in SHRINK:
        head, tail = Sheet(shrink), Sheet(shrink)
        _head(head, step, told, number)
        tail.at = 0.0
        _tail(tail, step)
        room = foot - head.at - tail.at - 14
        if room >= (LEAST if step.shown.build else 0):
            break
    drawn = _figure(step, head.at, max(room, LEAST)) if step.shown.build else ("", 0.0)
    below = head.at + drawn[1]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}" '
        f'viewBox="0 0 {WIDE} {HIGH}"><rect width="{WIDE}" height="{HIGH}" fill="{PRINT.paper}"/>'
        + "".join(head.parts)
        + drawn[0]
        + f'<g transform="translate(0 {below:.1f})">{"".join(tail.parts)}</g>'
        + _foot(told)
        + "</svg>"
    )


def _head(sheet: Sheet, step: ToldStep, told: Told, number: int) -> None:
    quiet = Type(9, PRINT.soft, after=1.2)
    sheet.words([Run(f"{told.title}  \N{MIDDLE DOT}  {number} of {len(told.steps)}")], quiet)
    if step.options:
        sheet.words([Run(f"What do you expect? {step.ask}")], Type(11.5, after=0.3))
        for o in step.options:
            if o.right:
                sheet.sign(MARK, 11)
            sheet.words([Run(o.say, bool(o.right))], Type(11, after=0.1, indent=26))
        sheet.at += 8
    sheet.words([Run(step.title)], Type(22, face=SERIF, weight=600, after=0.5))
    for p in step.text:
        sheet.words(p, Type(12))
    if step.shown.asked:
        sheet.words([Run(step.shown.asked)], Type(12, after=0.8))
    for q in step.shown.quotations:
        _quotation(sheet, q)


def _quotation(sheet: Sheet, q: Quotation) -> None:
    top = sheet.at + 3
    sheet.words([Run(q.heading)], Type(9.5, PRINT.soft, after=0.1, indent=12))
    sheet.words(
        [Run(f"\N{LEFT DOUBLE QUOTATION MARK}{q.text}\N{RIGHT DOUBLE QUOTATION MARK}")],
        Type(13, face=SERIF, after=0.1, indent=12),
    )
    sheet.sign(q.sign, 9.5)
    sheet.words([Run(q.judged)], Type(9.5, after=0.2, indent=24))
    sheet.rule(EDGE, top, EDGE, sheet.at, 2.0)
    sheet.at += 9


def _tail(sheet: Sheet, step: ToldStep) -> None:
    if step.shown.caption:
        sheet.words([Run(step.shown.caption)], Type(9, PRINT.soft, after=1.2))
    if step.notes:
        sheet.rule(EDGE, sheet.at, WIDE - EDGE, sheet.at)
        sheet.at += 4
        for p in step.notes:
            sheet.words([Run(p)], Type(10.5, PRINT.soft, after=0.5))


def _figure(step: ToldStep, top: float, room: float) -> tuple[str, float]:
    """The figure as large as its width and the room allow, and the height that it takes."""
    assert step.shown.build is not None
    spec = step.shown.build(PRINT)
    for slider in spec.get("params", []):
        slider["value"] = len(step.shown.steps) - 1  # paper shows where it ends
    drawn = vector(spec, 1.0)
    wide, high = drawn.size
    scale = min((WIDE - 2 * EDGE) / wide, room / high)
    placed = f'x="{EDGE}" y="{top:.1f}" width="{wide * scale:.1f}" height="{high * scale:.1f}"'
    if drawn.body.count("<path") > MARKS:
        png = base64.b64encode(drawn.png(SHARP)).decode()
        return f'<image {placed} href="data:image/png;base64,{png}"/>', high * scale + 4
    inner = f'<svg {placed} viewBox="{drawn.box}">{drawn.body}</svg>'
    return inner, high * scale + 4


def _foot(told: Told) -> str:
    return (
        f'<text x="{EDGE}" y="{HIGH - EDGE + 22}" font-size="8" font-family="{escape(SANS)}" '
        f'fill="{PRINT.soft}">{escape(told.source)}</text>'
    )
