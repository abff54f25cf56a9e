"""Speed of the Drift page as a reader meets it: how long a frame takes while the slider of talks
is dragged in a real browser, what that asks of the server, and how long it needs for a step."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from psm_viz.cli.bench_startup import (
    CHROMIUM_FLAGS,
    chromium,
    free_port,
    open_page,
    processor,
    server,
)
from psm_viz.cli.speed_bars import judged
from psm_viz.errors import BadInput
from psm_viz.paths import ROOT
from psm_viz.study.reader import open_study

FRAMES, STEPS = 120, 8
QUIET = 4000
"""Milliseconds after which the server has said all it has to say."""
FRAME, STEP = 50, 0.5
"""The bars: milliseconds that 95 % of frames stay below, seconds of the server for a step."""
DRAG = """async frames => {
  const slider = document.querySelector('.vega-bind input');
  const took = [];
  for (let n = 0; n < frames; n++) {
    const began = performance.now();
    slider.value = Number(slider.max) * (1 - Math.abs(1 - 2 * n / (frames - 1)));
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    const handled = performance.now();
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    took.push([handled - began, performance.now() - began]);
  }
  return took;
}"""


def drift(study: Path, branches: int = 4) -> dict[str, Any]:
    """Milliseconds a frame while the slider is dragged, of `branches` branches side by side, and
    seconds until the next step of the folded statistics is there, with those of the server in it.

    A frame is timed to the second repaint after it, so that it is never below two of the screen's.
    Raises BadInput for a study without talks.
    """
    from playwright.sync_api import sync_playwright

    found = open_study(study)
    shown = found.manifest.fine_tuned[:branches]
    if not found.has_table("talk_map"):
        raise BadInput(f"{study}: has held no talks.", "Hold them: python -m psm_viz talks")
    link = "&".join(f"branches={b}" for b in shown)
    port = free_port()
    with sync_playwright() as p, server("app.py", port, ROOT, study) as process:
        browser = p.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        wire = _Wire()
        page.on("websocket", wire.listen)
        url = f"http://127.0.0.1:{port}/drift?{link}"
        open_page(page, url, time.monotonic() + 90)
        page.wait_for_selector(".vega-bind input", timeout=90_000)
        page.evaluate(DRAG, 10)
        before = wire.messages
        took = page.evaluate(DRAG, FRAMES)
        sent = wire.messages - before
        steps = _next_steps(page, wire, process.pid)
        browser.close()
    return {
        "branches": shown,
        "frames": FRAMES,
        "handled_ms_p95": round(statistics.quantiles([a for a, _ in took], n=20)[-1], 1),
        "frame_ms_median": round(statistics.median(b for _, b in took), 1),
        "frame_ms_p95": round(statistics.quantiles([b for _, b in took], n=20)[-1], 1),
        "messages_to_the_server": sent,
        "next_step_seconds": round(statistics.median(clock for clock, _ in steps), 3),
        "next_step_server_seconds": round(statistics.median(busy for _, busy in steps), 3),
    }


class _Wire:
    """How often the page said something to its server, and when it last heard from it."""

    def __init__(self) -> None:
        self.messages, self.heard = 0, 0.0

    def listen(self, socket: Any) -> None:
        """Listen to a WebSocket of the page."""
        socket.on("framesent", lambda _: self._said())
        socket.on("framereceived", lambda _: self._heard())

    def _said(self) -> None:
        self.messages += 1

    def _heard(self) -> None:
        self.heard = time.monotonic()


def _next_steps(page: Any, wire: _Wire, server_pid: int) -> list[tuple[float, float]]:
    """Seconds from asking for another step to the server's last word on it, everything unfolded,
    and how many of them the server computed for."""
    page.locator(".st-key-details label").first.click()
    page.get_by_role("button", name="Back").wait_for(timeout=90_000)
    page.wait_for_timeout(QUIET)
    out = []
    for n in range(STEPS):
        began, before = time.monotonic(), processor(server_pid)
        page.get_by_role("button", name="Back" if n < STEPS / 2 else "Next").click()
        page.wait_for_timeout(QUIET)
        if wire.heard > began:
            out.append((wire.heard - began, processor(server_pid) - before))
    return out


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines."""
    frame, step = found["frame_ms_p95"], found["next_step_server_seconds"]
    return "\n".join(
        [
            f"Drift with {len(found['branches'])} branches, the slider dragged over "
            f"{found['frames']} frames",
            f"  a frame, to its second repaint: median {found['frame_ms_median']} ms, 95 % below "
            f"{frame} ms; of that the chart's own work, 95 % below {found['handled_ms_p95']} ms",
            f"  messages to the server meanwhile: {found['messages_to_the_server']}",
            "  the next step of the folded statistics: "
            f"{found['next_step_seconds']} s from the click to the server's last word, of which "
            f"it computed {step} s",
            f"a frame at most {FRAME} ms: {_met(frame, FRAME)}",
            f"the next step at most {STEP} s of the server: {_met(step, STEP)}",
        ]
    )


def _met(found: float, bar: float) -> str:
    return judged(found <= bar) + ("" if found <= bar else f" with {found}")
