"""Who listens to an answer while it is drawn: whoever asked, who is told its words, and the reader
of talks, which has read it when it ends."""

from __future__ import annotations

import time
import traceback
from typing import Any

from psm_viz.engine.meanwhile import Meanwhile
from psm_viz.engine.talk_reader import TalkReader
from psm_viz.live.jobs import Job
from psm_viz.messages import TOKEN

OFTEN = 0.05
"""Seconds between two events of an answer that grows."""


class Aside:
    """Reads an answer while it is drawn, where a reader is there and can."""

    def __init__(self, reader: TalkReader | None, question: str) -> None:
        self.reader, self.question = reader, question
        self._read: Meanwhile | None = None
        self._began = False

    def hear(self, token: int) -> None:
        """One more token; what stands before the answer is read after its first, which is shown by
        then."""
        if self.reader is None:
            return
        try:
            if not self._began:
                self._began, self._read = True, self.reader.exchanges.meanwhile(self.question)
            if self._read is not None:
                self._read.hear(token)
        except Exception:  # a fault in reading must not keep anybody from talking
            traceback.print_exc()
            self.reader = None

    def end(self, answer: str) -> None:
        """The answer is whole."""
        if self.reader is not None and self._read is not None:
            try:
                self.reader.exchanges.take(self.question, answer, self._read)
            except Exception:  # it is read when it is whole
                traceback.print_exc()


class Words:
    """Tells an answer as it grows, now and then, and has it read."""

    def __init__(self, job: Job, tokenizer: Any, aside: Aside) -> None:
        self.job, self.tokenizer, self.aside = job, tokenizer, aside
        self.ids: list[int] = []
        self.first, self._told = 0.0, 0.0

    def __call__(self, answer: int, token: int) -> None:
        """One more token of the one answer that is drawn."""
        now = time.monotonic()
        self.first = self.first or now
        self.ids.append(token)
        if now - self._told >= OFTEN:
            self._told = now
            self.job.tell(TOKEN, text=self.tokenizer.decode(self.ids, skip_special_tokens=True))
        self.aside.hear(token)
