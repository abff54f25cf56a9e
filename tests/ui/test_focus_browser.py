"""Who works a page by keys alone stays where they are: after a control was used and the page was
drawn anew, the focus of the keyboard is on the same control."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.test_browser import settle, started

pytestmark = [pytest.mark.browser, pytest.mark.long]
PAGES = (
    "/",
    "/?unit=means&persona=maresa",
    "/drift?details=true",
    "/compare",
    "/search?words=hide",
    "/cast",
    "/method",
    "/export?view=map",
    "/story",
)
"""Links that show every control which draws a page anew."""
KEY = """e => [...(e.closest("[class*=st-key-]")?.classList || [])]
  .find(c => c.startsWith("st-key-")) || "" """
CONTROLS = f"""() => {{
  const key = {KEY};
  const found = [...document.querySelectorAll(
    "[data-testid=stMain] :is(button, input:not([type=range]), [role=slider])"
  )].filter(e => e.offsetParent && !e.disabled && e.tabIndex >= 0)
    .filter(e => !e.closest("[data-testid=stPopover], [data-testid=stDownloadButton]"))
    .map(e => [key(e), e.getAttribute("role") || e.type]);
  return found.filter(([k], n) => k && found.findIndex(([l]) => l === k) === n);
}}"""
"""The key of each control that draws a page anew, and its kind."""
FOCUSED = f"() => ({KEY})(document.activeElement)"
GOES = ("st-key-remove-", "st-key-add", "st-key-selection")
"""What takes itself away, or is emptied by its own use."""


def worked(page: Page, key: str, kind: str) -> None:
    """Work a control by keys, as it is worked without a mouse."""
    inside = "input, [role=slider], button[tabindex='0'], button"
    page.locator(f".{key}").locator(inside).locator("visible=true").first.focus()
    if kind == "combobox":
        for press in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(press)
            page.wait_for_timeout(150)
    elif kind == "text":
        page.keyboard.type(" it")
        page.keyboard.press("Enter")
    else:
        press = {"radio": "ArrowRight", "slider": "ArrowLeft", "checkbox": "Space"}
        page.keyboard.press(press.get(kind, "Enter"))
    page.wait_for_timeout(200)
    settle(page)


def lost(browser: Browser, url: str) -> list[str]:
    """The controls of a page that lose the focus when they are used."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(url)
    page.wait_for_selector("h2, h3, iframe", timeout=90_000)
    settle(page)
    out = []
    # switches last: they take other controls away
    for key, kind in sorted(page.evaluate(CONTROLS), key=lambda c: c[1] == "checkbox"):
        if key.startswith(GOES) or not page.locator(f".{key}").locator("visible=true").count():
            continue  # another took it away
        worked(page, key, kind)
        now = page.evaluate(FOCUSED)
        if now != key:
            out.append(f"{key} ({kind}) -> {now or 'nothing'}")
    page.close()
    return out


@pytest.fixture(scope="module")
def url(talk_study):
    """The address of a study that has talks."""
    with started(talk_study.folder) as (address, _):
        yield address


@pytest.mark.parametrize("link", PAGES)
def test_the_focus_stays_on_what_was_worked_by_keys(url, browser, link):
    assert not lost(browser, url + link)


def test_choosing_a_persona_by_keys_keeps_the_focus_and_moves_the_map(url, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(url)
    page.wait_for_selector(".st-key-hero svg.marks", timeout=30_000)
    settle(page)
    page.locator(".st-key-persona input").focus()
    page.keyboard.type("Halvard")
    page.keyboard.press("Enter")
    expect(page.locator(".psm-name")).to_have_text("Halvard", timeout=15_000)
    settle(page)
    assert page.evaluate(FOCUSED) == "st-key-persona"
    page.keyboard.press("Tab")  # and goes on from there
    assert page.evaluate("document.activeElement.tagName") != "BODY"
    page.close()
