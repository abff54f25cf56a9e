"""Jobs of a model process followed while a page is drawn: answers grow, beliefs arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from psm_viz.errors import PsmVizError
from psm_viz.messages import ASSISTANT, CANCELLED, FAILED, HEARD, SAID, TOKEN
from psm_viz.ui.live_client import Live
from psm_viz.ui.live_state import Asked, Stage, request, said_note

Grow = Callable[[int, str], None]
"""Shows a side's answer as far as it was drawn."""
Wait = Callable[[str], None]
"""Shows what is waited for."""


PROBLEM = "live-problem"
"""State of a session: what went wrong in its last run."""
BESIDE = ("kind", "answer", "more")
"""Of an event that says what was heard, what belongs to the event alone."""


class Refused(PsmVizError):
    """A job that the model process could not do."""


def ask_all(live: Live, stage: Stage) -> None:
    """Ask every side for its next answer. Raises BadInput, Gone."""
    stage.seed += 1
    stage.jobs = [
        Asked(live.begin(request(side, stage.seed)), n, side.answers)
        for n, side in enumerate(stage.sides)
    ]


def read_side(live: Live, stage: Stage, number: int, whole: bool = False) -> None:
    """Have the last answer of a side read; with `whole`, each of its last answers. Raises BadInput,
    Gone."""
    side = stage.sides[number]
    if not side.answers:
        return
    ends = side.messages[-1]["role"] == ASSISTANT
    talk = request(side, stage.seed)
    part = replace(talk, messages=talk.messages[: None if ends else -1], whole=whole)
    stage.jobs.append(Asked(live.begin(part), number, side.answers - 1))


def follow(live: Live, stage: Stage, grow: Grow, wait: Wait) -> None:
    """Take up what the jobs of a session say until all have ended, or until there is a belief to
    show of which more is to come. What was read is kept in the stage at once, so that a run that is
    broken off goes on where it was.

    Raises Refused for a job that failed, Gone.
    """
    while stage.jobs:
        asked = stage.jobs[0]
        for event, ahead in live.events(asked.job, asked.seen):
            if event:
                asked.seen += 1
                _take(stage, asked, event, grow)
                if event.get("more"):
                    return
            elif ahead:
                wait(f"Waiting for its turn, behind {ahead[0]}" + _more(ahead))
        stage.jobs.pop(0)


def _more(ahead: list[str]) -> str:
    return f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""


def _take(stage: Stage, asked: Asked, event: dict[str, Any], grow: Grow) -> None:
    """What one event changes."""
    side, kind = stage.sides[asked.side], event["kind"]
    if kind == TOKEN:
        asked.text = str(event["text"])
        grow(asked.side, asked.text)
    elif kind == SAID:
        side.hear(str(event["text"]), said_note(event))
        grow(asked.side, str(event["text"]))
    elif kind == HEARD and (n := event.get("answer", asked.answer)) < len(side.heard):
        side.heard[n] = {k: v for k, v in event.items() if k not in BESIDE}
    elif kind == FAILED:
        stage.jobs.clear()
        raise Refused(str(event["problem"]), str(event.get("next_step", "")))
    elif kind == CANCELLED:
        broken_off(stage, asked)


def broken_off(stage: Stage, asked: Asked) -> None:
    """Keep what was drawn of an answer that will not be ended."""
    side = stage.sides[asked.side]
    if asked.text and side.answers <= asked.answer:
        side.hear(asked.text, "broken off")


def cancel_all(live: Live, stage: Stage) -> None:
    """End the jobs of a session; those that are not known any more are ended."""
    for asked in stage.jobs:
        try:
            live.cancel(asked.job)
        except PsmVizError:
            continue
