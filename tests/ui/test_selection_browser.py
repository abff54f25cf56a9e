"""An area drawn on the map in a real Chromium: a table, a file, and a click that keeps it."""

import pytest
from playwright.sync_api import Page, expect

from tests.ui.test_browser import fine, opened, settle, started

pytestmark = pytest.mark.browser


def draw_area(page: Page) -> None:
    """Drag over the whole of the map with Shift held."""
    box = page.locator(".st-key-hero .vega-embed").bounding_box()
    left, top = box["x"] + 4, box["y"] + 4
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for share in (0.3, 0.6, 1):
        page.mouse.move(left + share * (box["width"] - 8), top + share * (box["height"] - 40))
    page.mouse.up()
    page.keyboard.up("Shift")


def test_an_area_becomes_a_table_and_a_file(made_folder, browser, tmp_path):
    with started(made_folder) as (url, _):
        page, troubles = opened(browser, url + "/")
        draw_area(page)
        head = page.locator("h3.psm-finding").first
        expect(head).to_contain_text("personas selected", timeout=15_000)
        with page.expect_download(timeout=30_000) as info:
            page.locator(".st-key-selection").get_by_role("button", name="CSV").click()
        info.value.save_as(tmp_path / "selected.csv")
        lines = (tmp_path / "selected.csv").read_text("utf-8-sig").splitlines()
        assert lines[0].startswith("who,what,talk,family") and len(lines) > 20
        settle(page)  # the map was drawn anew, with the area's outline
        page.locator(".st-key-hero svg [aria-label^='Halvard']").first.click(force=True)
        expect(page.locator(".psm-name")).to_have_text("Halvard", timeout=15_000)
        expect(head).to_contain_text("personas selected")
        page.get_by_role("button", name="Clear the selection").click()
        expect(page.locator(".st-key-selection")).to_have_count(0, timeout=15_000)
        settle(page)
        expect(page.locator(".psm-name")).to_have_text("Halvard")
        fine(page, troubles)
        page.close()
