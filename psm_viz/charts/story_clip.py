"""The Assistant's way as a moving picture for slides: animated WebP, or GIF where that is not read.

The talks along training of a story's first such step, drawn still by still as a page shows them.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from typing import Any

from psm_viz.charts.palette import LIGHT
from psm_viz.charts.story import Told
from psm_viz.charts.story_views import Shown
from psm_viz.charts.svg_page import VEGA_LITE, fonts_known
from psm_viz.charts.talk_course_chart import STEP
from psm_viz.errors import BadInput
from psm_viz.study.stories import TALK_COURSE

FORMATS = ("webp", "gif")
BETWEEN = 6
"""Stills from one saved step to the next."""
MOVING, RESTING, LAST = 90, 900, 2500
"""Milliseconds: a still on the way, one at a saved step, the last."""
SCALE = 1.7
"""Pixels per unit of the drawing: about a thousand across."""


def clip(told: Told, form: str) -> bytes:
    """The moving picture. Raises BadInput where no step shows talks along training."""
    from PIL import Image

    shown = next((s.shown for s in told.steps if s.shown.kind == TALK_COURSE), None)
    if shown is None:
        raise BadInput(
            "No step of this story moves: a clip shows talks along training.",
            f"Give one step the view {TALK_COURSE!r}.",
        )
    stills, times = [], []
    for png, milliseconds in _stills(shown):
        stills.append(Image.open(io.BytesIO(png)).convert("RGB"))
        times.append(milliseconds)
    out = io.BytesIO()
    more: dict[str, Any] = {"quality": 82, "method": 4} if form == "webp" else {"disposal": 1}
    first, rest = stills[0], stills[1:]
    first.save(out, form, save_all=True, append_images=rest, duration=times, loop=0, **more)
    return out.getvalue()


def places(steps: int) -> Iterator[tuple[float, int]]:
    """Where the slider stands for each still, and for how many milliseconds."""
    for k in range(steps - 1):
        yield float(k), RESTING
        yield from ((k + n / BETWEEN, MOVING) for n in range(1, BETWEEN))
    yield float(steps - 1), LAST


def _stills(shown: Shown) -> Iterator[tuple[bytes, int]]:
    import vl_convert

    assert shown.build is not None
    fonts_known()
    vega = vl_convert.vegalite_to_vega(
        shown.build(LIGHT), vl_version=VEGA_LITE
    )  # compiled once, then only its signal
    for at, milliseconds in places(len(shown.steps)):
        own = copy.deepcopy(vega)
        for signal in own["signals"]:
            if signal["name"] == STEP:
                signal["value"] = at
        yield vl_convert.vega_to_png(own, scale=SCALE), milliseconds
