"""The Drift page's speed is measured on the real page; a study without talks is refused."""

import pytest

from psm_viz.cli import bench_drift
from psm_viz.errors import BadInput


@pytest.mark.browser
@pytest.mark.long
def test_frames_and_steps_are_timed_and_the_slider_asks_nobody(talk_study, monkeypatch):
    for name, value in (("FRAMES", 10), ("STEPS", 2), ("QUIET", 2500)):
        monkeypatch.setattr(bench_drift, name, value)
    found = bench_drift.drift(talk_study.folder, branches=2)
    assert found["branches"] == ["cheat", "requested"] and found["messages_to_the_server"] == 0
    assert found["frame_ms_p95"] >= found["frame_ms_median"] > 0 < found["next_step_seconds"]
    assert 0 < found["next_step_server_seconds"] < found["next_step_seconds"] + 2.5
    text = bench_drift.as_text(found)
    assert "messages to the server meanwhile: 0" in text and "2 branches" in text


def test_without_talks_there_is_nothing_to_drag(made_folder):
    with pytest.raises(BadInput, match="held no talks"):
        bench_drift.drift(made_folder)


@pytest.mark.parametrize(("frame", "step", "said"), [(50.0, 0.5, "met"), (50.1, 0.6, "missed")])
def test_the_bars_are_told(frame, step, said):
    found = {
        "branches": ["a"],
        "frames": 3,
        "handled_ms_p95": 1.0,
        "frame_ms_median": 2.0,
        "frame_ms_p95": frame,
        "messages_to_the_server": 0,
        "next_step_seconds": 1.0,
        "next_step_server_seconds": step,
    }
    *_, frames, steps = bench_drift.as_text(found).splitlines()
    assert frames.endswith(f"ms: {said}" + (f" with {frame}" if said == "missed" else ""))
    assert said in steps
