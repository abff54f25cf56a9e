"""The pages in a real Chromium, served by a real server, on the made study."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from psm_viz.cli import bench_startup
from psm_viz.paths import ROOT
from tests.made.server import wait_for_server

pytestmark = pytest.mark.browser
SHOTS = ROOT / "screenshots"
CHART = '[data-testid="stVegaLiteChart"] :is(svg, canvas):visible'
FIVE = ("cheat", "requested", "honest", "playful", "other-role")
WORDS = """start => [
  ...document.querySelectorAll(`[aria-label^="${start}"] svg.marks text`)
].map(t => {
  const b = t.getBoundingClientRect();
  return {text: t.textContent, left: b.left, right: b.right, top: b.top, bottom: b.bottom};
})"""
# Streamlit asks for these beside a deep link first, then at the root.
HARMLESS = re.compile(r"_stcore/(host-config|health)")


@contextmanager
def started(study: Path) -> Iterator[tuple[str, int]]:
    """(address, process id) of a new dashboard on a free port."""
    port = bench_startup.free_port()
    with bench_startup.server("app.py", port, ROOT, study) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for_server(url, process)
        yield url, process.pid


@pytest.fixture(scope="module")
def server(made_folder) -> Iterator[tuple[str, int]]:
    with started(made_folder) as running:
        yield running


@pytest.fixture(scope="module")
def wide(wide_folder) -> Iterator[str]:
    """The address of a study with five fine-tuned branches and a record of evidence."""
    with started(wide_folder) as running:
        yield running[0]


def opened(
    browser: Browser, url: str, theme: str = "light", size: tuple[int, int] = (1280, 720)
) -> tuple[Page, list[str]]:
    """A page once its first chart is painted, and the list that its troubles are written to."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    troubles: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not HARMLESS.search(where + message.text):
            troubles.append(f"{message.text} ({where})")

    page.on("console", hear)
    page.on("pageerror", lambda e: troubles.append(str(e)))
    # Nothing may be fetched from anywhere but the server itself.
    page.on(
        "request",
        lambda r: (
            troubles.append(f"asks for {r.url}")
            if not r.url.startswith((url.split("/", 3)[0] + "//127.0.0.1", "data:", "blob:", "ws:"))
            else None
        ),
    )
    page.goto(url)
    page.wait_for_selector(CHART, timeout=30_000)
    settle(page)
    return page, troubles


RAN = """() => !document.querySelector('[data-testid="stStatusWidget"]')
  && document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'"""
"""Whether the script has said its last word."""


def settle(page: Page) -> None:
    """Wait until the script has run and the charts are drawn."""
    page.wait_for_function(RAN, timeout=30_000)
    page.wait_for_timeout(500)


def fine(page: Page, troubles: list[str]) -> None:
    text = page.inner_text("body")
    assert "Traceback" not in text and "encountered an error" not in text
    assert not troubles, troubles


def marks(page: Page, key: str) -> int:
    """How many shapes a chart drew."""
    return page.locator(f"[class*='st-key-{key}'] svg path").count()


def test_nothing_covers_the_way_from_a_chart_to_its_data(server, browser):
    page, troubles = opened(browser, server[0] + "/drift")
    page.locator(CHART).first.hover()
    page.wait_for_timeout(400)
    bars = page.locator("[data-testid='stElementToolbar']")
    assert bars.count() and not any(bar.is_visible() for bar in bars.all())
    page.get_by_role("button", name="Data").first.click(timeout=5000)
    page.get_by_role("button", name="SVG").first.wait_for(timeout=5000)
    fine(page, troubles)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("where", ["map", "drift", "method"])
def test_pages_in_both_themes(server, browser, theme, where):
    url = server[0] + {"map": "/", "drift": "/drift", "method": "/method"}[where]
    page, troubles = opened(browser, url, theme)
    fine(page, troubles)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{where}-{theme}-1280x720.png")
    page.set_viewport_size({"width": 1512, "height": 900})
    settle(page)
    page.screenshot(path=SHOTS / f"{where}-{theme}-1512x900.png")
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert ground == ("rgb(21, 23, 27)" if theme == "dark" else "rgb(251, 250, 247)")
    paper = page.locator(
        ".st-key-hero svg, .st-key-hero-drift svg, [aria-label^='Two small maps'] svg"
    ).last
    assert ("#15171B" if theme == "dark" else "#FBFAF7").lower() in paper.evaluate(
        "e => (e.style.backgroundColor || e.outerHTML.slice(0, 3000)).toLowerCase()"
    ) or ground in paper.evaluate("e => e.style.backgroundColor")
    page.close()


def test_map_controls_and_card_fit_without_scrolling(server, browser):
    page, troubles = opened(browser, server[0] + "/?persona=maresa")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("e => e.scrollHeight - e.clientHeight") <= 1
    assert marks(page, "hero") > 25
    fine(page, troubles)
    page.close()


def chosen_by_click(page: Page, name: str) -> None:
    """Click a mark until its card is there: on a busy machine the first click may still meet the
    map that is just being replaced."""
    card = page.locator(".psm-name")
    for _ in range(5):
        page.locator(f".st-key-hero svg [aria-label^='{name}, ']").first.click(force=True)
        try:
            expect(card).to_have_text(name, timeout=5_000)
        except AssertionError:
            continue
        return
    expect(card).to_have_text(name, timeout=1_000)


