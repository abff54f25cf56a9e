"""The Claims page on claims made by hand: words, verdicts, charts, tables, broken runs."""

import io
import os
import re
import subprocess
import sys
import types
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from psm_viz.charts import bar_strips, export
from psm_viz.charts import claims as charts
from psm_viz.charts.palette import DARK, LIGHT
from psm_viz.claims.verdict import AGAINST, CONSISTENT, UNDECIDED, Claim, Dot, Measure, Picture
from psm_viz.cli import bench_startup
from psm_viz.errors import BadFile
from psm_viz.paths import ROOT
from psm_viz.ui import claims_cards as page_of
from psm_viz.ui import claims_html
from tests.made.claims import made_claims
from tests.made.server import assert_no_model_imported, wait_for_server

SCRIPT = "pages/about/claims.py"
SHOTS = ROOT / "screenshots"


@pytest.fixture
def runs(tmp_path) -> Path:
    """A folder with rows: what they say is the made claims' business."""
    (tmp_path / "correlated-0.jsonl").write_text("{}\n")
    return tmp_path


def page(monkeypatch, folder: Path, made=made_claims) -> AppTest:
    module = types.ModuleType("psm_viz.claims.registry")
    module.claims_of = made
    monkeypatch.setitem(sys.modules, "psm_viz.claims.registry", module)
    monkeypatch.setenv("PSM_VIZ_RUNS", str(folder))
    monkeypatch.setenv("PSM_VIZ_STUDY", str(folder / "no-study"))
    monkeypatch.chdir(ROOT)
    page_of._claims.clear()
    at = AppTest.from_file(str(ROOT / SCRIPT), default_timeout=60).run()
    page_of._claims.clear()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    bodies = [str(h.proto.body) for h in at.get("html")]
    return "\n".join(b for b in bodies if "<style>" not in b)


def by_id(name: str) -> Claim:
    return next(c for c in made_claims() if c.id == name)


def test_the_made_claims_have_every_verdict():
    found = {c.id: c.verdict for c in made_claims()}
    assert found == {
        "cast": UNDECIDED,
        "narrow": CONSISTENT,
        "requested": AGAINST,
        "updating": UNDECIDED,
        "appears": CONSISTENT,
    }


def test_every_claim_has_its_card_and_its_line(monkeypatch, runs):
    at = page(monkeypatch, runs)
    text = words(at)
    assert "Of 5 claims about personas, 2 fit what was measured, 1 does not and 2 are" in text
    assert "no evidence about frontier models" in text
    for c in made_claims():
        key = claims_html.key_of(c)
        assert text.count(f'href="#{key}"') == 1 and text.count(f'id="{key}"') == 1
        assert c.title in unescape(text) and c.figure.name in unescape(text)
    assert text.count("Consistent with the claim</span>") == 4
    assert text.count("Not consistent with the claim</span>") == 2
    assert text.count("Undecided</span>") == 4
    assert "docs/decisions.md" in text
    assert not re.search(r"\bprove", text)
    assert "psm-notice" not in text and "nan" not in text.lower().replace("finance", "")
    drawn = [str(c.proto.alt) for c in at.get("vega_lite_chart")]
    assert len(drawn) == 5 and all(drawn)


def test_reasons_are_given_in_words():
    assert claims_html.why(by_id("updating")) == "2 seeds of the 3 needed"
    assert claims_html.why(by_id("cast")) == "2 of 3 seeds beyond the bar; the rival lacks seeds"
    assert claims_html.why(by_id("narrow")) == "every seed is beyond every bar"
    assert claims_html.why(by_id("requested")) == "no seed is beyond the bar"


