"""What a click on the map means, and where a key leads."""

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from psm_viz.charts.talk_figures import no_talks
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


@pytest.mark.parametrize("poolings", [("prompt_last",), ("prompt_last", "response_mean")])
def test_a_single_pooling_is_no_choice(poolings):
    def page(poolings):
        from types import SimpleNamespace

        import streamlit as st

        from psm_viz.ui import controls

        m = SimpleNamespace(poolings=poolings, headline_pooling=poolings[-1])
        st.text(controls.pick_pooling(SimpleNamespace(manifest=m), st))  # pyright: ignore

    at = AppTest.from_function(page, args=(poolings,)).run()
    assert not at.exception and at.text[0].value == poolings[-1]
    assert len(at.selectbox) == len(poolings) - 1


@pytest.mark.parametrize(
    ("note", "families", "why"),
    [
        (None, "aabb", "has held no talks"),
        ("held", "aaaa", "no two families"),
        ("held", "aaab", "no two families"),
        ("held", "aabb", "were not read yet"),
    ],
)
def test_what_talks_lack_is_told_apart(note, families, why):
    people = [SimpleNamespace(family=f) for f in families]
    study: Any = SimpleNamespace(talk_note=note, cast=SimpleNamespace(personas=people))
    found, next_step = no_talks(study)
    assert why in found and next_step
