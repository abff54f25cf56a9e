"""A PDF in one order: the converter numbers fonts, places objects and lists resources as its hash
tables happen to lie, so that the same drawing is another file in every process."""

from __future__ import annotations

import itertools
import re

_START = re.compile(rb"startxref\n(\d+)\n%%EOF\s*$")
_TABLE = re.compile(rb"xref\n0 (\d+)\n")
_ROOT = re.compile(rb"/Root (\d+) 0 R")
_REFERENCE = re.compile(rb"(?<=[\s\[])(\d+) 0 R\b")
_RESOURCES = re.compile(
    rb"(/(?:XObject|ExtGState|Font|Pattern|Shading|ColorSpace) <<\n)((?:\s*/\w+ [^\n<>]+\n)+)"
)
_ENTRY = 20
"""Bytes of a line of the table of places."""


def in_order(data: bytes, info: bytes) -> bytes:
    """The same page with its objects numbered and placed in the order in which they are referred
    to, and with `info`, a dictionary, as the document's information."""
    start = _START.search(data)
    assert start, "the converter writes another PDF than it did"
    table = int(start[1])
    objects, head = _objects(data, table), data[: min(_places(data, table).values())]
    root = _ROOT.search(data[table:])
    assert root, "the converter writes another PDF than it did"
    number: dict[int, int] = {}
    waiting = [int(root[1])]
    while waiting:
        at = waiting.pop()
        if at in number:
            continue
        number[at] = len(number) + 1
        refers = [int(m[1]) for m in _REFERENCE.finditer(objects[at][0])]
        waiting += reversed(refers)

    def renamed(found: re.Match[bytes]) -> bytes:
        return b"%d 0 R" % number[int(found[1])]

    parts = [
        b"%d 0 obj\n" % new + _REFERENCE.sub(renamed, objects[old][0]) + objects[old][1]
        for old, new in number.items()
    ]
    last = len(number) + 1
    parts.append(b"%d 0 obj\n%s\nendobj\n\n" % (last, info))
    *offsets, end = itertools.accumulate(map(len, parts), initial=len(head))
    out = [head, *parts, b"xref\n0 %d\n0000000000 65535 f\r\n" % (last + 1)]
    out += [b"%010d 00000 n\r\n" % offset for offset in offsets]
    out.append(b"trailer\n<<\n  /Size %d\n  /Root 1 0 R\n  /Info %d 0 R\n>>\n" % (last + 1, last))
    out.append(b"startxref\n%d\n%%%%EOF\n" % end)
    return b"".join(out)


def _places(data: bytes, table: int) -> dict[int, int]:
    """Number of an object -> where it begins."""
    found = _TABLE.match(data, table)
    assert found, "the converter writes another PDF than it did"
    lines = [data[found.end() + _ENTRY * n :][:_ENTRY] for n in range(int(found[1]))]
    return {n: int(line[:10]) for n, line in enumerate(lines) if line[17:18] == b"n"}


def _objects(data: bytes, table: int) -> dict[int, tuple[bytes, bytes]]:
    """Number of an object -> its dictionary, resources sorted, and the rest of it."""
    places = _places(data, table)
    ends = [*sorted(places.values())[1:], table]
    ends_of = dict(zip(sorted(places.values()), ends, strict=True))
    out = {}
    for n, place in places.items():
        body = data[place : ends_of[place]].split(b" obj\n", 1)[1]
        said, stream, rest = body.partition(b"stream\n")
        said = _RESOURCES.sub(
            lambda m: m[1] + b"".join(sorted(m[2].splitlines(keepends=True))), said
        )
        out[n] = (said, stream + rest)
    return out
