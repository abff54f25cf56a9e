"""The page Export in a real Chromium: a figure is collected on the map, set, and taken along."""

import json
import zipfile

import pytest
from playwright.sync_api import expect

from tests.ui.test_browser import fine, opened, started

pytestmark = pytest.mark.browser


def test_a_collected_figure_goes_into_the_zip_with_its_link(made_folder, browser, tmp_path):
    with started(made_folder) as (url, _):
        page, troubles = opened(browser, url + "/?checkpoint=cheat-0064")
        page.get_by_role("button", name="Data").first.click()
        page.get_by_role("button", name="Collect for export").first.click()
        expect(page.locator("body")).to_contain_text("Collected: map-cheat-0064", timeout=20_000)
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Export").first.click()
        expect(page.locator("body")).to_contain_text("1 collected", timeout=20_000)
        page.get_by_text("89 mm").click()
        expect(page.locator(".st-key-preview img")).to_be_visible(timeout=30_000)
        expect(page.locator(".st-key-preview")).to_contain_text("89 mm wide", timeout=30_000)
        expect(page.locator("body")).to_contain_text("--view '/?checkpoint=cheat-0064'")
        with page.expect_download(timeout=60_000) as taken:
            page.get_by_role("button", name="Download 1 figure").click()
        taken.value.save_as(tmp_path / "figures.zip")
        with zipfile.ZipFile(tmp_path / "figures.zip") as archive:
            (name,) = [n for n in archive.namelist() if n.endswith(".caption.json")]
            told = json.loads(archive.read(name))
        assert told["link"] == "/?checkpoint=cheat-0064"
        page.get_by_placeholder("map?checkpoint").fill("atlas?x=1")
        page.get_by_role("button", name="Add").click()
        expect(page.locator("body")).to_contain_text("There is no view 'atlas'", timeout=20_000)
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.locator("body")).to_contain_text("No figure was collected yet", timeout=20_000)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        fine(page, troubles)
        page.close()
