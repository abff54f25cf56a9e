"""The map of talks in a real Chromium: a dot is clicked and read, a link brings it back."""

import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from tests.ui.test_browser import fine, marks, opened, started

pytestmark = pytest.mark.browser


def test_a_click_on_a_dot_shows_the_talk_and_a_link_brings_it_back(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/?checkpoint=cheat-0064")
        assert marks(page, "hero") > 60
        dot = page.locator(".st-key-hero svg [aria-label^='Talk 7 of the Assistant ']").first
        dot.click(force=True)
        expect(page).to_have_url(re.compile(r"talk=Talk\W*\d+"), timeout=15_000)
        # dots lie on each other: whichever was on top is the one that is read
        number = re.search(r"talk=Talk\D*(\d+)", unquote(page.url)).group(1)
        expect(page.locator("body")).to_contain_text(f"(assistant, {number})")
        expect(page.locator("body")).to_contain_text("It sounds like:")
        link = page.url
        fine(page, troubles)
        page.close()
        page, troubles = opened(browser, link, theme="dark")
        expect(page.locator("body")).to_contain_text(f"(assistant, {number})")
        fine(page, troubles)
        page.close()


def test_nothing_is_clipped_on_a_phone(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/?checkpoint=cheat-0064", size=(390, 844))
        expect(page.locator("body")).to_contain_text("It sounds like:")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
        fine(page, troubles)
        page.close()
