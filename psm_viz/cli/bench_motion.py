"""How long a frame takes while a figure is moved in a real browser: the slider of talks dragged
(scrub), and a map dragged about (pan).

No server is asked for either, so that what is timed is the browser: headless here, where the
processor draws what a graphics card would.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from psm_viz.cli.bench_startup import CHROMIUM_FLAGS, chromium, free_port, open_page, server
from psm_viz.cli.speed_bars import judged
from psm_viz.errors import BadInput
from psm_viz.paths import ROOT
from psm_viz.study.reader import Study, open_study

FRAMES = 480
SCRUB, PAN = 50.0, 33.0
"""The bars: milliseconds that 95 % of frames take at most."""
# A frame: something moves when a repaint begins, and the next repaint begins when it is drawn.
_REPAINT = "const repaint = () => new Promise(requestAnimationFrame);"
DRAG_SLIDER = f"""async frames => {{
  {_REPAINT}
  const slider = document.querySelector('.vega-bind input'), took = [];
  let before = await repaint();
  for (let n = 0; n < frames; n++) {{
    slider.value = Number(slider.max) * (1 - (n + 1) / frames);  // it opens at its end
    slider.dispatchEvent(new Event('input', {{bubbles: true}}));
    const now = await repaint();
    took.push(now - before);
    before = now;
  }}
  return took;
}}"""
DRAG_MAP = f"""async frames => {{
  {_REPAINT}
  const map = document.querySelector('.vega-embed canvas, .vega-embed svg'), took = [];
  const box = map.getBoundingClientRect(), r = Math.min(box.width, box.height) / 6;
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  const say = (what, n, to) => to.dispatchEvent(new PointerEvent(what, {{
    bubbles: true, cancelable: true, view: window, button: 0, buttons: 1, pointerId: 1,
    clientX: x + r * Math.sin(n / 9), clientY: y + r * (1 - Math.cos(n / 9))}}));
  // the map hears of what lies under the pointer, not of the drawing as a whole; a canvas knows
  // what that is only once the pointer has moved upon it
  for (const what of ['pointermove', 'pointerdown']) say(what, 0, document.elementFromPoint(x, y));
  let before = await repaint();
  for (let n = 1; n <= frames; n++) {{
    say('pointermove', n, window);
    const now = await repaint();
    took.push(now - before);
    before = now;
  }}
  say('pointerup', frames, window);
  return took;
}}"""
PICTURE = """() => {
  const map = document.querySelector('.vega-embed canvas, .vega-embed svg');
  return map.tagName === 'CANVAS' ? map.toDataURL() : map.outerHTML;
}"""


def motion(study: Path, branches: int = 4) -> dict[str, Any]:
    """Milliseconds a frame, from one repaint to the next: of the Drift page's slider with so many
    branches side by side, and of the Map page's map.

    Raises BadInput for a study without talks, and where dragging moves nothing.
    """
    from playwright.sync_api import sync_playwright

    found = open_study(study)
    if not found.has_table("talk_map"):
        raise BadInput(f"{study}: has held no talks.", "Hold them: python -m psm_viz talks")
    shown = found.manifest.fine_tuned[:branches]
    link = "&".join(f"branches={b}" for b in shown)
    port = free_port()
    with sync_playwright() as p, server("app.py", port, ROOT, study):
        browser = p.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        address = f"http://127.0.0.1:{port}"
        open_page(page, f"{address}/drift?{link}", time.monotonic() + 90)
        scrub = _frames(page, ".vega-bind input", DRAG_SLIDER)
        page.goto(address)
        pan = _frames(page, ".vega-embed canvas, .vega-embed svg", DRAG_MAP)
        browser.close()
    return {
        "dots": dots_of(found),
        "branches": shown,
        "frames": FRAMES,
        "scrub": _told(scrub, SCRUB),
        "pan": _told(pan, PAN),
    }


def dots_of(study: Study) -> int:
    """How many dots the map of talks draws at the reference: talks, and middles of personas."""
    points = study.table("talk_map")
    here = (points["kind"] != "assistant") | (points["checkpoint"] == study.manifest.reference)
    return int(here.sum())


def _frames(page: Any, what: str, drag: str) -> list[float]:
    page.wait_for_selector(what, timeout=120_000)
    page.wait_for_timeout(3000)  # for the rest of the page
    before = page.evaluate(PICTURE)
    page.evaluate(drag, FRAMES // 4)
    if page.evaluate(PICTURE) == before:
        raise BadInput("What was dragged did not move.")
    return page.evaluate(drag, FRAMES)


def _told(took: list[float], bar: float) -> dict[str, Any]:
    late = statistics.quantiles(took, n=20)[-1]
    middle = statistics.median(took)
    return {"median_ms": round(middle, 1), "p95_ms": round(late, 1), "bar_ms": bar}


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines."""
    lines = [
        f"A frame, from one repaint to the next, in a headless browser without a graphics card, "
        f"{found['dots']:,} dots on the map of talks, {found['frames']} frames each"
    ]
    names = {"scrub": f"the slider of {len(found['branches'])} branches", "pan": "the map dragged"}
    for key, name in names.items():
        r = found[key]
        met = judged(r["p95_ms"] <= r["bar_ms"])
        lines.append(
            f"  {key} ({name}): median {r['median_ms']} ms, 95 % below {r['p95_ms']} ms; at most "
            f"{r['bar_ms']:g}: {met}"
        )
    return "\n".join(lines)
