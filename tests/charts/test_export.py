"""Files of a figure: what they hold, where they are from, and that labels keep off each other."""

import json
import re
import struct
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pyarrow.parquet as pq
import pytest

from psm_viz.charts import export, views
from psm_viz.charts.export import FORMS, Export, Setting
from psm_viz.charts.figures import Missing
from psm_viz.charts.reads import Reads
from psm_viz.errors import BadInput
from tests.charts.drawn import ends

LINK = "map?checkpoint=cheat-0064"


@pytest.fixture(scope="module")
def view(talk_study):
    return views.view_of(Reads(talk_study), LINK)


@pytest.fixture(scope="module")
def made(talk_study, view) -> Export:
    one = views.charts_of(view)[0]
    record = export.record_of(one, export.source_of(talk_study), view.link_of(one))
    return Export(one, record, Setting(width=89))


def chunks(data: bytes) -> dict[str, str]:
    """The words of a PNG by their names; every check sum is right."""
    out, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            kind + body
        )
        name, _, text = body.partition(b"\0")
        if kind == b"tEXt":
            out[name.decode()] = text.decode("latin-1")
        if kind == b"iTXt":
            out[name.decode()] = text[4:].decode()
        at += 12 + size
    return out


def test_every_form_says_inside_what_it_is_and_how_to_come_back(made):
    link = made.record["link"]
    assert link == "/?checkpoint=cheat-0064"
    root = ElementTree.fromstring(FORMS["svg"].make(made))
    said = {e.tag.rsplit("}", 1)[-1]: e.text for e in root.iter() if "purl.org/dc" in e.tag}
    assert said["source"] == link and said["title"] == made.record["title"]
    assert json.loads(said["coverage"]) == made.record
    words = chunks(FORMS["png"].make(made))
    assert words["Source"] == link and json.loads(words["Comment"]) == made.record
    pdf = FORMS["pdf"].make(made)
    keywords = re.search(rb"/Keywords <FEFF([0-9a-f]+)>", pdf)[1]
    assert bytes.fromhex(keywords.decode()).decode("utf-16-be").startswith(f"{link} study made")
    assert b"Date" not in pdf and b"PersonaSans" in pdf
    at = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", pdf)[1])
    assert pdf[at:].startswith(b"xref\n")
    page = FORMS["html"].make(made).decode()
    assert f'<meta name="source" content="{link}">' in page and "cdn" not in page
    assert json.loads(FORMS["vega"].make(made))["usermeta"] == made.record
    table = pd.read_csv(pd.io.common.BytesIO(FORMS["csv"].make(made)), encoding="utf-8-sig")
    assert len(table) == len(made.figure.frame)
    held = pq.read_table(pd.io.common.BytesIO(FORMS["parquet"].make(made)))
    assert json.loads(held.schema.metadata[b"psm_viz"]) == made.record


def test_a_record_tells_what_the_figure_rests_on(made, talk_study):
    told, m = json.loads(export.caption(made)), talk_study.manifest
    assert told["study"] == m.name and told["study_sha256"] == talk_study.sha256
    assert told["n"].startswith(f"{talk_study.talk_note.assistant} talks of the Assistant")
    assert told["layer"] == talk_study.talk_note.layer
    assert told["seeds"]["talks"] == talk_study.talk_note.seed
    assert told["null"] and told["interval"] is None
    assert {"psm_viz", "altair", "vl-convert-python"} <= set(told["drawn by"])
    assert told["made by"] == m.versions


@pytest.mark.parametrize(("width", "mm"), [(89.0, 89.0), (183.0, 183.0)])
def test_a_drawing_is_as_wide_as_asked_in_every_form(made, width, mm):
    one = replace(made, setting=Setting(width=width))
    root = ElementTree.fromstring(FORMS["svg"].make(one))
    assert float(root.get("width").removesuffix("mm")) == pytest.approx(mm, abs=0.5)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+)", FORMS["pdf"].make(one))[1]
    assert float(box) * 25.4 / 72 == pytest.approx(mm, abs=0.5)
    png = FORMS["png"].make(one)
    at = png.index(b"pHYs") + 4
    wide, ppm = (struct.unpack(">I", data)[0] for data in (png[16:20], png[at : at + 4]))
    assert 1000 * wide / ppm == pytest.approx(mm, abs=0.5)


def test_themes_have_their_grounds(made):
    grounds = {"print": "#FFFFFF", "light": "#FBFAF7", "dark": "#15171B"}
    for theme, ground in grounds.items():
        drawn = FORMS["svg"].make(replace(made, setting=Setting(theme))).decode()
        assert re.search(r'<rect [^>]*fill="([^"]+)"', drawn)[1] == ground


def test_a_drawing_may_carry_its_caption(made):
    bare = FORMS["svg"].make(made).decode()
    body = bare[bare.index("</metadata>") :]
    assert made.record["title"][:20] not in body
    said = FORMS["svg"].make(replace(made, setting=Setting(width=183, caption=True))).decode()
    assert made.record["title"][:20] in said[said.index("</metadata>") :]


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        (Setting("sepia"), "--theme sepia"),
        (Setting(width=5), "--width 5"),
        (Setting(font_size=2), "--font-size 2"),
        (Setting(width=40, font_size=20), "no room"),
    ],
)
def test_what_cannot_be_set_is_told(setting, what):
    with pytest.raises(BadInput, match=what):
        setting.check()


def test_every_chart_of_a_view_can_be_drawn_narrow_and_in_the_dark(talk_study):
    reads, source = Reads(talk_study), export.source_of(talk_study)
    view = views.view_of(reads, "drift?branches=cheat&branches=requested&details=true")
    every = views.charts_of(view)
    assert len([f for f in every if not isinstance(f, Missing)]) >= 10
    for one in every:
        if isinstance(one, Missing):
            continue
        made = Export(one, export.record_of(one, source, ""), Setting("dark", width=89))
        assert made.drawn.size[0] <= 89 * 72 / 25.4 + 0.01, one.told.name


def test_tables_open_in_a_spreadsheet():
    assert export.csv(ends()).decode("utf-8-sig").startswith("label,value")