def test_a_control_is_called_one_and_missing_it_is_the_reason():
    narrow = by_id("narrow")
    for seeds, said in (
        ((0, 1, 2), "the control is not passed"),
        ((0, 1), "the control lacks seeds"),
    ):
        control = Measure("the planted branch", dict.fromkeys(seeds, 0.1), 0.5, control=True)
        claim = replace(narrow, rivals=(control,))
        assert claim.verdict == UNDECIDED and claims_html.why(claim) == said
        assert "Control: the planted branch" in claims_html.rival_html(claim)[1]
        parts = charts.claim_table([claim])
        assert list(parts[parts.figure == "the planted branch"].part) == ["control"]
    passed = replace(narrow, rivals=(Measure("x", {0: 0.9, 1: 0.9, 2: 0.9}, 0.5, control=True),))
    assert passed.verdict == CONSISTENT


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_before_any_run_the_page_says_what_to_do(monkeypatch, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    text = words(page(monkeypatch, tmp_path / folder))
    assert "Nothing has been run yet" in text
    assert "python -m psm_viz run --world correlated --seed 0" in text


def test_no_claims_from_the_rows_is_the_same_message(monkeypatch, runs):
    assert "Nothing has been run yet" in words(page(monkeypatch, runs, lambda folder: []))


def test_broken_rows_are_one_notice(monkeypatch, runs):
    def broken(folder):
        raise BadFile("row 3: expected JSON.", "Delete it.")

    text = words(page(monkeypatch, runs, broken))
    assert text.count("psm-notice") == 1 and "Traceback" not in text
    assert "row 3" in text and "Delete it." in text


def test_changed_rows_are_read_again(runs):
    before = page_of.stamp_of(runs)
    assert before == page_of.stamp_of(runs)
    (runs / "correlated-0.jsonl").write_text('{"a": 1}\n')
    assert page_of.stamp_of(runs) != before


def test_the_table_holds_every_measure_and_seed():
    table = charts.claim_table(made_claims())
    read = pd.read_csv(io.BytesIO(export.csv(table)), encoding="utf-8-sig")
    own = read[(read.id == "narrow") & (read.part == "figure")].iloc[0]
    assert [own[f"seed {s}"] for s in range(3)] == [0.61, 0.66, 0.58]
    assert (own.low, own.high, own.bar, own.verdict) == (0.52, 0.71, 0.25, CONSISTENT)
    rival = read[(read.id == "narrow") & (read.part == "rival")].iloc[0]
    assert [rival[f"bar, seed {s}"] for s in range(3)] == [0.31, 0.38, 0.29]
    assert set(read.part) == {"figure", "further bar", "rival"}
    marks = charts.chart_table(made_claims())
    assert len(marks) == sum(len(c.picture.dots) for c in made_claims())


@pytest.mark.parametrize("p", [LIGHT, DARK])
def test_charts_hold_every_mark(p):
    for c in made_claims():
        spec = charts.picture_chart(c.picture, p, own=charts.own_groups(c), rule_name="bar")
        spec = spec.to_dict()
        held = {str(r) for d in spec["datasets"].values() for r in d if "who" in r and "group" in r}
        assert len(held) >= len(c.picture.dots), c.id
        assert spec["background"] == p.paper


def test_only_the_assistants_own_figure_is_in_its_accent():
    assert charts.own_groups(by_id("narrow")) == {("cheat", "")}
    assert not charts.own_groups(by_id("cast")) and not charts.own_groups(by_id("requested"))
    c = by_id("narrow")
    assert charts.bounds_of(c.picture, [c.figure]) == {("cheat", ""): (0.52, 0.71)}
    spec = str(charts.picture_chart(c.picture, LIGHT, own=charts.own_groups(c)).to_dict())
    assert LIGHT.accent in spec
    assert LIGHT.accent not in str(charts.picture_chart(by_id("cast").picture, LIGHT).to_dict())


def test_no_mark_lies_on_another_and_observers_are_below_their_seeds():
    rows = charts.drawable(by_id("narrow").picture)
    marks, means, centres, height = charts._laid(rows, {})
    assert marks.y.is_unique and marks.y.between(0, height).all()
    assert list(centres) == ["cheat", "requested", "honest"] and len(means) == 3
    for _, own in marks.groupby("group"):
        assert own[own.seed.isna()].y.min() > own[own.seed.notna()].y.max()


def test_odd_claims_are_drawn():
    none = Measure("nothing", {}, 0.5)
    picture = Picture("dots", "Nothing yet", "", ())
    c = Claim("a b/c", "A", "b.", none, "d.", (), "e.", picture)
    assert claims_html.key_of(c) == "claim-a-b-c"
    assert "Not measured yet" in claims_html.measure_html(none)
    assert bar_strips.side_strip(none) == bar_strips.scale_strip(none) == ""
    assert claims_html.why(c) == "no seeds of the 3 needed"
    empty = Measure("no topics", {}, 0.5, True, float("nan"), float("nan"))
    for m in (empty, Measure("no ratio", {0: float("nan")}, 0.5)):
        assert not bar_strips.interval_words(m) and not bar_strips.scale_strip(
            m
        ) + bar_strips.side_strip(m)
        assert "nan" not in claims_html.measure_html(m)
    flat = Measure("flat", {0: 0.0}, 0.0)
    assert "psm-dot" in bar_strips.side_strip(flat) and "psm-dot" in bar_strips.scale_strip(flat)
    one = Picture("lines", "One", "u", (Dot("g", 0.0, 0, x=0.0),), rule=0.0)
    for kind in ("dots", "lines", "pairs"):
        charts.picture_chart(Picture(kind, "One", "u", one.dots, 0.0), LIGHT).to_dict()


def test_tooltips_of_a_strip_say_seed_and_value():
    m = Measure("m", {0: 0.31, 4: -0.5}, 0.15, above=False)
    for strip in (bar_strips.scale_strip(m), bar_strips.side_strip(m)):
        assert 'title="seed 0: 0.31"' in strip and 'title="seed 4: \N{MINUS SIGN}0.5"' in strip
    # the claim's side is at the right: seed 0 misses its bar, seed 4 does not
    places = re.findall(r'psm-dot" style="left:([\d.]+)%', bar_strips.side_strip(m))
    assert float(places[0]) < 100 * bar_strips.HERE < float(places[1])


def test_the_page_imports_no_model(runs):
    made = "from tests.made_claims import install; install()"
    assert_no_model_imported(SCRIPT, first=made, PSM_VIZ_RUNS=str(runs))


@pytest.mark.browser
def test_the_page_in_a_browser(runs, tmp_path):
    """Both themes, a cold deep link, a jump to a card, files."""
    from playwright.sync_api import expect, sync_playwright

    port = bench_startup.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.made.claims", "run", "app.py"]
    server = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PSM_VIZ_RUNS": str(runs)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_server(url, server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=bench_startup.chromium(), args=bench_startup.CHROMIUM_FLAGS
            )
            for theme in ("light", "dark"):
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
            expect(
                tab.locator("[aria-label^='Bad answers of the Assistant after']")
            ).to_be_visible()
            tab.get_by_role("link", name="Reading character from conduct").click()
            head = tab.locator("#claim-appears")
            expect(head).to_be_in_viewport()
            assert head.bounding_box()["y"] > 40  # not under the navigation
            expect(tab).to_have_url(re.compile("#claim-appears$"))
            tab.locator(".st-key-head-claims").get_by_role("button", name="Data").click()
            with tab.expect_download(timeout=30_000) as info:
                tab.get_by_role("button", name="Claims (CSV)").click()
            info.value.save_as(tmp_path / "claims.csv")
            assert "requested" in (tmp_path / "claims.csv").read_text("utf-8")
            tab.keyboard.press("Escape")
            tab.locator(".st-key-head-claim-narrow").get_by_role("button", name="Data").click()
            with tab.expect_download(timeout=30_000) as info:
                tab.get_by_role("button", name="SVG").click()
            info.value.save_as(tmp_path / "narrow.svg")
            svg = (tmp_path / "narrow.svg").read_text("utf-8")
            assert svg.startswith("<svg") and "ideal observer" in svg and "Rows of the runs" in svg
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
