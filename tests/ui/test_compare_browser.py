"""Compare in a real Chromium: what is pointed at on one map is lit on both, a click is read."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.test_browser import fine, opened, started

pytestmark = pytest.mark.browser
NAMED = """label => [...document.querySelectorAll('[class*="st-key-wide-map"] svg.marks text')]
  .filter(t => t.textContent === label).length"""


def test_pointing_lights_both_maps_and_a_click_is_read(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/compare")
        for label in ("Halvard", "Talk 7 of the Assistant"):
            marks = page.locator(f"[class*='st-key-wide-map'] svg [aria-label^='{label}']")
            expect(marks).to_have_count(2)
            before = page.evaluate(NAMED, label)
            marks.first.dispatch_event("pointerover")
            page.wait_for_timeout(400)
            # a word with its edge of paper on each of the two maps
            assert page.evaluate(NAMED, label) == before + 4
            marks.first.dispatch_event("pointerout")
            page.wait_for_timeout(400)
            assert page.evaluate(NAMED, label) == before
        mark = page.locator("[class*='st-key-wide-map'] svg [aria-label^='Halvard']").last
        mark.click(force=True)
        # marks lie on each other: whoever was on top is the one that is read
        expect(page).to_have_url(re.compile(r"persona=[\w-]+"), timeout=15_000)
        name = re.search(r"persona=([\w-]+)", page.url).group(1)
        expect(page.locator(".psm-both caption")).to_contain_text(f"{name}:")
        fine(page, troubles)
        page.close()


def test_on_a_phone_the_maps_stand_under_each_other_and_stay_linked(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/compare", theme="dark", size=(390, 844))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        expect(page.locator("[class*='st-key-wide-map']")).to_be_hidden()
        box = page.locator("[class*='st-key-narrow-map']")
        assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        marks = box.locator("svg [aria-label^='Halvard, ']")
        expect(marks).to_have_count(2)
        upper, lower = (marks.nth(n).bounding_box() for n in (0, 1))
        assert lower["y"] - upper["y"] > 200 and abs(lower["x"] - upper["x"]) < 2
        words = box.locator("svg.marks text", has_text=re.compile("^Halvard$"))
        before = words.count()
        marks.first.dispatch_event("pointerover")
        expect(words).to_have_count(before + 4)  # a word with its edge of paper on each map
        marks.first.dispatch_event("pointerout")
        marks.last.click(force=True)
        expect(page).to_have_url(re.compile(r"persona=[\w-]+"), timeout=15_000)
        fine(page, troubles)
        page.close()
