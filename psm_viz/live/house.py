"""What a live process offers: its state, and jobs of every kind that it is asked for."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from psm_viz.engine.pace import Tick
from psm_viz.errors import BadInput, PsmVizError, UnknownName
from psm_viz.live.jobs import Job, Jobs
from psm_viz.live.lessons import Lessons, MakeTeacher
from psm_viz.live.model import Ground, LiveModel, as_event
from psm_viz.messages import Foretold, Kept, Own, Talk, Taught, asked

WORDS = {
    Talk: "an answer",
    Taught: "a lesson",
    Foretold: "a question about chat lines",
    Kept: "a branch that is kept",
    Own: "a direction",
}
"""Kinds of jobs, as those are told who wait behind one."""


@dataclass(frozen=True)
class ReadyMade:
    """Chat lines that come with a study, to be taught as they are or edited."""

    about: str
    lines: Callable[[], str]


class House:
    """One model and its queue of jobs. It loads as the first job, so that whoever asks early
    waits."""

    def __init__(
        self,
        ground: Ground,
        teacher: MakeTeacher,
        ready_made: Mapping[str, ReadyMade],
    ) -> None:
        self.ground, self._teacher, self.ready_made = ground, teacher, ready_made
        self.jobs = Jobs(self._meanwhile)
        self._live: LiveModel | None = None
        self._lessons: Lessons | None = None
        self._line, self._failed = "starting", ""
        self._lock = threading.Lock()
        self.jobs.add("the model, which loads", self._load)

    def _load(self, job: Job) -> None:
        try:
            self._live = LiveModel(self.ground, self._say)
            self._lessons = Lessons(self._live, self._teacher)
        except PsmVizError as e:
            self._failed = str(e)
            raise
        except Exception as e:
            self._failed = f"The model cannot be loaded ({type(e).__name__}: {e})."
            raise
        self._say("ready")

    def _meanwhile(self, tick: Tick) -> None:
        if self._live is not None:
            self._live.ahead(tick)

    def _say(self, text: str) -> None:
        self._line = text

    def begin(self, kind: Any, data: Any) -> Job:
        """Put a job into the queue. Raises BadInput for what cannot be asked."""
        wanted = asked(kind, data)
        add = self.jobs.at_once if isinstance(wanted, Own) else self.jobs.add
        return add(WORDS[type(wanted)], partial(self._do, wanted))

    def _do(self, wanted: Any, job: Job) -> dict[str, Any]:
        if self._live is None or self._lessons is None:
            raise BadInput(self._failed or "The model is not loaded.", "Start it again.")
        if isinstance(wanted, Talk):
            return self._live.answer(job, wanted)
        if isinstance(wanted, Taught):
            return self._lessons.teach(job, wanted)
        if isinstance(wanted, Foretold):
            return self._lessons.foretell(job, wanted)
        if isinstance(wanted, Own):
            return self._live.offer(wanted)
        return self._lessons.keep(job, wanted)

    def lesson(self, name: str) -> str:
        """Chat lines that come with the study. Raises UnknownName."""
        if name not in self.ready_made:
            raise UnknownName(f"No lesson {name[:60]!r} comes with this study.")
        return self.ready_made[name].lines()

    def state(self) -> dict[str, Any]:
        """What there is and how far it is: model, checkpoints, directions, readings."""
        m = self.ground.study.manifest
        out: dict[str, Any] = {
            "model": str(m.model.get("name", m.name)),
            "study": str(self.ground.study.folder),
            "line": self._line,
            "failed": self._failed,
            "busy": self.jobs.running,
            "ready": self._live is not None,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        live = self._live
        if live is None:
            return out
        out |= {
            "checkpoints": live.checkpoints,
            "reference": m.reference,
            "lessons": {name: lesson.about for name, lesson in self.ready_made.items()},
            "quick": self.ground.known.side_by_side,
        }
        out["fitted"] = live.fitted.is_set()
        if out["fitted"]:
            out |= _readings(live)
        return out


def _readings(live: LiveModel) -> Mapping[str, Any]:
    """What is known once the readings are fitted."""
    reader, directions = live.reader, live.directions
    out: dict[str, Any] = {"without": live.without, "directions": {}}
    if directions is not None:
        out["directions"] = directions.names
    if reader is not None:
        out |= {
            "families": list(reader.families),
            "headline": reader.headline,
            "prior": as_event(reader.prior()),
        }
    return out
