"""The Live page in a room: words that are read from the back of it, and nothing beside them."""

from __future__ import annotations

import streamlit as st

from psm_viz.ui import figure

SHEET = """
[data-testid="stHeader"] { opacity: 0; }
[data-testid="stHeader"]:hover, [data-testid="stHeader"]:focus-within { opacity: 1; }
.block-container { max-width: none; padding-top: 0.8rem; }
.psm-turn.psm-quote { font-size: max(24px, 1.5vw); line-height: 1.3; }
.psm-turn.psm-asked { font-size: max(24px, 1.3vw); }
.psm-finding { font-size: max(26px, 1.9vw); }
.psm-both .psm-quote.psm-small, .psm-both th { font-size: 24px; }
.psm-label { font-size: max(24px, 1.2vw); color: var(--psm-ink); }
[data-testid="stButtonGroup"] button p, [data-testid="stChatInput"] textarea { font-size: 24px; }
.st-key-live-talk { height: calc(100vh - 330px) !important; }
[class*="st-key-turn-"] [data-testid="stPopover"] { opacity: 0.25; }
"""
"""Type of at least 24 pixels at any size of screen; the navigation shows under the pointer."""


def pick_room() -> None:
    """Whether the page is shown to a room, which it is set for then; the address says so too."""
    room = st.toggle(
        "For a room",
        key="room",
        bind="query-params",
        help="Large words. The browser's full screen (F11) hides the rest.",
    )
    if room:
        figure.sheet(SHEET)
