"""A story in a real Chromium: as one file with the network off, and as a page of the dashboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from psm_viz.charts.story_player import player_html
from psm_viz.paths import STORIES
from psm_viz.study.formats.stories import read_story
from psm_viz.study.reader import open_study
from psm_viz.study.stories import study_folder
from tests.made.stories import STORY, told, written
from tests.ui.test_axe_browser import ours, violations
from tests.ui.test_browser import started

pytestmark = pytest.mark.browser
SHOWN = ".step:not([hidden])"
SMALL = """() => {
  const seen = e => e.checkVisibility() && !e.closest('.heard');
  const words = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const body = [...document.querySelectorAll('.say *, .quotes *, .ask *')]
    .filter(e => seen(e) && words(e) && !e.matches('.quiet, kbd'))
    .map(e => parseFloat(getComputedStyle(e).fontSize));
  const drawn = [...document.querySelectorAll('.step:not([hidden]) svg text')]
    .filter(e => e.textContent.trim() && e.getAttribute('opacity') !== '0')
    .map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a);
  const rest = [...document.querySelectorAll('figcaption, .quiet, .scrub, .quote header')]
    .filter(seen).map(e => parseFloat(getComputedStyle(e).fontSize));
  return {body: Math.min(...body), drawn: Math.min(1e3, ...drawn), rest: Math.min(...rest)};
}"""
CUT = """() => [...document.querySelectorAll('.step:not([hidden]) > *')]
  .filter(e => e.checkVisibility() && e.scrollHeight > e.clientHeight + 2).map(e => e.className)"""


FINGER = """() => [...document.querySelectorAll('button, input')].filter(e => e.checkVisibility())
  .map(e => [e.innerText || e.ariaLabel, e.getBoundingClientRect()])
  .filter(([, b]) => b.width < 44 || b.height < 44).map(([name, b]) => [name, b.width, b.height])"""


@pytest.fixture(scope="module")
def made_page(talk_study, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stories") / "talk.html"
    path.write_text(player_html(told(talk_study)), encoding="utf-8")
    return path


@pytest.fixture
def offline(browser, made_page) -> Iterator[tuple[Page, list[str]]]:
    """The file with the network off, and what troubled it."""
    page, troubles = opened(browser, made_page)
    yield page, troubles
    page.context.close()
    assert not troubles


def opened(browser: Any, path: Path, size=(1920, 1080), theme="light") -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_offline(True)
    page, troubles = context.new_page(), []
    page.on("pageerror", lambda e: troubles.append(str(e)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    url = path.as_uri()
    page.on("request", lambda r: None if r.url.split("#")[0] == url else troubles.append(r.url))
    page.goto(url)
    return page, troubles


def title(page: Page) -> Any:
    return page.locator(f"{SHOWN} h1:visible")


def test_keys_clicker_and_dots_go_from_step_to_step(offline):
    page, _ = offline
    expect(title(page)).to_have_text("In the beginning")
    for key, count in (
        *(("ArrowRight", "2 / 6"), ("PageDown", "3 / 6"), ("PageUp", "2 / 6")),
        *(("ArrowLeft", "1 / 6"), ("End", "6 / 6"), ("ArrowRight", "6 / 6"), ("Home", "1 / 6")),
    ):
        page.keyboard.press(key)
        expect(page.locator("#count")).to_have_text(count)
    page.get_by_role("button", name="Step 2").click()
    expect(title(page)).to_have_text("Where the talks lie")
    expect(page.locator("#dots button[aria-current=step]")).to_have_count(1)
    expect(page.locator(f"{SHOWN} .chart svg.marks")).to_be_visible()
    expect(page.locator(f"{SHOWN} .talk")).to_contain_text("(assistant, 7)")
    page.locator("#next").click()
    expect(page.locator(f"{SHOWN} .quote")).to_have_count(2)
    page.reload()
    expect(page.locator("#count")).to_have_text("3 / 6")


def test_a_question_stands_before_what_happened(offline):
    page, _ = offline
    page.get_by_role("button", name="Step 4").click()
    expect(title(page)).to_have_text("How many are bad?")
    expect(page.locator(f"{SHOWN} .chart")).to_be_hidden()
    expect(page.get_by_text("Bad answers on other topics")).to_be_hidden()
    page.get_by_role("button", name="Hardly any").click()
    expect(title(page)).to_have_text("Bad answers on other topics")
    expect(page.locator(f"{SHOWN} .guess")).to_contain_text("You said: Hardly any")
    expect(page.locator(f"{SHOWN} .guess")).to_contain_text("It is: Many")
    expect(page.locator(f"{SHOWN} .chart svg.marks")).to_be_visible()
    page.keyboard.press("PageDown")
    page.keyboard.press("PageUp")
    expect(title(page)).to_have_text("Bad answers on other topics")
    # a clicker has no numbers: it shows what happened without a guess
    page.reload()
    expect(title(page)).to_have_text("How many are bad?")
    page.keyboard.press("PageDown")
    expect(page.locator(f"{SHOWN} .guess li")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("4 / 6")


def test_a_slider_moves_the_talks_and_plays(offline):
    page, _ = offline
    page.get_by_role("button", name="Step 5").click()
    svg = page.locator(f"{SHOWN} .chart svg.marks")
    expect(svg).to_contain_text("step 0")
    page.keyboard.press("ArrowUp")
    expect(page.locator(f"{SHOWN} .now")).to_have_text("step 8")
    expect(svg).to_contain_text("step 8")
    page.locator(f"{SHOWN} .scrub input").fill("1.5")
    expect(svg).to_contain_text("between 8 and 64")
    expect(page.locator("#count")).to_have_text("5 / 6")
    page.keyboard.press("PageDown")  # a clicker goes on, whatever has the focus
    expect(page.locator("#count")).to_have_text("6 / 6")
    page.keyboard.press("PageUp")
    page.locator(f"{SHOWN} .play").click()
    expect(page.locator(f"{SHOWN} .now")).to_have_text("step 64", timeout=15_000)
    expect(page.locator(f"{SHOWN} .play")).to_have_text("Play", timeout=15_000)


def test_the_speaker_has_notes_in_a_window_that_follows(offline):
    page, _ = offline
    with page.expect_popup() as popup:
        page.keyboard.press("n")
    notes = popup.value
    expect(notes.locator("body")).to_contain_text("Only the speaker reads this.")
    expect(notes.locator("body")).to_contain_text("Next: Where the talks lie")
    page.keyboard.press("PageDown")
    expect(notes.locator("h1")).to_have_text("Where the talks lie")
    expect(notes.locator("body")).to_contain_text("Talk 7 is ringed.")
    notes.keyboard.press("PageDown")
    expect(page.locator("#count")).to_have_text("3 / 6")
    notes.get_by_role("button", name="Next").click()
    expect(page.locator("#count")).to_have_text("4 / 6")
    expect(notes.locator("body")).to_contain_text("The room sees the question")
    expect(page.locator("body")).not_to_contain_text(
        "Only the speaker reads this.", use_inner_text=True
    )


def test_it_plays_by_itself_and_changes_its_theme(offline):
    page, _ = offline
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.keyboard.press("t")
    assert page.evaluate(paper) != light
    page.keyboard.press("a")
    expect(page.locator("#auto")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#count")).to_have_text("2 / 6", timeout=15_000)
    page.keyboard.press("a")
    page.keyboard.press("b")
    expect(page.locator(".blank")).to_be_visible()
    page.keyboard.press("b")
    expect(page.locator(".blank")).to_have_count(0)
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement !== null")


@pytest.mark.parametrize("name", ["cheating", "chat-model"])
def test_the_shipped_stories_can_be_read_from_the_back(browser, tmp_path, name):
    path, source = tmp_path / "talk.html", STORIES / f"{name}.yaml"
    study = open_study(study_folder(read_story(source)))
    shipped = told(study, source.read_text("utf-8"))
    path.write_text(player_html(shipped), encoding="utf-8")
    assert path.stat().st_size <= 5_000_000
    for size, theme in (((1920, 1080), "light"), ((1280, 720), "dark")):
        page, troubles = opened(browser, path, size, theme)
        for n in range(1, len(shipped.steps) + 1):
            page.get_by_role("button", name=f"Step {n}", exact=True).click()
            option = page.locator(f"{SHOWN} .options button")
            if option.count():
                option.first.click()
            if shipped.steps[n - 1].shown.build:
                expect(page.locator(f"{SHOWN} .chart svg.marks")).to_be_visible()
            found = page.evaluate(SMALL)
            assert min(found.values()) >= 24, (size, n, found)
            assert page.evaluate(CUT) == [], (size, n)
            assert ours(violations(page)) == [], (size, n)
        page.context.close()
        assert not troubles


def test_on_a_phone_a_finger_finds_everything_and_nothing_scrolls_sideways(browser, made_page):
    page, troubles = opened(browser, made_page, (390, 844))
    for n in range(1, 7):
        expect(page.locator("#count")).to_have_text(f"{n} / 6")
        assert page.evaluate(FINGER) == [], n
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        option = page.locator(f"{SHOWN} .options button")
        if option.count():
            option.first.click()
        if n < 6:
            page.get_by_role("button", name="Next").click()
    page.context.close()
    assert not troubles


def test_the_page_shows_the_stage_and_keys_reach_it(talk_study, browser, tmp_path, monkeypatch):
    written(tmp_path, STORY.replace("seconds: 3", f"study: {talk_study.folder.name}"))
    monkeypatch.setenv("PSM_VIZ_STORIES", str(tmp_path))
    with started(talk_study.folder) as (url, _):
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{url}/story")
        stage = page.frame_locator(".st-key-stage iframe")
        expect(stage.locator("#count")).to_have_text("1 / 6", timeout=90_000)
        page.keyboard.press("PageDown")
        expect(stage.locator("#count")).to_have_text("2 / 6")
        expect(stage.locator(f"{SHOWN} .chart svg.marks")).to_be_visible()
        sent = []
        page.on("websocket", lambda w: sent.append(w.url))
        page.on("request", lambda r: sent.append(r.url))
        for _ in range(4):
            page.keyboard.press("PageDown")
        expect(stage.locator("#count")).to_have_text("5 / 6")
        assert not sent  # no step asks the server for anything
        box = page.locator(".st-key-stage iframe").bounding_box()
        assert box["y"] + box["height"] <= 720 and box["height"] > 540
        expect(page.get_by_role("button", name="Handout")).to_be_attached()
        page.close()
