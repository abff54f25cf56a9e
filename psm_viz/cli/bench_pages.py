"""Speed of every page: from a server's start, once the server is warm, until the page has said its
last word, and what it asks of the server; figures beside those of a bare Streamlit chart page."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from typing import IO, Any

from psm_viz.charts.choices import checkpoints
from psm_viz.cli.bench_startup import (
    BARE,
    CHROMIUM_FLAGS,
    PAINTED,
    chromium,
    free_port,
    open_page,
    processor,
    server,
)
from psm_viz.cli.bench_wire import visiting
from psm_viz.errors import UnknownName
from psm_viz.paths import ROOT
from psm_viz.study.reader import Study, open_study

PAGES = ("map", "drift", "compare", "search", "cast", "story", "claims", "method", "export")
FIGURELESS = ("story", "export")
"""Pages that open without a chart of their own: their first figure is their last word."""
MORE = 5
"""Times as many rounds in a warm server, which take seconds, as from its start."""
COLD, WARM, SETTLED = 2.0, 1.5, 2.0
"""The bars: times of a bare page's first figure, cold and warm; times of a page's own first."""
SETTLING = ("drift", "method")
"""The pages that the last bar is for; it is told of every page."""
QUIET = 1500
"""Milliseconds without a change after which a page has said its last word."""
# When the first chart is painted, and when anything on the page last changed.
WATCH = f"""(() => {{
  const painted = {PAINTED};
  window.psm = {{first: null, last: 0}};
  const kept = {{childList: true, subtree: true, characterData: true, attributes: true,
                attributeFilter: ['width', 'height', 'd', 'transform']}};
  const inMain = t => (t.nodeType === 1 ? t : t.parentElement)?.closest('[data-testid=stMain]');
  new MutationObserver(seen => {{
    if (seen.some(one => inMain(one.target))) window.psm.last = performance.now();
  }}).observe(document, kept);
  const look = () => {{
    if (painted()) window.psm.first = performance.now(); else setTimeout(look, 20);
  }};
  look();
}})()"""
# The script has run, and nothing has changed for a while since.
SETTLE = """([quiet, figure]) => {
  const app = document.querySelector('[data-testid=stApp]');
  return window.psm.last && app?.dataset.testScriptState === 'notRunning'
    && (!figure || window.psm.first) && performance.now() - window.psm.last > quiet;
}"""


@dataclass
class Measured:
    """What was measured of one page, a value a round; seconds."""

    cold: list[float] = field(default_factory=list)
    cold_bare: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_bare: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    again: list[tuple[float, float]] = field(default_factory=list)
    """Of the server, by the clock and in processor time: the page that was just shown."""
    other: list[tuple[float, float]] = field(default_factory=list)
    """The same of a choice that nobody has made before."""
    kilobytes: float = 0.0


def pages(study: Path, repeats: int = 3, only: Sequence[str] = ()) -> dict[str, Any]:
    """Every page of the dashboard on a study, or `only` some, so many rounds, each beside a bare
    chart page that was opened just before. A warm page was opened before by somebody else.

    Raises UnknownName for a page that there is not.
    """
    from playwright.sync_api import sync_playwright

    for name in only:
        if name not in PAGES:
            raise UnknownName(f"There is no page {name!r}.", f"Pages: {', '.join(PAGES)}")
    found, opened = {name: Measured() for name in only or PAGES}, open_study(study)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        bare = Path(folder)
        (bare / "bare.py").write_text(BARE % len(opened.cast.personas))
        browser = p.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for name in [*found] * repeats:
            found[name].cold_bare.append(_from_start(browser, "bare.py", bare, study, "map"))
            found[name].cold.append(_from_start(browser, "app.py", ROOT, study, name))
        with served("bare.py", bare, study) as beside, served("app.py", ROOT, study) as own:
            _warm(browser, found, beside[0], own[0], MORE * repeats)
            _asked(found, *own, opened, repeats)
        browser.close()
    return {"repeats": repeats, "pages": {name: _told(one) for name, one in found.items()}}


def path_of(name: str) -> str:
    """Where the dashboard serves a page."""
    return "" if name == "map" else name


@contextmanager
def served(
    script: str, cwd: Path, study: Path, log: IO[bytes] | int = DEVNULL
) -> Iterator[tuple[int, int]]:
    """A server that answers: its port and its process."""
    port = free_port()
    with server(script, port, cwd, study, log) as process:
        until = time.monotonic() + 90
        while True:
            try:
                with visiting(port):
                    break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield port, process.pid


def _from_start(browser: Any, script: str, cwd: Path, study: Path, name: str) -> float:
    """Seconds from the start of a server to a page's first figure, in a browser that knows nothing
    of it."""
    began, port = time.monotonic(), free_port()
    with server(script, port, cwd, study):
        page = browser.new_page()
        page.add_init_script(WATCH)
        open_page(page, f"http://127.0.0.1:{port}/{path_of(name)}", began + 90)
        opened = time.monotonic() - page.evaluate("performance.now()") / 1000
        first, _ = settle(page, name)
        page.close()
    return opened - began + first


def settle(page: Any, name: str) -> tuple[float, float]:
    """Wait for the last word of a page that is being opened: seconds to its first figure and to its
    last word. `WATCH` must have been put into it."""
    page.wait_for_function(SETTLE, arg=[QUIET, name not in FIGURELESS], timeout=120_000)
    first, last = page.evaluate("[window.psm.first ?? window.psm.last, window.psm.last]")
    return first / 1000, max(first, last) / 1000  # a canvas is painted without a change of the page


def _warm(browser: Any, found: dict[str, Measured], beside: int, own: int, rounds: int) -> None:
    """First figures and last words of pages in one browser, whose files it knows."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script(WATCH)

    def opened(port: int, name: str) -> tuple[float, float]:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/{path_of(name)}")
        times = settle(page, name)
        page.close()
        return times

    opened(beside, "map")
    for name in found:
        opened(own, name)
    for name in [*found] * rounds:
        found[name].first_bare.append(opened(beside, "map")[0])
        first, last = opened(own, name)
        found[name].first.append(first)
        found[name].settled.append(last)
    context.close()


