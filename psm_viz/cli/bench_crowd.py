"""Many readers at once: sessions over WebSockets and browsers walk through the pages of one server
for some minutes; what goes wrong, how long pages take, and whether memory stays as it is.

A session is what a browser's tab is to the server; it speaks Streamlit's protocol itself
(`bench_wire`) and draws nothing. It opens a page by a link with a choice of its own, walks through
the others with that choice, ends, and another takes its place.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from psm_viz.cli.bench_pages import PAGES, WATCH, path_of, queries, served, settle
from psm_viz.cli.bench_startup import CHROMIUM_FLAGS, chromium, late, memory
from psm_viz.cli.bench_wire import visiting
from psm_viz.cli.speed_bars import judged
from psm_viz.paths import ROOT
from psm_viz.study.reader import open_study

SESSIONS, BROWSERS, MINUTES = 20, 2, 5.0
READS = (5.0, 15.0)
"""Seconds for which a reader looks at a page: at least, at most."""
SETTLED, EDGE = 60.0, 30.0
"""Seconds after which memory should stay as it is; seconds at both ends that are compared."""
SAID = 4000
"""Letters of what the server complained of that are kept: its last ones."""
FLAT = 1.05
"""The bar: times the memory after the first minute that it has at the end."""


@dataclass
class Crowd:
    """What a crowd met with; written into by several threads."""

    until: float
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the start, MB."""

    @property
    def going(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.until


def crowd(
    study: Path, minutes: float = MINUTES, sessions: int = SESSIONS, browsers: int = BROWSERS
) -> dict[str, Any]:
    """So many sessions and browsers for so many minutes: errors, seconds of the server a page, and
    its memory."""
    opened = open_study(study)
    choices = {name: queries(opened, name) or [""] for name in PAGES}
    with TemporaryFile() as log, served("app.py", ROOT, study, log) as (port, pid):
        began = time.monotonic()
        met = Crowd(began + 60 * minutes)
        threads = [
            threading.Thread(target=_session, args=(met, port, choices, n)) for n in range(sessions)
        ]
        threads.append(threading.Thread(target=_watch_memory, args=(met, pid, began)))
        for thread in threads:
            thread.start()
        shown = _browse(met, port, choices, browsers)
        for thread in threads:
            thread.join()
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    asked = {"sessions": sessions, "browsers": browsers, "minutes": minutes}
    return _told(met, shown, asked) | {"server_said": said[-SAID:]}


def _session(met: Crowd, port: int, choices: dict[str, list[str]], n: int) -> None:
    """One reader after another, until the time is over."""
    chance = random.Random(n)
    while met.going:
        order = chance.sample(PAGES, len(PAGES))
        query = chance.choice(choices[order[0]])
        try:
            with visiting(port) as visitor:
                for name in order:
                    time.sleep(chance.uniform(*READS))
                    if not met.going:
                        return
                    found = visitor.ask(path_of(name), query)
                    met.seconds[name].append(found.seconds)
                    met.wrong += [f"{name}?{query}: {w[:200]}" for w in found.wrong]
        except Exception as e:  # whatever ends a session is what is looked for
            met.wrong.append(f"session {n} ended: {e!r}")


def _watch_memory(met: Crowd, pid: int, began: float) -> None:
    while met.going:
        met.memory.append((time.monotonic() - began, memory(pid)))
        time.sleep(1)


def _browse(met: Crowd, port: int, choices: dict[str, list[str]], browsers: int) -> list[float]:
    """Browsers in turn, each opening pages by links: seconds to the last word of each."""
    from playwright.sync_api import Error, sync_playwright

    chance, shown = random.Random(-1), []
    with sync_playwright() as p:
        pages = []
        for _ in range(browsers):
            browser = p.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.add_init_script(WATCH)
            page.on("pageerror", lambda e: met.wrong.append(f"in a browser: {e}"))
            pages.append(page)
        while met.going and pages:
            for page in pages:
                name = chance.choice(PAGES)
                query = chance.choice(choices[name])
                try:
                    page.goto(f"http://127.0.0.1:{port}/{path_of(name)}?{query}")
                    shown.append(settle(page, name)[1])
                    if page.locator(".psm-notice, [data-testid=stException]").count():
                        met.wrong.append(f"in a browser: {name}?{query} shows an error")
                except Error as e:
                    met.wrong.append(f"in a browser: {name}?{query}: {e.message[:200]}")
            time.sleep(chance.uniform(*READS))
    return shown


def _told(met: Crowd, shown: list[float], asked: dict[str, Any]) -> dict[str, Any]:
    pages = {
        name: {"asked": len(took), "p95_seconds": round(late(took), 2)}
        for name, took in sorted(met.seconds.items())
    }
    after = [(at, mb) for at, mb in met.memory if at >= min(SETTLED, met.memory[-1][0] / 2)]
    first = statistics.median(mb for at, mb in after if at <= after[0][0] + EDGE)
    last = statistics.median(mb for at, mb in after if at >= after[-1][0] - EDGE)
    return {
        **asked,
        "wrong": met.wrong,
        "pages": pages,
        "slowest": max(pages, key=lambda name: pages[name]["p95_seconds"], default=""),
        "browser_pages": len(shown),
        "browser_p95_seconds": round(late(shown), 2),
        "memory_mb": round(first),
        "memory_at_the_end_mb": round(last),
        "memory_most_mb": round(max(mb for _, mb in met.memory)),
        "flat": last <= FLAT * first,
    }


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines."""
    lines = [
        f"{found['sessions']} sessions over WebSockets and {found['browsers']} browsers for "
        f"{found['minutes']:g} minutes, each reading a page for {READS[0]:g} to {READS[1]:g} s",
        f"  errors: {len(found['wrong'])}; none: {judged(not found['wrong'])}",
        *(f"  {w}" for w in found["wrong"][:10]),
        *([f"  the server said: {found['server_said']}"] if found["wrong"] else []),
        f"  memory of the server: {found['memory_mb']} MB after the first minute, "
        f"{found['memory_at_the_end_mb']} at the end, {found['memory_most_mb']} at its peak; "
        f"at the end at most {FLAT:g} times: {judged(found['flat'])}",
        f"  slowest page: {found['slowest']}; seconds of the server, 95 % below:",
    ]
    lines += [
        f"    {name:8s} {r['p95_seconds']:6.2f} ({r['asked']} asked)"
        for name, r in found["pages"].items()
    ]
    lines.append(
        f"  in the browsers, to the last word, 95 % of {found['browser_pages']} pages below: "
        f"{found['browser_p95_seconds']} s"
    )
    return "\n".join(lines)
