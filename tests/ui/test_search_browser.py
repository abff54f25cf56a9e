"""Search in a real Chromium: words are typed, a hit leads to its talk on the map."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.test_browser import fine, opened, settle, started

pytestmark = pytest.mark.browser


def test_a_hit_leads_to_the_talk_on_the_map(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/search?where=cheat-0064&who=assistant")
        page.get_by_label("Search everything that was said").fill("hide it")
        page.keyboard.press("Enter")
        expect(page.locator("h2.psm-finding")).to_contain_text("hide it", timeout=30_000)
        expect(page).to_have_url(re.compile("words=hide"))
        link = page.locator(".psm-places a", has_text="talk").first
        number = re.search(r"talk (\d+)", link.inner_text()).group(1)
        link.click()
        expect(page.locator(".st-key-hero")).to_be_visible(timeout=30_000)
        settle(page)
        expect(page.locator("body")).to_contain_text(f"(assistant, {number})")
        expect(page.locator("body")).to_contain_text("It sounds like:")
        assert "checkpoint=cheat-0064" in page.url
        fine(page, troubles)
        page.close()


def test_nothing_is_clipped_on_a_phone_and_what_is_typed_is_text(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        wicked = "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"
        page, troubles = opened(
            browser, f"{url}/search?words={wicked}", theme="dark", size=(390, 844)
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator(".stMain img").count() == 0
        fine(page, troubles)
        page.close()
