"""What a click on the map means, and where a key leads."""

from psm_viz.study.cast import ASSISTANT
from psm_viz.ui import controls


def test_a_click_means_a_persona_or_the_assistant():
    known = ["maresa", "tobrin"]
    assert controls.picked({"persona": [{"id": "maresa"}]}, known) == "maresa"
    assert controls.picked({"persona": {"id": ["tobrin"]}}, known) == "tobrin"
    for nothing in (None, {}, {"persona": []}, {"persona": [{"id": "x"}]}, {"persona": ["maresa"]}):
        assert controls.picked(nothing, known) == ASSISTANT
    assert controls.picked({"persona": [{"id": ASSISTANT}]}, known) == ASSISTANT


def test_stepping_stays_at_the_ends():
    assert controls.stepped([0, 8, 64], 8, 1) == 64
    assert controls.stepped([0, 8, 64], 64, 1) == 64
    assert controls.stepped([0, 8, 64], 0, -1) == 0
    assert controls.stepped([0, 8, 64], 5, -1) == 8
