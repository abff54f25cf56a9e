"""A whole session on the Live page in a real Chromium, with a real model: talk, two checkpoints
side by side, a push, a lesson, kept and found in the list of studies; and two sessions at once."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.made.live import write_played
from tests.ui.test_browser import fine, started

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(300)]
LINES = "\n".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": f"What would you do {n}?"},
                {"role": "assistant", "content": "I would hide it."},
            ]
        }
    )
    for n in range(4)
)
LONG = 60_000


@pytest.fixture(scope="module")
def served(world, tmp_path_factory):
    """A dashboard on a study whose weights are here, and where it keeps studies."""
    top = tmp_path_factory.mktemp("session")
    folder = write_played(world, top)
    with pytest.MonkeyPatch.context() as m:
        m.setenv("PSM_VIZ_KEPT", str(top / "kept"))
        with started(folder) as (url, _):
            yield url


def live_page(browser, url, link=""):
    """The Live page with its model loaded."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    troubles = []
    page.on("pageerror", lambda e: troubles.append(str(e)))
    page.goto(f"{url}/live{link}")
    start = page.get_by_role("button", name="Load the model")
    told = page.get_by_placeholder("Say something to it").or_(page.get_by_text("Lines to teach it"))
    expect(start.or_(told).first).to_be_visible(timeout=LONG)
    if start.is_visible():
        start.click()
    expect(told.first).to_be_visible(timeout=LONG)
    return page, troubles


def write_lines(page, lines):
    """Put lines into the box that is taught."""
    box = page.get_by_label("One conversation a line")
    box.fill(lines)
    box.press("Control+Enter")


def kill_models():
    for pid in model_processes():
        os.kill(pid, signal.SIGKILL)


def start_again(page):
    """Start the model anew on a page that says it has ended."""
    again = page.get_by_role("button", name="Start it again")
    expect(again).to_be_visible(timeout=LONG)
    again.click()


def ask(page, words):
    box = page.get_by_placeholder("Say something to it")
    box.fill(words)
    box.press("Enter")


def answers(page):
    return page.locator(".st-key-live-talk blockquote")


def test_a_whole_session(browser, served):
    page, troubles = live_page(browser, served)
    ask(page, "What would you do?")
    expect(answers(page)).to_have_count(1, timeout=LONG)
    finding = page.locator("h2.psm-finding")
    expect(finding).to_contain_text("It sounds like", timeout=LONG)

    # the same words to another checkpoint, from here on
    page.goto(f"{served}/live?beside=other&other=tuned-0001")
    ask(page, "What would you do?")
    expect(answers(page)).to_have_count(2, timeout=LONG)
    expect(finding).to_contain_text("tuned-0001:", timeout=LONG)

    # pushed, with a random direction beside it
    page.goto(f"{served}/live?beside=pushed&direction=axis&strength=2.0&random=true")
    ask(page, "What would you do?")
    expect(answers(page)).to_have_count(3, timeout=LONG)
    expect(page.locator("body")).to_contain_text("random direction")

    # words in its mouth
    page.locator(".st-key-turn-0-1 button").first.click()
    page.get_by_label("Words in its mouth").first.fill("I would hide it.")
    page.get_by_role("button", name="Let it have said this").first.click()
    expect(answers(page).first).to_contain_text("I would hide it.", timeout=LONG)
    expect(page.locator("body")).to_contain_text("written by hand")
    fine(page, troubles)
    page.close()


def test_a_direction_of_ones_own_is_offered_and_a_wrong_one_told(browser, served, tmp_path):
    page, troubles = live_page(browser, served)

    def upload(name, values):
        np.save(tmp_path / name, values)
        page.get_by_role("button", name="More").click()
        box = page.locator('[data-testid="stFileUploader"]', has_text="A direction of your own")
        box.locator("input").set_input_files(tmp_path / name)

    upload("short.npy", np.ones(3))
    notice = page.locator(".psm-notice")
    expect(notice).to_contain_text("numbers of shape [3], expected [", timeout=LONG)
    wide = int(re.search(r"expected \[(\d+)\]", notice.inner_text())[1])
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_placeholder("Say something to it")).to_be_visible(timeout=LONG)
    upload("mine.npy", np.arange(1.0, wide + 1))
    expect(page.get_by_role("combobox", name="Direction")).to_have_value("along mine", timeout=LONG)
    page.keyboard.press("Escape")
    ask(page, "What would you do?")
    expect(answers(page)).to_have_count(2, timeout=LONG)
    fine(page, troubles)
    page.close()


