"""A live process is timed from outside, whatever its model."""

import pytest

from psm_viz.cli import bench_live
from psm_viz.errors import BadInput
from psm_viz.study.reader import open_study
from tests.made.live import copied, write_weights


@pytest.mark.long
def test_a_process_is_timed_from_the_first_word_to_a_lesson(
    talk_study, world, tmp_path, monkeypatch
):
    folder = copied(talk_study, tmp_path / "talks")
    write_weights(world, open_study(folder))
    for name, value in (("TALKS", 1), ("TURNS", 2), ("THINKS", 0.1), ("EVERY", 2)):
        monkeypatch.setattr(bench_live, name, value)
    monkeypatch.setattr(bench_live, "SLOW", (3.0, 2, 480.0))
    said: list[str] = []
    found = bench_live.live(folder, said.append)
    assert set(found["heard_seconds"]) == {1, 2} and found["memory_mb"] > 100
    assert 0 < found["first_token_seconds"]["median"] <= found["first_token_seconds"]["most"]
    assert found["looks"] == 2 and found["lesson_seconds"] > 0 and len(said) == 4
    text = bench_live.as_text(found)
    assert "first words of an answer" in text and "2 steps with 2 looks" in text


def test_a_study_whose_talks_are_not_read_is_refused(made_folder):
    with pytest.raises(BadInput, match=r"weights|talks|model"):
        bench_live.live(made_folder, lambda text: None)
