"""axe-core, the accessibility checker, finds nothing serious on any page in either theme; on
a phone everything is large enough for a finger and nothing scrolls sideways."""

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from psm_viz.paths import ROOT, STUDY
from tests.ui.test_browser import settle, started

pytestmark = pytest.mark.browser
PAGES = re.findall(r'"pages/\w+/(\w+)\.py"', (ROOT / "app.py").read_text("utf-8"))
"""Every page of app.py by the name of its file."""
GRAVE = {"serious", "critical"}
OTHERS = {
    r"svg-img-alt \.area_brush": "Vega draws a marked area as two rectangles and lets nobody name "
    "them; what lies in the area stands in a table, under a heading that counts it.",
}
"""What neither a page nor a chart of ours can change: `rule target` as a regular expression, and
the reason."""


def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical, one line an element."""
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


SMALL = """() => [...document.querySelectorAll(
  "[data-testid=stMain] :is(button, a, input)"
)].filter(e => e.offsetParent && e.getAttribute("type") !== "checkbox").map(e => {
  const b = e.getBoundingClientRect();
  return [e.tagName, e.innerText || e.ariaLabel || "", Math.round(b.width), Math.round(b.height)];
}).filter(([, , w, h]) => w > 1 && (w < 44 || h < 44))"""
"""What answers to a finger and is smaller than 44 pixels."""


@pytest.fixture(scope="module")
def url():
    """The address of the shipped study, which has everything a page can show."""
    with started(STUDY) as (address, _):
        yield address


def shown(
    browser: Browser, url: str, name: str, theme: Literal["light", "dark"], size: tuple[int, int]
) -> Page:
    """A page once its script has run; the map is the front page."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    page.goto(url + ("/" if name == "map" else f"/{name}"))
    page.wait_for_selector("h2, h3, iframe", timeout=30_000)
    settle(page)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(url, browser, name, theme):
    page = shown(browser, url, name, theme, (1280, 720))
    found = ours(violations(page))
    page.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_needs_no_fine_aim_and_no_sideways_scrolling(url, browser, name):
    page = shown(browser, url, name, "light", (390, 844))
    small, wide = page.evaluate(SMALL), page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert wide <= 390
    assert not small, small
