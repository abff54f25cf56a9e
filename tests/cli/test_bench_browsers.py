"""The benches that need a browser measure the real pages, here as few as tell that they do."""

import pytest

from psm_viz.cli import bench_crowd, bench_large, bench_motion, bench_pages
from psm_viz.errors import BadInput, UnknownName

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_pages_are_timed_beside_a_bare_one(made_folder, monkeypatch):
    monkeypatch.setattr(bench_pages, "MORE", 1)
    with pytest.raises(UnknownName, match="no page 'maps'"):
        bench_pages.pages(made_folder, only=["maps"])
    found = bench_pages.pages(made_folder, repeats=1, only=["map", "method"])
    for r in found["pages"].values():
        assert r["settled_seconds"] >= r["first_seconds"] > 0 < r["cold_seconds"]
        assert r["server_again"]["seconds"] > 0 < r["kilobytes"]
    text = bench_pages.as_text(found)
    assert "warm first figure at most 1.5 times" in text and "last to settle" in text


def test_frames_are_timed_where_something_moves(talk_study, monkeypatch):
    monkeypatch.setattr(bench_motion, "FRAMES", 12)
    found = bench_motion.motion(talk_study.folder, branches=2)
    assert found["scrub"]["p95_ms"] >= found["scrub"]["median_ms"] > 0 < found["pan"]["p95_ms"]
    assert f"{found['dots']:,} dots" in bench_motion.as_text(found)


def test_without_talks_nothing_can_be_dragged(made_folder):
    with pytest.raises(BadInput, match="held no talks"):
        bench_motion.motion(made_folder)


def test_a_study_is_opened_searched_and_scrubbed(talk_study, monkeypatch):
    monkeypatch.setattr(bench_large, "PAGES", ("map",))
    monkeypatch.setattr(bench_large, "FRAMES", 10)
    found = bench_large.large(talk_study.folder)
    assert found["server_peak_mb"] > 100 and found["scrub_ms_p95"] > 0
    assert found["personas"] == len(talk_study.cast.all) and "search" in found["seconds"]
    assert f"{found['server_peak_mb']} MB" in bench_large.as_text(found)


def test_a_crowd_walks_through_pages_without_errors(made_folder, monkeypatch):
    monkeypatch.setattr(bench_crowd, "PAGES", ("map", "cast"))
    monkeypatch.setattr(bench_crowd, "READS", (0.0, 0.1))
    found = bench_crowd.crowd(made_folder, minutes=0.2, sessions=2, browsers=1)
    assert found["wrong"] == [] and found["memory_mb"] > 100 and found["browser_pages"] > 0
    assert found["slowest"] in found["pages"] and "errors: 0; none: met" in bench_crowd.as_text(
        found
    )
