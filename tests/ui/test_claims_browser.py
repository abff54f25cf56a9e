"""The Claims page in a real Chromium, served by a real server, on claims made by hand."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from psm_viz.cli import bench_startup
from psm_viz.paths import ROOT
from tests.made.server import wait_for_server

pytestmark = pytest.mark.browser
SHOTS = ROOT / "screenshots"


@pytest.fixture
def served(runs) -> Iterator[str]:
    """The address of a dashboard with the made claims."""
    port = bench_startup.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.made.claims", "run", "app.py"]
    server = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PSM_VIZ_RUNS": str(runs), "PSM_VIZ_CHAT_RUNS": str(runs / "none")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_server(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def looked_at(browser: Browser, url: str, theme: str) -> Page:
    """The page in one theme and both sizes, every chart drawn, nothing amiss; a picture of each."""
    tab = browser.new_page(
        viewport={"width": 1280, "height": 720},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    tab.goto(f"{url}/claims")
    drawn = tab.locator('[data-testid="stVegaLiteChart"] svg.marks')
    expect(drawn).to_have_count(5, timeout=60_000)
    expect(tab.locator("body")).not_to_contain_text("Page not found")
    expect(tab.locator(".psm-notice")).to_have_count(0)
    tab.wait_for_timeout(500)
    SHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SHOTS / f"claims-{theme}-1280x720.png")
    tab.set_viewport_size({"width": 1512, "height": 900})
    tab.wait_for_timeout(500)
    tab.screenshot(path=SHOTS / f"claims-{theme}-1512x900.png")
    return tab


def downloaded(tab: Page, button: str, file: Path) -> str:
    """What a button's file holds."""
    with tab.expect_download(timeout=30_000) as info:
        tab.get_by_role("button", name=button).click()
    info.value.save_as(file)
    return file.read_text("utf-8")


def test_the_page_in_a_browser(served, browser, tmp_path):
    """Both themes, a cold deep link, a jump to a card, files."""
    looked_at(browser, served, "light")
    tab = looked_at(browser, served, "dark")
    expect(tab.locator("[aria-label^='Bad answers of the Assistant after']")).to_be_visible()
    tab.get_by_role("link", name="Reading character from conduct").click()
    head = tab.locator("#claim-appears")
    expect(head).to_be_in_viewport()
    assert head.bounding_box()["y"] > 40  # not under the navigation
    expect(tab).to_have_url(re.compile("#claim-appears$"))
    tab.locator(".st-key-head-claims").get_by_role("button", name="Data").click()
    assert "requested" in downloaded(tab, "Claims (CSV)", tmp_path / "claims.csv")
    tab.keyboard.press("Escape")
    tab.locator(".st-key-head-claim-narrow").get_by_role("button", name="Data").click()
    svg = downloaded(tab, "SVG", tmp_path / "narrow.svg")
    assert svg.startswith("<svg") and "ideal observer" in svg
    assert "rows of the runs" in svg.lower()
