"""The Drift page's talks in a real Chromium: the slider moves them without the server."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.test_browser import fine, opened, started

pytestmark = pytest.mark.browser
COUNT = """() => {
  window.sent = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) { window.sent += 1; return send.call(this, data); };
}"""
SCRUB = """async share => {
  const slider = document.querySelector('.vega-bind input');
  slider.value = share * Number(slider.max);
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const inside = document.querySelector('[class*=st-key-wide] svg.marks');
  return {
    words: [...inside.querySelectorAll('text')].map(t => t.textContent),
    dots: [...inside.querySelectorAll('path[transform]')].map(d => d.getAttribute('transform')),
    title: document.querySelector('h2.psm-finding').textContent,
  };
}"""


def test_the_slider_moves_every_column_and_asks_no_server(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/drift?branches=cheat&branches=honest")
        page.wait_for_selector(".vega-bind input")
        page.evaluate(COUNT)
        end, start, between = (page.evaluate(SCRUB, share) for share in (1.0, 0.0, 0.75))
        assert page.evaluate("window.sent") == 0
        assert end["words"].count("step 64, its last") == 2
        assert start["words"].count("step 0") == 2
        assert "between 8 and 64" in between["words"]
        assert "\N{BALLOT X} bad answer" in end["words"]
        assert "\N{BALLOT X} bad answer" not in start["words"]
        assert end["dots"] != between["dots"] != start["dots"]
        assert end["title"] == start["title"] and "After 64 steps of cheat" in end["title"]
        page.locator(".st-key-details label").first.click()
        expect(page.locator("body")).to_contain_text("apart from the cast", timeout=30_000)
        assert page.evaluate("window.sent") > 0  # what does ask the server is counted
        fine(page, troubles)
        page.close()


def test_the_story_fits_a_laptop_and_nothing_is_cut_on_a_phone(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/drift", theme="dark")
        page.wait_for_selector(".vega-bind input")
        box = page.locator("[class*=st-key-wide] svg.marks").bounding_box()
        assert box["y"] + box["height"] <= 720
        fine(page, troubles)
        page.close()
        page, troubles = opened(browser, url + "/drift", size=(390, 844))
        box = page.locator("[class*=st-key-narrow]")
        slider = box.locator(".vega-bind input")
        expect(slider).to_be_visible()
        expect(page.locator("[class*=st-key-wide-talks]")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        # columns stand under each other, and the slider stays in sight down to the last
        steps = box.locator("svg.marks text", has_text=re.compile("^step 64"))
        expect(steps).to_have_count(3)
        steps.last.scroll_into_view_if_needed()
        top = slider.bounding_box()["y"]
        assert 0 < top < steps.last.bounding_box()["y"] < 844
        slider.evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
        expect(box.locator("svg.marks text", has_text=re.compile("^step 0$"))).to_have_count(3)
        fine(page, troubles)
        page.close()


def test_the_step_of_a_link_is_there_after_another_page(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/drift?step=8")
        for _ in range(2):
            expect(page.locator("body")).to_contain_text("the belief that")
            expect(page.get_by_role("slider", name="Training step").first).to_have_value("1")
            assert "step=8" in page.url
            page.get_by_role("link", name="Map", exact=True).click()
            expect(page.locator("body")).to_contain_text("The Assistant talks as")
            page.get_by_role("link", name="Drift").click()
        expect(page.get_by_role("slider", name="Training step").first).to_have_value("1")
        assert "step=8" in page.url
        fine(page, troubles)
        page.close()


def test_what_was_chosen_on_one_page_is_there_after_another(talk_study, browser):
    with started(talk_study.folder) as (url, _):
        page, troubles = opened(browser, url + "/?persona=quorl&checkpoint=cheat-0064")
        expect(page.locator("body")).to_contain_text("Quorl")
        page.get_by_role("link", name="Drift").click()
        expect(page.locator("body")).to_contain_text("the belief that")
        page.get_by_role("link", name="Map", exact=True).click()
        expect(page.locator(".psm-name")).to_have_text("Quorl")
        expect(page.locator("body")).to_contain_text("after 64 steps of cheat")
        fine(page, troubles)
        page.close()
