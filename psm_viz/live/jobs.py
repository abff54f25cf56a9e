"""Jobs of a live process: one at a time, in the order they came, each with a list of events that
whoever asked reads as it grows."""

from __future__ import annotations

import secrets
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from psm_viz.engine.pace import Tick
from psm_viz.errors import BadInput, PsmVizError, UnknownName
from psm_viz.messages import BEGUN, CANCELLED, DONE, ENDS, FAILED

Event = dict[str, Any]
KEPT = 64
"""Jobs whose events are kept after their end."""
WAITING = 32
"""Jobs that may wait at once."""


class Cancelled(Exception):
    """Whoever asked for a job wants it no longer."""


class Waited(Exception):
    """Somebody waits, so that what is done meanwhile ends."""


@dataclass
class Job:
    """A piece of work and what has come of it so far."""

    id: str
    what: str
    """In a word or two, for those who wait behind it."""
    work: Callable[[Job], Any]
    grown: threading.Condition
    events: list[Event] = field(default_factory=list)
    wanted: bool = True

    def tell(self, kind: str, **more: Any) -> None:
        """Add an event. Raises Cancelled where nobody wants the job any more."""
        self.check()
        self._add(kind, more)

    def check(self) -> None:
        """Raise Cancelled where nobody wants the job any more."""
        if not self.wanted:
            raise Cancelled

    def _add(self, kind: str, more: dict[str, Any]) -> None:
        with self.grown:
            self.events.append({"kind": kind, **more})
            self.grown.notify_all()

    @property
    def ended(self) -> bool:
        """Whether its last event has come."""
        return bool(self.events) and self.events[-1]["kind"] in ENDS

    def run(self) -> None:
        """Do the work; whatever happens, a last event says how it ended."""
        try:
            self.tell(BEGUN)
            found = self.work(self)
            self._add(DONE, found or {})
        except Cancelled:
            self._add(CANCELLED, {})
        except PsmVizError as e:
            self._add(FAILED, {"problem": e.problem, "next_step": e.next_step})
        except MemoryError:
            self._add(FAILED, {"problem": "There is not enough memory for this.", "next_step": ""})
        except Exception as e:  # the process goes on: others wait behind this job
            traceback.print_exc()
            said = f"{type(e).__name__}: {e}"[:300]
            self._add(
                FAILED, {"problem": f"The model process met a fault ({said}).", "next_step": ""}
            )


class Jobs:
    """A queue with one worker, a thread of its own. `meanwhile`: what it does after a job while
    none waits; it is given what raises `Waited` as soon as one does."""

    def __init__(self, meanwhile: Callable[[Tick], None] | None = None) -> None:
        self._meanwhile = meanwhile
        self._grown = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._known: OrderedDict[str, Job] = OrderedDict()
        self._running: Job | None = None
        threading.Thread(target=self._work, daemon=True, name="jobs").start()

    def add(self, what: str, work: Callable[[Job], Any]) -> Job:
        """Put a job at the end of the queue. Raises BadInput where too many wait."""
        with self._grown:
            if len(self._waiting) >= WAITING:
                raise BadInput(f"{WAITING} jobs are waiting already.", "Try again in a while.")
            job = Job(secrets.token_hex(8), what, work, self._grown)
            self._waiting.append(job)
            self._known[job.id] = job
            self._forget()
            self._grown.notify_all()
        return job

    def at_once(self, what: str, work: Callable[[Job], Any]) -> Job:
        """Do what takes no time and no model, past the queue."""
        job = Job(secrets.token_hex(8), what, work, self._grown)
        with self._grown:
            self._known[job.id] = job
            self._forget()
        job.run()
        return job

    def _forget(self) -> None:
        """Let go of the oldest ended jobs."""
        ended = [i for i, job in self._known.items() if job.ended]
        for i in ended[: max(0, len(ended) - KEPT)]:
            del self._known[i]

    def _work(self) -> None:
        while True:
            with self._grown:
                while not self._waiting:
                    self._grown.wait()
                self._running = self._waiting.popleft()
                self._grown.notify_all()
            self._running.run()
            with self._grown:
                self._running = None
                self._grown.notify_all()
            self._pass_time()

    def _pass_time(self) -> None:
        def tick(done: float, tokens: int) -> None:
            if self._waiting:
                raise Waited

        if self._meanwhile is None or self._waiting:
            return
        try:
            self._meanwhile(tick)
        except Waited:
            return
        except Exception:  # nobody asked for it: the next job finds what it can
            traceback.print_exc()

    @property
    def running(self) -> str:
        """What is being done, in a word or two; '' while nothing is."""
        with self._grown:
            return self._running.what if self._running else ""

    def job(self, job_id: str) -> Job:
        """A job that is known. Raises UnknownName."""
        with self._grown:
            found = self._known.get(job_id)
        if found is None:
            raise UnknownName("The model process knows of no such job.", "Ask again.")
        return found

    def cancel(self, job_id: str) -> None:
        """End a job: at once where it waits, else at its next event. Raises UnknownName."""
        job = self.job(job_id)
        with self._grown:
            job.wanted = False
            if job in self._waiting:
                self._waiting.remove(job)
                job.events.append({"kind": CANCELLED})
            self._grown.notify_all()

    def ahead(self, job: Job) -> list[str]:
        """What is done before a job: the running one first; nothing once it has begun."""
        with self._grown:
            if job not in self._waiting:
                return []
            before = list(self._waiting)[: self._waiting.index(job)]
            return [j.what for j in ([self._running] if self._running else []) + before]

    def follow(self, job: Job, after: int, wait: float) -> list[Event]:
        """The events of a job from a number on; where there is none yet, what comes within so many
        seconds."""
        until = time.monotonic() + wait
        with self._grown:
            while len(job.events) <= after and not job.ended:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._grown.wait(left)
            return job.events[after:]
