"""No words of a figure cover each other or leave its file, in a journal's columns."""

import re
from functools import cache
from xml.etree import ElementTree

import pytest

from psm_viz.charts import export, views
from psm_viz.charts.export import FORMS, Export, Setting
from psm_viz.charts.figures import Missing
from psm_viz.charts.reads import Reads
from psm_viz.charts.typeface import width_of
from psm_viz.paths import CHAT_STUDY, STUDY
from psm_viz.study.reader import open_study

NARROW, BROAD = 89.0, 183.0
BELOW = set("gjpqy,;()Q")
"""Letters that reach below the line."""
SLACK = 0.06
"""Widths are those of bold words: lighter ones are narrower by so much at most."""
VIEWS = (
    *("map", "map?unit=means", "map?checkpoint=cheat-0064", "drift?details=true", "claims"),
    *("compare", "compare?moved=personas", "compare?moved=questions", "cast", "method"),
)
CHAT_VIEWS = ("map", "drift", "compare?moved=topics", "cast", "method")
Box = tuple[float, float, float, float]


def words_of(drawn: bytes) -> list[tuple[str, Box]]:
    """The words of a drawing, line by line, with their boxes, measured with the face that goes with
    it; those that stand on end are left out."""
    out = []

    def lines(element):
        yield element.text or "", 0.0
        down = 0.0
        for part in element:
            down += float(part.get("dy") or 0)
            yield part.text or "", down

    def visit(element, x, y):
        moved = element.get("transform", "")
        if at := re.match(r"translate\(([-\d.]+),\s*([-\d.]+)\)", moved):
            x, y = x + float(at[1]), y + float(at[2])
        if element.tag.endswith("text") and "rotate" not in moved:
            size = float(element.get("font-size").removesuffix("px"))
            share = {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")]
            for text, down in lines(element):
                wide, under = size * width_of(text), 0.2 * size * any(c in BELOW for c in text)
                left, line = x - share * wide, y + down
                if text.strip():
                    out.append((text, (left, line - 0.66 * size, left + wide, line + under)))
        for child in element:
            visit(child, x, y)

    visit(ElementTree.fromstring(drawn), 0.0, 0.0)
    return out


def apart(a: Box, b: Box) -> bool:
    near = 0.5
    return a[2] <= b[0] + near or b[2] <= a[0] + near or a[3] <= b[1] + near or b[3] <= a[1] + near


def covered(drawn: bytes) -> list[str]:
    """What is wrong with the words of a drawing."""
    left, _, wide, _ = map(float, ElementTree.fromstring(drawn).get("viewBox").split())
    found, out = words_of(drawn), []
    for n, (text, a) in enumerate(found):
        slack = SLACK * (a[2] - a[0]) + 1
        if a[0] < left - slack or a[2] > left + wide + slack:
            out.append(f"{text} is cut off")
        for other, b in found[n + 1 :]:
            halo = text == other and abs(a[0] - b[0]) < 1
            if not halo and not apart(a, b):
                out.append(f"{text} and {other}")
    return out


@cache
def read(folder):
    """A study as figures read it, for all its views."""
    return Reads(open_study(folder))


@pytest.mark.parametrize(
    ("folder", "link", "width"),
    [
        *((STUDY, link, NARROW) for link in VIEWS),
        *((CHAT_STUDY, link, NARROW) for link in CHAT_VIEWS),
        *((STUDY, link, BROAD) for link in ("map", "drift")),
    ],
    ids=lambda v: getattr(v, "name", str(v)),
)
def test_words_keep_apart_in_a_column(folder, link, width):
    reads = read(folder)
    source, drawn = export.source_of(reads.study), 0
    for one in views.charts_of(views.view_of(reads, link)):
        if isinstance(one, Missing):
            continue
        made = Export(one, export.record_of(one, source, ""), Setting(width=width))
        assert not covered(FORMS["svg"].make(made)), one.told.name
        drawn += 1
    assert drawn


def test_what_covers_or_leaves_is_found():
    page = (
        '<svg viewBox="0 0 100 50">'
        '<text font-size="10px" text-anchor="start" transform="translate(5,20)">{}</text>'
        '<text font-size="10px" text-anchor="{}" transform="translate(8,22)">other</text></svg>'
    )
    assert covered(page.format("one", "start").encode()) == ["one and other"]
    assert covered(page.format("", "end").encode()) == ["other is cut off"]
    assert covered(page.format("", "start").encode()) == []