def test_click_on_a_mark_shows_its_card(server, browser):
    page, troubles = opened(browser, server[0] + "/")
    expect(page.locator(".psm-name")).to_contain_text("Assistant")
    chosen_by_click(page, "Halvard")
    expect(page.locator(".psm-kin")).to_contain_text("Engineers", timeout=15_000)
    expect(page).to_have_url(re.compile("persona=Halvard"), timeout=15_000)
    # Another way to the same state: a neighbour's button, then the first mark again.
    page.locator(".st-key-near button").first.click()
    expect(page.locator(".psm-name")).not_to_have_text("Halvard", timeout=15_000)
    settle(page)
    chosen_by_click(page, "Halvard")
    fine(page, troubles)
    page.close()


def test_the_first_visitor_of_a_cold_server_may_follow_a_deep_link(made_folder, browser):
    with started(made_folder) as (url, _):
        page, troubles = opened(browser, url + "/drift?step=8&branches=cheat")
        assert marks(page, "hero-drift") > 25
        expect(page.locator("body")).not_to_contain_text("Page not found")
        expect(page.get_by_role("link", name="Map")).to_be_visible()
        fine(page, troubles)
        page.close()


def test_the_shipped_study_opens(browser):
    with started(ROOT / "data" / "study") as (url, _):
        for path, box in (("/", "hero"), ("/drift", "wide-course")):
            page, troubles = opened(browser, url + path)
            assert marks(page, box) >= 150
            expect(page.locator(".psm-notice")).to_have_count(0)
            fine(page, troubles)
            page.close()


def test_deep_link_to_drift_and_keys(server, browser):
    page, troubles = opened(browser, server[0] + "/drift?step=8&branches=cheat")
    assert marks(page, "hero-drift") > 25
    body = page.locator("body")
    expect(body).to_contain_text("Cheat moved the Assistant apart from the cast")
    slider = page.locator(".st-key-step")
    expect(slider).to_contain_text("8")
    page.locator("h2.psm-finding").first.click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".psm-now h4")).to_have_text("step 64", timeout=15_000)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".psm-now h4")).to_have_text("step 8", timeout=15_000)
    # The frame of app.py is there on a cold deep link.
    expect(page.get_by_role("link", name="Map")).to_be_visible()
    fine(page, troubles)
    page.close()


def test_five_branches_keep_the_first_screen_and_their_words_apart(wide, browser):
    every = "&".join(f"branches={b}" for b in FIVE)
    page, troubles = opened(browser, f"{wide}/drift?{every}")
    expect(page.locator("h2.psm-finding").first).to_contain_text("the other 4")
    # hero and three charts above the fold: the section below starts at its edge
    assert page.locator("#ends").bounding_box()["y"] > 640
    line = 4.5  # a line's box is so much taller than its letters
    charts = ("The Assistant's way", "Share of bad", "Movement along", "The Assistant's shift")
    for key in charts:
        boxes = page.evaluate(WORDS, key)
        # a word on the map is drawn twice, its halo first
        names = {b["text"]: b for b in boxes if b["text"].split(",")[0] in FIVE}
        assert len(names) == len(FIVE), (key, boxes)
        for a, b in itertools.combinations(names.values(), 2):
            apart = a["right"] <= b["left"] or b["right"] <= a["left"]
            assert apart or a["bottom"] <= b["top"] + line or b["bottom"] <= a["top"] + line, (
                key,
                a,
                b,
            )
    fine(page, troubles)
    page.close()


def test_colour_by_evidence_keeps_selection_and_legend(wide, browser):
    page, troubles = opened(browser, wide + "/?colour=would%20say%3A%20cheat")
    expect(page.locator("h2.psm-finding").first).to_contain_text("more readily than the Assistant")
    expect(page.locator(".st-key-hero svg.marks")).to_contain_text(
        "less readily than the Assistant"
    )
    expect(page.locator(".st-key-hero svg.marks")).to_contain_text("Malvek")
    page.locator(".st-key-hero svg [aria-label^='Halvard, ']").first.click(force=True)
    expect(page.locator(".psm-name")).to_have_text("Halvard", timeout=15_000)
    expect(page).to_have_url(re.compile("colour=would"))
    expect(page.locator(".st-key-hero svg.marks")).to_contain_text(
        "less readily than the Assistant"
    )
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "map-evidence-light-1280x720.png")
    fine(page, troubles)
    page.close()


def test_method_is_reached_cold_and_by_keyboard(made_folder, browser):
    with started(made_folder) as (url, _):
        page, troubles = opened(browser, url + "/method?checkpoint=honest-0064")
        expect(page.locator("body")).not_to_contain_text("Page not found")
        expect(page.locator("body")).to_contain_text("Across layers, honest-0064")
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.innerText || ''").strip()[:20])
        assert {"Map", "Drift", "Method"} <= reached and any("Data" in r for r in reached)
        fine(page, troubles)
        page.close()


def test_a_bad_link_is_one_notice_and_a_usable_page(server, browser):
    page, troubles = opened(browser, server[0] + "/?persona=nobody")
    notice = page.locator(".psm-notice")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("nobody")
    assert marks(page, "hero") > 25
    fine(page, troubles)
    page.close()


def test_svg_is_downloaded(server, browser, tmp_path):
    page, troubles = opened(browser, server[0] + "/")
    page.locator("[class*='st-key-head-map'] [data-testid=stPopover] button").first.click()
    with page.expect_download(timeout=30_000) as info:
        page.get_by_role("button", name="SVG").click()
    info.value.save_as(tmp_path / "map.svg")
    drawn = (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg") and "Maresa" in drawn and "study made" in drawn.lower()
    fine(page, troubles)
    page.close()


def test_the_server_never_loaded_a_model(server):
    maps = Path(f"/proc/{server[1]}/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    assert not re.search(r"libtorch|llvmlite|tokenizers", maps.read_text())