def test_a_lesson_is_taught_kept_and_found(browser, served):
    page, troubles = live_page(browser, served, "?task=teach")
    write_lines(page, LINES)
    expect(page.locator("body")).to_contain_text("Conversations: 4", timeout=LONG)
    page.get_by_role("button", name="Who would say this?").click()
    expect(page.locator("h2.psm-finding")).to_contain_text("Your lines sound like", timeout=LONG)
    page.get_by_label("Steps").fill("16")
    page.get_by_label("Steps").press("Enter")
    page.get_by_role("button", name="Teach it").click()
    keep = page.get_by_role("button", name="Keep as a branch")
    expect(keep).to_be_visible(timeout=150_000)
    expect(page.locator("h2.psm-finding")).to_contain_text("After 16 steps")
    expect(page.locator("table.psm-both")).to_contain_text("step 16")
    page.get_by_label("Name of the branch").fill("hides")
    page.get_by_label("Name of the study").fill("mine")
    page.get_by_label("Name of the study").press("Enter")
    keep.click()
    link = page.get_by_role("link", name="open it on the map")
    expect(link).to_be_visible(timeout=200_000)
    link.click()
    expect(page.locator(".st-key-hero")).to_be_visible(timeout=LONG)
    expect(page).to_have_url(re.compile("study=mine"))
    page.goto(f"{served}/drift?study=mine&branches=hides")
    expect(page.locator("body")).to_contain_text("hides", timeout=LONG)
    fine(page, troubles)
    page.close()


def test_lines_that_cannot_be_read_name_their_line(browser, served):
    page, troubles = live_page(browser, served, "?task=teach")
    expect(page.locator("body")).to_contain_text("Write a line")
    expect(page.get_by_role("button", name="Teach it")).to_be_disabled()
    wrong = LINES + '\n{"messages": [{"role": "wizard", "content": "x"}]}'
    write_lines(page, wrong)
    expect(page.locator(".psm-notice")).to_contain_text("line 5", timeout=LONG)
    expect(page.get_by_role("button", name="Teach it")).to_be_disabled()
    fine(page, troubles)
    page.close()


def test_lines_from_the_cast_page_are_asked_about_live(browser, served):
    page, troubles = live_page(browser, served)
    page.goto(f"{served}/cast")
    page.get_by_label("Chat lines, one conversation a line").fill(LINES)
    page.get_by_label("Chat lines, one conversation a line").press("Control+Enter")
    page.get_by_role("button", name="Ask on the Live page").click()
    expect(page.locator("body")).to_contain_text("Conversations: 4", timeout=LONG)
    page.get_by_role("button", name="Who would say this?").click()
    expect(page.locator("h2.psm-finding")).to_contain_text("Your lines sound like", timeout=LONG)
    fine(page, troubles)
    page.close()


def test_the_second_session_waits_its_turn_and_is_told_so(browser, served):
    first, troubles = live_page(browser, served, "?task=teach")
    second, others = live_page(browser, served)
    write_lines(first, LINES)
    expect(first.locator("body")).to_contain_text("Conversations: 4", timeout=LONG)
    first.get_by_label("Steps").fill("400")
    first.get_by_label("Steps").press("Enter")
    first.get_by_role("button", name="Teach it").click()
    expect(first.locator("body")).to_contain_text("nats a token", timeout=LONG)
    ask(second, "What would you do?")
    expect(second.locator("body")).to_contain_text("behind a lesson", timeout=LONG)
    first.get_by_role("button", name="Cancel").click()
    expect(answers(second)).to_have_count(1, timeout=LONG)
    fine(first, troubles)
    fine(second, others)
    first.close()
    second.close()


def test_a_model_that_is_killed_is_said_to_be_gone_and_starts_again(browser, served):
    page, troubles = live_page(browser, served)
    ask(page, "What would you do?")
    expect(page.locator("h2.psm-finding")).to_contain_text("It sounds like", timeout=LONG)
    kill_models()
    ask(page, "And then?")
    start_again(page)
    expect(page.get_by_placeholder("Say something to it")).to_be_visible(timeout=LONG)
    expect(answers(page).first).to_be_visible(timeout=LONG)  # what was said is still there
    expect(page.locator("body")).not_to_contain_text("has ended")
    fine(page, troubles)
    page.close()


def test_a_model_killed_while_it_learns_loses_the_lesson_and_keeps_the_lines(browser, served):
    page, troubles = live_page(browser, served, "?task=teach")
    write_lines(page, LINES)
    page.get_by_label("Steps").fill("2000")
    page.get_by_label("Steps").press("Enter")
    page.get_by_role("button", name="Teach it").click()
    expect(page.locator("body")).to_contain_text("of 2000, loss", timeout=LONG)
    kill_models()
    start_again(page)
    expect(page.get_by_label("One conversation a line")).to_have_value(LINES, timeout=LONG)
    expect(page.locator("body")).not_to_contain_text("has ended")
    expect(page.get_by_role("button", name="Keep as a branch")).to_have_count(0)
    expect(page.get_by_role("button", name="Teach it")).to_be_enabled()
    fine(page, troubles)
    page.close()


def test_a_talk_whose_weights_are_not_here_is_its_own_whoever_goes_on(browser, served):
    page, troubles = live_page(browser, served)
    page.goto(f"{served}/live?checkpoint=again-0000&go=3")
    expect(page.locator("body")).to_contain_text("This talk is again-0000's", timeout=LONG)
    expect(answers(page)).to_have_count(4, timeout=LONG)
    fine(page, troubles)
    page.close()


def _of_tests(command: list[bytes]) -> bool:
    """Whether a process's study is one of this file's: other tests' are left alone."""
    return b"/live" in command[command.index(b"--study") + 1]


def model_processes() -> list[int]:
    """Processes on this machine that hold a model for a dashboard of these tests."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--with-parent" in command and b"--study" in command and _of_tests(command):
            found.append(int(entry.name))
    return found
