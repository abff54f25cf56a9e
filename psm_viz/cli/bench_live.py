"""A live model process, timed from the dashboard's side of its door: how soon it answers, how soon
a talk is read when its answer has ended, and how long a lesson takes."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psm_viz.cli.speed_bars import judged
from psm_viz.errors import BadInput
from psm_viz.messages import DONE, HEARD, LOOK, SAID, TOKEN, Message, Talk, Taught, Voice
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.manifest import first_of_topics
from psm_viz.study.reader import Study, open_study
from psm_viz.ui.live_client import Live, started

TALKS, TURNS = 3, 6
THINKS = 3.0
"""Seconds between an answer's reading and the next question: as long as it takes to read and write
a line."""
HEARD_BY = 0.3
"""The bar: seconds from an answer's end until it was read."""
QUICK, SLOW = (1.0, 64, 60.0), (3.0, 32, 480.0)
"""Bars of a small model and of a chat model: seconds to the first token; steps of a lesson, and the
seconds they may take."""
EVERY = 8
"""Steps between two looks at a lesson."""


def live(study: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Start a process of a study; hold some talks with its reference; teach it the first lesson
    that comes with it.

    Raises BadInput where no process can be started, where it fails, or where talks are not read.
    """
    opened, began = open_study(study), time.monotonic()
    process = started(study)
    try:
        _wait(process, "ready")
        ready = time.monotonic() - began
        state = _wait(process, "fitted")
        if state.get("without"):
            raise BadInput(f"{study}: its talks are not read ({state['without']})")
        found = {
            "model": state["model"],
            "quick": state["quick"],
            "ready_seconds": round(ready, 1),
            "fitted_seconds": round(time.monotonic() - began, 1),
            **_talks(process, opened, say),
            **_lesson(process, state, say),
        }
        found["memory_mb"] = round(process.state()["memory"] / 2**20)
    finally:
        process.stop()
    return found


def _wait(process: Live, key: str) -> dict[str, Any]:
    while True:
        state = process.state()
        if state["failed"]:
            raise BadInput(state["failed"])
        if state.get(key):
            return state
        time.sleep(0.1)


def _talks(process: Live, study: Study, say: Callable[[str], None]) -> dict[str, Any]:
    asked = [q.text for q in first_of_topics(study.questions)]
    firsts: list[float] = []
    heard: dict[int, list[float]] = defaultdict(list)
    for talk in range(TALKS):
        messages: list[Message] = []
        for turn in range(TURNS):
            time.sleep(THINKS)
            question = asked[(talk * TURNS + turn) % len(asked)]
            messages.append({"role": "user", "content": question})
            wanted = Talk(Voice(study.manifest.reference), tuple(messages), seed=talk)
            at, text = _times(process, wanted)
            firsts.append(min(at[k] for k in (TOKEN, SAID) if k in at) - at[""])
            heard[turn + 1].append(at[HEARD] - at[SAID])
            messages.append({"role": ASSISTANT, "content": text})
            late = heard[turn + 1][-1]
            say(f"talk {talk + 1} of {TALKS}, answer {turn + 1}: read in {late:.2f} s")
    return {
        "first_token_seconds": {
            "median": round(statistics.median(firsts), 2),
            "most": round(max(firsts), 2),
        },
        "heard_seconds": {
            n: {"median": round(statistics.median(v), 2), "most": round(max(v), 2)}
            for n, v in heard.items()
        },
    }


def _times(process: Live, wanted: Any) -> tuple[dict[str, float], str]:
    """When the first event of each kind came, '' being the request; and what was said."""
    at, text = {"": time.monotonic()}, ""
    for event, _ in process.events(process.begin(wanted)):
        if event:
            at.setdefault(event["kind"], time.monotonic())
            text = event["text"] if event["kind"] == SAID else text
    if DONE not in at:
        raise BadInput(f"The process did not finish: {event}")
    return at, text


def _lesson(process: Live, state: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    if not state["lessons"]:
        return {}
    name = next(iter(state["lessons"]))
    steps = (QUICK if state["quick"] else SLOW)[1]
    began, looks = time.monotonic(), 0
    job = process.begin(Taught(process.lesson(name), steps, EVERY))
    for event, _ in process.events(job):
        if event and event["kind"] == LOOK:
            looks += 1
            say(f"{name}: step {event['step']} of {steps} after {time.monotonic() - began:.0f} s")
    return {
        "lesson": name,
        "steps": steps,
        "looks": looks,
        "lesson_seconds": round(time.monotonic() - began, 1),
    }


def as_text(found: dict[str, Any]) -> str:
    """The figures as lines, each with its bar."""
    first, _, lasts = QUICK if found["quick"] else SLOW
    token = found["first_token_seconds"]
    lines = [
        f"{found['model']} in a process of its own, seen from the dashboard's side; it is loaded "
        f"after {found['ready_seconds']} s and reads talks after {found['fitted_seconds']}",
        f"  first words of an answer: median {token['median']} s, at most {token['most']}; "
        f"at most {first:g}: {judged(token['most'] <= first)}",
        f"  from an answer's end until it was read, {TALKS} talks, {THINKS:g} s between answer and "
        f"question (median; most):",
    ]
    heard = found["heard_seconds"]
    lines += [f"    answer {n}: {s['median']:.2f}; {s['most']:.2f}" for n, s in heard.items()]
    late = max(s["median"] for s in heard.values())
    lines.append(f"    medians at most {HEARD_BY:g}: {judged(late <= HEARD_BY)}")
    if "lesson" in found:
        took = found["lesson_seconds"]
        lines.append(
            f"  the lesson {found['lesson']}, {found['steps']} steps with {found['looks']} looks: "
            f"{took} s; at most {lasts:g}: {judged(took <= lasts)}"
        )
    lines.append(f"  memory of the process, at most: {found['memory_mb']} MB")
    return "\n".join(lines)
