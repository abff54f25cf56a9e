"""What a file says inside of the figure it holds: in each form where its readers look for it."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Mapping
from html import escape
from typing import Any

import vl_convert as vlc

from psm_viz.charts.pdf_page import in_order
from psm_viz.charts.svg_page import VEGA_LITE
from psm_viz.charts.typeface import FACES, face_rule

Record = Mapping[str, Any]
"""What is to be known of a figure (`export.record_of`)."""


def program(record: Record) -> str:
    """What drew the figure."""
    return f"psm_viz {record['drawn by']['psm_viz']}"


def of_svg(record: Record) -> str:
    """Title, description, and a `<metadata>` of Dublin Core with the whole record."""
    said = {
        "title": record["title"],
        "description": record["caption"],
        "source": record["link"],
        "identifier": f"study {record['study']}, sha256 {record['study_sha256']}",
        "creator": program(record),
    }
    core = "".join(f"<dc:{k}>{escape(str(v), quote=False)}</dc:{k}>" for k, v in said.items())
    whole = escape(json.dumps(record, ensure_ascii=False), quote=False)
    return (
        f"<title>{escape(record['title'], quote=False)}</title>"
        f"<desc>{escape(record['alt'], quote=False)}</desc>"
        '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description rdf:about="">'
        f"{core}<dc:coverage>{whole}</dc:coverage></rdf:Description></rdf:RDF></metadata>"
    )


def of_png(data: bytes, record: Record) -> bytes:
    """Text chunks after the head: `Title`, `Description`, `Source` (the link), `Software`, and the
    whole record as `Comment`."""
    said = {
        "Title": record["title"],
        "Description": record["caption"],
        "Source": record["link"],
        "Software": program(record),
        "Comment": json.dumps(record, ensure_ascii=False),
    }
    end = 8 + 12 + struct.unpack(">I", data[8:12])[0]  # signature and head
    return data[:end] + b"".join(_chunk(k, v) for k, v in said.items()) + data[end:]


def _chunk(name: str, text: str) -> bytes:
    """A text chunk: plain where Latin-1 can say it, else the one for all of Unicode."""
    try:
        kind, body = b"tEXt", name.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", name.encode() + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def of_pdf(data: bytes, record: Record) -> bytes:
    """The document's information: `Title`, `Subject` (the caption), `Keywords` (link, study),
    `Creator`. No dates: the same figure is the same file."""
    keywords = f"{record['link']} study {record['study']} {record['study_sha256']}"
    said = {
        "Title": record["title"],
        "Subject": record["caption"],
        "Keywords": keywords,
        "Creator": program(record),
        "Producer": "svg2pdf",
    }
    lines = "".join(f"\n  /{k} <FEFF{v.encode('utf-16-be').hex()}>" for k, v in said.items())
    return in_order(data, f"<<{lines}\n>>".encode())


def of_html(spec: Mapping[str, Any], record: Record, paper: str) -> bytes:
    """One page with all that draws the figure inside it, its caption under it."""
    page = vlc.vegalite_to_html(dict(spec), vl_version=VEGA_LITE, bundle=True, renderer="svg")
    said = {"description": record["alt"], "source": record["link"], "generator": program(record)}
    meta = "".join(f'<meta name="{k}" content="{escape(v)}">' for k, v in said.items())
    faces = "".join(face_rule(file) for _, _, file in FACES)
    look = (
        f"{faces}body{{margin:16px;background:{paper};font-family:'Persona Sans',sans-serif}}"
        ".vega-bind{font-size:13px}figcaption{max-width:760px;font-size:13px;line-height:1.4;"
        "color:#77736A}"
    )
    known = json.dumps(record, ensure_ascii=False).replace("</", "<\\/")
    head = (
        f'<meta charset="utf-8"><title>{escape(record["title"])}</title>{meta}'
        f"<style>{look}</style>"
        f'<script type="application/json" id="psm-record">{known}</script>'
    )
    words = (
        f"<figcaption><b>{escape(record['title'])}</b> {escape(record['caption'])} "
        f"Study {escape(record['study'])}, {record['study_sha256'][:12]}.</figcaption>"
    )
    page = re.sub(r"<head>", lambda m: m[0] + head, page, count=1)
    return re.sub(r"</body>", lambda m: words + m[0], page, count=1).encode()
