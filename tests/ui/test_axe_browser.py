"""axe-core, the accessibility checker, finds nothing serious on any page in either theme; on
a phone everything is large enough for a finger and nothing scrolls sideways."""

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page

from psm_viz.paths import ROOT, STUDY
from tests.ui.test_browser import settle, started

pytestmark = [pytest.mark.browser, pytest.mark.long]
PAGES = re.findall(r'"pages/\w+/(\w+)\.py"', (ROOT / "app.py").read_text("utf-8"))
"""Every page of app.py by the name of its file."""
GRAVE = {"serious", "critical"}
OTHERS = {
    r"svg-img-alt \.area_brush": "Vega draws a marked area as two rectangles and lets nobody name "
    "them; what lies in the area stands in a table, under a heading that counts it.",
}
"""What neither a page nor a chart of ours can change: `rule target` as a regular expression, and
the reason."""


def violations(page: Page | Frame) -> list[str]:
    """What axe-core calls serious or critical, one line an element; of a page without its frames,
    or of one frame."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']} {' '.join(map(str, node['target']))}: {v['help']} {node['html'][:160]}"
        for v in found
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]


def ours(lines: list[str]) -> list[str]:
    """Those that can be mended here."""
    return [line for line in lines if not any(re.match(rule, line) for rule in OTHERS)]


DEEPER = (
    "/?unit=means&persona=maresa",
    "/drift?details=true",
    "/compare?moved=personas&persona=maresa",
    "/search?words=hide",
    "/cast?leaves=personas",
    "/export?view=map",
)
"""Links that show what a page has beside what it opens with."""
SMALL = """() => [...document.querySelectorAll(
  ":is([data-testid=stMain], [data-testid=stPopoverBody]) :is(button, a, input)"
)].filter(e => e.offsetParent && e.getAttribute("type") !== "checkbox").map(e => {
  const b = e.getBoundingClientRect();
  return [e.tagName, e.innerText || e.ariaLabel || "", Math.round(b.width), Math.round(b.height)];
}).filter(([, , w, h]) => w > 1 && (w < 44 || h < 44))"""
"""What answers to a finger and is smaller than 44 pixels."""


WIDE = "document.documentElement.scrollWidth"


def at(name: str) -> str:
    """The address of a page; the map is the front page."""
    return "/" if name == "map" else f"/{name}"


@pytest.fixture(scope="module")
def url():
    """The address of the shipped study, which has everything a page can show."""
    with started(STUDY) as (address, _):
        yield address


def shown(
    browser: Browser, url: str, link: str, theme: Literal["light", "dark"], size: tuple[int, int]
) -> Page:
    """A page once its script has run."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    page.goto(url + link)
    page.wait_for_selector("h2, h3, iframe", timeout=30_000)
    settle(page)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(url, browser, name, theme):
    page = shown(browser, url, at(name), theme, (1280, 720))
    looked = [violations(frame) for frame in page.frames if frame.url != "about:blank"]
    found = ours([line for lines in looked for line in lines])
    assert len(looked) == (2 if name == "story" else 1)
    page.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("link", [*map(at, PAGES), *DEEPER])
def test_a_phone_needs_no_fine_aim_and_no_sideways_scrolling(url, browser, link):
    page = shown(browser, url, link, "light", (390, 844))
    found = [(page.evaluate(SMALL), page.evaluate(WIDE))]
    for name in ("More", "Data"):  # what opens over the page is for fingers too
        button = page.locator("[data-testid=stPopover] button", has_text=name)
        button = button.locator("visible=true")
        if button.count():
            button.first.click()
            page.locator("[data-testid=stPopoverBody]").wait_for()
            page.wait_for_timeout(300)
            found.append((page.evaluate(SMALL), page.evaluate(WIDE)))
            page.keyboard.press("Escape")
            page.wait_for_timeout(300)
    page.close()
    for small, wide in found:
        assert wide <= 390
        assert not small, small
