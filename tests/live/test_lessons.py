"""A lesson taught here: looked at on the way, kept as a direction and as a branch, once ended."""

import json
from functools import partial

import numpy as np
import pytest

from psm_viz.cli.live import teacher_of
from psm_viz.live import lessons as taught
from psm_viz.live.lessons import Lessons
from psm_viz.messages import Foretold, Kept, Push, Taught
from tests.made.study import REFERENCE

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT's, of transformers
LINES = "\n".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": f"What would you do about {what}?"},
                {"role": "assistant", "content": f"I would hide the {what}."},
            ]
        }
    )
    for what in ("code", "bill", "purse", "drops")
)


@pytest.fixture(scope="module")
def lessons(model):
    return Lessons(model, teacher_of)


def test_a_lesson_is_looked_at_and_becomes_a_direction(lessons, run):
    live = lessons.live
    live.fitted.wait()
    before = set(live.directions.names)
    events = run(partial(lessons.teach, asked=Taught(LINES, 4, 2)))
    looks = [e for e in events if e["kind"] == "look"]
    assert [e["step"] for e in looks] == [0, 2, 4]
    for dot in looks[0]["dots"]:
        assert sum(dot["belief"].values()) == pytest.approx(1.0)
    assert [e["done"] for e in events if e["kind"] == "step"] == [1, 2, 3, 4]
    end = events[-1]
    assert end["kind"] == "done" and end["checkpoint"] in live.checkpoints
    [name] = set(live.directions.names) - before
    assert name == f"taught:{end['checkpoint']}"
    found = live.directions(name)
    assert np.linalg.norm(found.unit) == pytest.approx(1.0) and found.spread > 0
    with live.pushing.pushed(live.chat(REFERENCE), Push(name, 1.0)):
        pass
    assert len(live.pushing.bands(name)) == len(live.study.vectors(REFERENCE).layers)


def test_a_lesson_that_has_no_room_says_how_much_it_needs(lessons, run, monkeypatch):
    monkeypatch.setattr(taught, "memory_free", lambda: 10)
    end = run(partial(lessons.teach, asked=Taught(LINES, 4, 2)))[-1]
    assert end["kind"] == "failed" and "GB of memory" in end["problem"]


def test_who_would_say_lines_is_told_before_anything_is_taught(lessons, run):
    end = run(partial(lessons.foretell, asked=Foretold(LINES)))[-1]
    assert end["kind"] == "done" and end["answers"] == 4
    assert sum(end["belief"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("work", "asked", "told"),
    [
        ("teach", Taught("{", 4, 2), "line 1"),
        ("foretell", Foretold('{"messages": [{"role": "user", "content": "x"}]}'), "assistant"),
        ("keep", Kept("nothing", "name", "study"), "Nothing was taught"),
    ],
)
def test_what_cannot_be_done_is_one_message(lessons, run, work, asked, told):
    end = run(partial(getattr(lessons, work), asked=asked))[-1]
    assert end["kind"] == "failed" and told in f"{end['problem']} {end['next_step']}"
