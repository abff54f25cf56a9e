"""Whether a large study can be used: opened, searched and scrubbed in a real browser, and how much
memory the server has then."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from psm_viz.cli.bench_motion import DRAG_SLIDER, FRAMES
from psm_viz.cli.bench_pages import PAGES, WATCH, path_of, settle
from psm_viz.cli.bench_startup import (
    CHROMIUM_FLAGS,
    chromium,
    free_port,
    late,
    memory,
    open_page,
    server,
)
from psm_viz.cli.speed_bars import judged
from psm_viz.paths import ROOT
from psm_viz.study.reader import Study, open_study

MEMORY = 2048
"""The bar: MB of the server at its peak."""


def large(study: Path) -> dict[str, Any]:
    """Seconds of every page to its last word as the first reader of a fresh server has them, of two
    searches (the first makes the index), and milliseconds a frame of the slider."""
    from playwright.sync_api import sync_playwright

    found, port, seconds = open_study(study), free_port(), {}
    with sync_playwright() as p, server("app.py", port, ROOT, study) as process:
        browser = p.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        context.add_init_script(WATCH)
        page = context.new_page()
        address = f"http://127.0.0.1:{port}"
        open_page(page, address, time.monotonic() + 90)
        for name in PAGES:
            page.goto(f"{address}/{path_of(name)}")
            seconds[name] = settle(page, name)[1]
        for what, words in (("search, index made", "I"), ("search", "mistake")):
            page.goto(f"{address}/search?words={words}")
            seconds[what] = settle(page, "search")[1]
        page.goto(f"{address}/drift")
        settle(page, "drift")
        slider = page.query_selector(".vega-bind input")
        took = page.evaluate(DRAG_SLIDER, FRAMES) if slider else []
        browser.close()
        peak = memory(process.pid, "VmHWM")
    return {
        "personas": len(found.cast.all),
        "answers": _answers(found),
        "seconds": {name: round(s, 2) for name, s in seconds.items()},
        "scrub_ms_p95": round(late(took), 1) if took else None,
        "server_peak_mb": round(peak),
        "bar_mb": MEMORY,
    }


def _answers(study: Study) -> int:
    return sum(
        len(study.responses(c.id))
        for c in study.manifest.checkpoints
        if study.holds(c.id, "responses")
    )


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines."""
    met = judged(found["server_peak_mb"] <= found["bar_mb"])
    lines = [
        f"A study of {found['answers']:,} answers and {found['personas']} personas: the server's "
        f"memory at its peak {found['server_peak_mb']} MB; at most {found['bar_mb']}: {met}",
        f"  a frame of the slider: 95 % below {found['scrub_ms_p95']} ms",
        "  seconds to the last word, for the first reader of a fresh server:",
    ]
    lines += [f"    {name:20s} {s:6.2f}" for name, s in found["seconds"].items()]
    return "\n".join(lines)