def _asked(found: dict[str, Measured], port: int, pid: int, study: Study, repeats: int) -> None:
    """What pages ask of the server, without a browser."""
    for name in found:
        with visiting(port) as visitor:
            visitor.ask(path_of(name))
            for _ in range(repeats + 2):
                before = processor(pid)
                page = visitor.ask(path_of(name))
                found[name].again.append((page.seconds, processor(pid) - before))
                found[name].kilobytes = page.size / 1000
        for query in queries(study, name)[:repeats]:
            with visiting(port) as visitor:
                visitor.ask("export")  # the session's own beginning is not the page's
                before = processor(pid)
                page = visitor.ask(path_of(name), query)
                found[name].other.append((page.seconds, processor(pid) - before))


def queries(study: Study, name: str) -> list[str]:
    """Choices on a page that it does not open with; none for pages without any."""
    m = study.manifest
    drawn = [c for c in checkpoints(study) if c != m.reference]
    said = study.responses(m.reference)["text"].astype(str).iloc[:: max(1, len(study.questions))]
    words = [max(text.split(), key=len).strip(".,;:!?'\"").lower() for text in said[:40]]
    chosen = {
        "map": [f"persona={p.id}" for p in study.cast.personas],
        "drift": [f"branches={b}" for b in m.fine_tuned],
        "compare": [f"second={c}" for c in drawn],
        "search": [f"words={w}" for w in dict.fromkeys(words) if w.isalpha()],
        "cast": [f"checkpoint={c}" for c in drawn],
        "method": [f"checkpoint={c}" for c in drawn],
    }
    return chosen.get(name, [])


def _told(one: Measured) -> dict[str, Any]:
    """Medians, and medians of the ratios of each round."""

    def ratio(these: list[float], those: list[float]) -> float:
        return round(statistics.median(a / b for a, b in zip(these, those, strict=True)), 2)

    def spent(both: list[tuple[float, float]]) -> dict[str, float] | None:
        if not both:
            return None
        clock, busy = (statistics.median(values) for values in zip(*both, strict=True))
        return {"seconds": round(clock, 3), "processor_seconds": round(busy, 3)}

    return {
        "cold_seconds": round(statistics.median(one.cold), 2),
        "cold_ratio": ratio(one.cold, one.cold_bare),
        "first_seconds": round(statistics.median(one.first), 2),
        "first_ratio": ratio(one.first, one.first_bare),
        "settled_seconds": round(statistics.median(one.settled), 2),
        "settled_ratio": ratio(one.settled, one.first),
        "server_again": spent(one.again),
        "server_other": spent(one.other),
        "kilobytes": round(one.kilobytes),
    }


def as_text(found: dict[str, Any]) -> str:
    """The figures as a table, the bars that are missed, and what takes longest."""
    rows = found["pages"]
    lines = [
        f"Pages, median of {found['repeats']} rounds ({MORE * found['repeats']} in a warm server), "
        "each beside a bare Streamlit chart page: seconds",
        "to the first figure from the server's start (cold) and in a warm server, until the last "
        "word, and of the server for the page again",
        "and for a choice that nobody made before (by the clock; in processor time)",
        f"{'':8s} {'cold':>5s} {'x bare':>6s} {'warm':>6s} {'x bare':>6s} {'settled':>8s} "
        f"{'x first':>7s} {'again':>13s} {'other':>13s} {'kB':>6s}",
    ]
    for name, r in rows.items():
        lines.append(
            f"{name:8s} {r['cold_seconds']:5.2f} {r['cold_ratio']:6.2f} {r['first_seconds']:6.2f} "
            f"{r['first_ratio']:6.2f} {r['settled_seconds']:8.2f} {r['settled_ratio']:7.2f} "
            f"{_both(r['server_again']):>13s} {_both(r['server_other']):>13s} {r['kilobytes']:6d}"
        )
    bars = (
        ("cold first figure", "cold_ratio", COLD, rows),
        ("warm first figure", "first_ratio", WARM, rows),
        ("settled", "settled_ratio", SETTLED, [name for name in SETTLING if name in rows]),
    )
    for what, key, bar, of in bars:
        missed = [f"{name} ({rows[name][key]})" for name in of if rows[name][key] > bar]
        lines.append(
            f"{what} at most {bar} times: {'missed by ' if missed else 'met'}" + ", ".join(missed)
        )
    slow = max(rows, key=lambda name: rows[name]["server_again"]["processor_seconds"])
    late = max(rows, key=lambda name: rows[name]["settled_seconds"])
    lines.append(f"Most of the server: {slow}; last to settle: {late}.")
    return "\n".join(lines)


def _both(spent: dict[str, float] | None) -> str:
    return "" if spent is None else f"{spent['seconds']:.2f}; {spent['processor_seconds']:.2f}"
