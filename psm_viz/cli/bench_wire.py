"""A visitor without a browser: asks the dashboard's server for pages over its WebSocket, and hears
when it has said its last word. It speaks as much of Streamlit's protocol as that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_RERUN, _QUERY, _PAGE = 11, 1, 4
"""Numbers of fields: of what is said to the server the question for a page; of that, its query and
its name."""
_DELTA, _FINISHED, _ELEMENT, _EXCEPTION = 5, 6, 3, 8
"""Numbers of fields: of what the server says a part of a page, and its last word; of a part a new
element; of an element a traceback."""
_NOTICE = b'class="psm-notice"'
"""What a page shows in the place of what it could not read."""
PATIENCE = 120.0
"""Seconds that a page may take at most."""


@dataclass(frozen=True)
class Served:
    """What the server gave for one page."""

    seconds: float
    """From the question to its last word."""
    size: int
    """Bytes of all it said."""
    wrong: tuple[str, ...]
    """Errors that the page showed, tracebacks and notices; none where all went well."""


@contextmanager
def visiting(port: int) -> Iterator[Visitor]:
    """A session of the server at that port, which ends on leaving. Raises OSError where none
    listens."""
    from websockets.sync.client import connect  # comes with Streamlit

    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None) as line:
        yield Visitor(line)


@dataclass(frozen=True)
class Visitor:
    """One session of the dashboard."""

    line: Any
    """The WebSocket."""

    def ask(self, page: str, query: str = "") -> Served:
        """Open a page of the dashboard ('' is the first), as a click or a chosen link does.

        Raises TimeoutError where the server says nothing for `PATIENCE` seconds.
        """
        asked = _text(_QUERY, query) + _text(_PAGE, page)
        began, size, wrong = time.perf_counter(), 0, []
        self.line.send(_bytes(_RERUN, asked))
        while True:
            message = self.line.recv(timeout=PATIENCE, decode=False)
            size += len(message)
            wrong += _wrong(message)
            if _field(message, _FINISHED) is not None:
                return Served(time.perf_counter() - began, size, tuple(wrong))


def _wrong(message: bytes) -> Iterator[str]:
    """The errors that a message puts on the page."""
    part = _field(message, _DELTA)
    element = _field(part, _ELEMENT) if part else None
    error = _field(element, _EXCEPTION) if element else None
    if error is not None:
        yield error.decode(errors="replace")
    if element and _NOTICE in element:
        yield element.decode(errors="replace")


def _bytes(number: int, value: bytes) -> bytes:
    """A field of bytes, as protocol buffers write it."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode()) if value else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(message: bytes, wanted: int) -> bytes | None:
    """The value of a field, or None where the message has it not; of a number its bytes."""
    at = 0
    while at < len(message):
        key, at = _read(message, at)
        kind, begin = key & 7, at
        if kind == 0:
            _, at = _read(message, at)
        elif kind == 2:
            length, begin = _read(message, at)
            at = begin + length
        else:  # of fixed width
            at += 8 if kind == 1 else 4
        if key >> 3 == wanted:
            return message[begin:at]
    return None


def _read(message: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
