"""The dashboard's side of a live model process: it starts one, asks it, and reads what comes.

This process never imports torch: the model lives in the other one, which ends when this one does.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from psm_viz.errors import BadInput, PsmVizError
from psm_viz.messages import ASKS, STARTED, TOKEN_IN, Hall, hall_of
from psm_viz.paths import ROOT

MOST = 2
"""Processes at once: each holds a model."""
SECONDS = 60.0
"""How long a process may take to say where it listens."""
ANSWER = 30.0
"""How long a request may take."""
POLL = 10.0
"""How long a request for events waits for the next."""


class Gone(PsmVizError):
    """The model process is not there any more."""


@dataclass
class Live:
    """A model process: where it listens, and, where this process started it, the process."""

    hall: Hall
    process: subprocess.Popen[bytes] | None = None
    said: deque[str] = field(default_factory=lambda: deque(maxlen=12))
    """The last lines that it wrote to standard error."""

    @property
    def running(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self.process is None or self.process.poll() is None

    def state(self) -> dict[str, Any]:
        """What it offers and how far it is. Raises Gone."""
        return self._ask("GET", "/state")

    def begin(self, wanted: Any) -> str:
        """Ask for a job (a dataclass of `messages.ASKS`); its id. Raises BadInput, Gone."""
        kind = next(k for k, of in ASKS.items() if isinstance(wanted, of))
        return str(self._ask("POST", "/jobs", {"kind": kind, "asked": asdict(wanted)})["job"])

    def follow(self, job: str, after: int, wait: float = POLL) -> dict[str, Any]:
        """The events of a job from a number on, whether it has ended, and what is done before it.
        Raises BadInput for a job that is not known, Gone."""
        return self._ask("GET", f"/jobs/{job}?after={after}&wait={int(wait)}")

    def events(self, job: str, after: int = 0) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """The events of a job as they come, each with what is done before it; an empty event while
        nothing new comes. Raises Gone."""
        while True:
            found = self.follow(job, after)
            for event in found["events"]:
                yield event, []
            after += len(found["events"])
            if found["ended"] and not found["events"]:
                return
            if not found["events"]:
                yield {}, found["ahead"]

    def lesson(self, name: str) -> str:
        """Chat lines that come with the study. Raises BadInput, Gone."""
        return str(self._ask("GET", f"/lessons/{quote(name)}")["lines"])

    def cancel(self, job: str) -> None:
        """End a job. Raises Gone."""
        self._ask("DELETE", f"/jobs/{job}")

    def stop(self) -> None:
        """End the process, where this process started it."""
        if self.process is not None:
            _end(self.process)

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        if not self.running:
            raise self._gone()
        door = http.client.HTTPConnection("127.0.0.1", self.hall.port, timeout=ANSWER)
        headers = {"Authorization": f"Bearer {self.hall.token}"}
        try:
            data = None if body is None else json.dumps(body).encode()
            door.request(method, path, data, headers)
            answer = door.getresponse()
            found = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise self._gone() from e
        finally:
            door.close()
        if answer.status >= 400:
            raise BadInput(str(found.get("problem", "")), str(found.get("next_step", "")))
        return found

    def _gone(self) -> Gone:
        why = next((line for line in reversed(self.said) if line.strip()), "")
        why = f" It said: {why.strip()[:300]}" if why and not self.running else ""
        return Gone(f"The model process has ended or does not answer.{why}", "Start it again.")


@dataclass
class Registry:
    """The model processes of this dashboard, by the folder of their study."""

    known: dict[str, Live] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, study: Path) -> Live | None:
        """The process of a study, where there is one."""
        with self.lock:
            if found := self.known.get(str(study.resolve())):
                return found
        elsewhere = hall_of(os.environ.get(STARTED, ""))
        if elsewhere and Path(elsewhere.study).resolve() == study.resolve():
            return Live(elsewhere)
        return None

    def start(self, study: Path) -> Live:
        """Start the process of a study. Raises BadInput where others run already, or where it
        ends at once."""
        with self.lock:
            for ended in [k for k, live in self.known.items() if not live.running]:
                self.known.pop(ended).stop()
            key = str(study.resolve())
            if key in self.known:
                return self.known[key]
            if len(self.known) >= MOST:
                others = ", ".join(Path(k).name for k in self.known)
                raise BadInput(
                    f"{MOST} models are held in memory already, of the studies {others}.",
                    "Stop one of them on its Live page.",
                )
            self.known[key] = started(study)
            return self.known[key]

    def stop(self, study: Path) -> None:
        """End the process of a study."""
        with self.lock:
            live = self.known.pop(str(study.resolve()), None)
        if live is not None:
            live.stop()


@st.cache_resource(show_spinner=False)
def registry() -> Registry:
    """The model processes of this dashboard: all its sessions share them."""
    return Registry()


def started(study: Path) -> Live:
    """A model process of a study, as soon as it listens; it goes on loading. Raises BadInput where
    it ends before that, with what it said."""
    token = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "psm_viz", "live", "--study", str(study.resolve())]
    process = subprocess.Popen(
        [*command, "--with-parent"],
        cwd=ROOT,
        env={**os.environ, TOKEN_IN: token, "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said: deque[str] = deque(maxlen=12)
    lines: deque[bytes] = deque()
    heard = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout as out:
            for line in out:  # read on, so that its pipe never fills
                lines.append(line)
                heard.set()
        heard.set()

    def complain() -> None:
        assert process.stderr is not None
        with process.stderr as err:
            for line in err:
                said.append(line.decode("utf-8", "replace"))

    for work in (listen, complain):
        threading.Thread(target=work, daemon=True).start()
    heard.wait(SECONDS)
    hall = next((h for h in map(hall_of, (x.decode() for x in list(lines))) if h), None)
    if hall is None:
        _end(process)
        time.sleep(0.1)  # the last lines arrive by another thread
        why = " ".join(line.strip() for line in list(said)[-2:]) or "it said nothing"
        raise BadInput(f"The model process could not be started: {why[:400]}")
    return Live(hall, process, said)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process; the threads that read from it close their pipes when those end."""
    process.kill()
    process.wait(10)
    if process.stdin is not None:
        process.stdin.close()
