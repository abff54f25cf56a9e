"""A page's figure before its pickers: what a browser draws first is what its visitor came for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

PAUSE, PAINTED = 0.4, "psm-painted"
"""Seconds that a browser has for a page's first figure alone; state: pages that had them."""


@dataclass
class Held:
    """Messages to the browser that wait, in their order, and the way on which they go."""

    send: Callable[[Any], None]
    messages: list[Any] = field(default_factory=list)
    within: set[tuple[int, ...]] = field(default_factory=set)
    """Containers of which a part waits: a browser takes the parts of each in their order only."""
    holding: bool = False

    def take(self, message: Any) -> None:
        """Keep a message that has to wait; send any other."""
        path = tuple(message.metadata.delta_path)
        if message.WhichOneof("type") != "delta" or not (self.holding or path[:-1] in self.within):
            self.send(message)
            return
        self.messages.append(message)
        self.within.add(path[:-1])
        if message.delta.WhichOneof("type") == "add_block":
            self.within.add(path)


@contextmanager
def after() -> Iterator[None]:
    """What is drawn inside goes to the browser after the page's first figure where a session
    begins, and at once where it goes on.

    Streamlit has no call for that: pickers must have been drawn before their values are known, and
    what was drawn is sent. So messages are kept here on their way (`ScriptRunContext._enqueue`, of
    the pinned release), a quarter of a second that a browser would draw pickers in.
    """
    run = get_script_run_ctx()
    if run is None or not _address() or st.session_state.get(PAINTED):
        yield
        return
    held = _held(run)
    if held is None:
        held = Held(run._enqueue)
        run._enqueue = held.take
    before, held.holding = held.holding, True
    try:
        yield
    finally:
        held.holding = before


def let_it_paint() -> None:
    """Give the browser the time to paint a page's first figure before it is sent the rest, whose
    drawing would keep it busy: once a page and session."""
    address = _address()
    painted: set[str] = st.session_state.setdefault(PAINTED, set())
    if address and address not in painted:
        painted.add(address)
        time.sleep(PAUSE)
        release()


def _address() -> str:
    """The page's, as its browser says it; '' where there is no browser."""
    return str(st.context.url or "").partition("?")[0]


def release() -> None:
    """Send what waits. To be called where a run ends: a page may have no figure."""
    run = get_script_run_ctx()
    held = _held(run) if run is not None else None
    if run is None or held is None:
        return
    run._enqueue = held.send  # first: sending may end the run, where its visitor asks for another
    for message in held.messages:
        held.send(message)


def stop() -> NoReturn:
    """End a page here, with what waits: `st.stop` sends nothing any more."""
    release()
    st.stop()


def _held(run: ScriptRunContext) -> Held | None:
    """What holds messages of a run back, if anything does."""
    taker = getattr(run._enqueue, "__self__", None)
    return taker if isinstance(taker, Held) else None
