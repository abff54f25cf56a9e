"""A chart as Vega-Lite.

Altair's settings are the whole process's, and pages are drawn in several threads: nobody else turns
a chart into Vega-Lite, so that one thread at a time has its own settings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import altair as alt
from altair.utils import schemapi

_TABLES = "psm_tables"
_one = threading.Lock()

# Altair checks every part of a chart against Vega-Lite's schema as it is made, which takes as long
# as making it. The tests do it, for every chart.
schemapi.disable_debug_mode()


def vega_lite(chart: Any, aside: Callable[[Any], dict[str, str]] | None = None) -> dict[str, Any]:
    """A chart as Vega-Lite, with all its rows, or with what `aside` gives in their place (such as
    the name of a table that is kept elsewhere)."""
    with _one:
        if aside is None:
            settings = alt.data_transformers.enable("default", max_rows=None)  # guards notebooks
        else:
            alt.data_transformers.register(_TABLES, aside)
            settings = alt.data_transformers.enable(_TABLES)
        with alt.theme.enable("none"), settings:
            spec: dict[str, Any] = chart.to_dict(validate=False)
    return spec
