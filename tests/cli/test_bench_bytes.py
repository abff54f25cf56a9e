"""The same figures are the same bytes in every form, and a difference would be told."""

import pytest

from psm_viz.charts.export import FORMS
from psm_viz.cli import bench_bytes


@pytest.mark.long
def test_every_form_is_made_in_several_processes_and_compared(made_folder, monkeypatch):
    found = bench_bytes.same_bytes(made_folder, ["map"], times=2)
    assert found["differ"] == [] and all(found["forms"][word]["files"] for word in FORMS)
    assert "in 2 processes; the same bytes: met" in bench_bytes.as_text(found)
    made = iter([{"a.svg": "1", "a.pdf": "1"}, {"a.svg": "1", "a.pdf": "2"}])
    monkeypatch.setattr(bench_bytes, "_exported", lambda *a: next(made))
    found = bench_bytes.same_bytes(made_folder, ["map"], times=2)
    assert found["differ"] == ["a.pdf"] and found["forms"]["pdf"] == {"files": 1, "differ": 1}
    assert "differs: a.pdf" in bench_bytes.as_text(found)
