"""What figures read of a study: tables, maps and answers, each read once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd

from psm_viz.charts.figures import Missing
from psm_viz.charts.frames import columns, where
from psm_viz.charts.map_selection import words_of_talks
from psm_viz.errors import UnknownName
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.judging import as_judged
from psm_viz.study.layout import made_by
from psm_viz.study.reader import Study

KEPT = 160
"""Most things that are kept of a study at a time: the oldest goes first."""
RESPONSES = ["question", "variant", "sample", "text", "valence"]
Held = TypeVar("Held")


@dataclass(frozen=True)
class StoredMap:
    """A map of a study: where everybody is, and its quality."""

    pooling: str
    layer: int
    points: pd.DataFrame
    info: dict[str, Any]


@dataclass(frozen=True)
class Reads:
    """A study as figures read it. What is given out is shared: nobody writes into it."""

    study: Study
    held: OrderedDict[tuple[str, ...], Any] = field(default_factory=OrderedDict)
    making: dict[tuple[str, ...], threading.Lock] = field(default_factory=dict, repr=False)
    """A lock for each key that somebody is making."""
    guard: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def once(self, key: tuple[str, ...], read: Callable[[], Held]) -> Held:
        """What `read` gives, kept under a key that nothing else has. Of several readers who want
        what is not there yet one makes it, and the others wait."""
        found = self.held.get(key)
        if found is not None:
            return found
        with self.guard:
            own = self.making.setdefault(key, threading.Lock())
        with own:
            found = self.held.get(key)
            if found is None:
                found = read()
                with self.guard:
                    self.held[key] = found
                    self.making.pop(key, None)
                    while len(self.held) > KEPT:
                        self.held.popitem(last=False)
        return found

    def table(self, name: str) -> pd.DataFrame:
        """A result table. Raises UnknownName where the study has not been analysed yet, BadFile."""
        return self.once(("table", name), lambda: self.study.table(name))

    def map_of(self, pooling: str, layer: int) -> StoredMap:
        """A stored map. Raises UnknownName, BadFile."""
        name = f"{pooling}-L{layer}"
        return StoredMap(pooling, layer, *self.once(("map", name), lambda: self.study.map(name)))

    def maps_by_pooling(self) -> dict[str, list[int]]:
        """Layers that have a map, for each pooling. Raises UnknownName where there is no map."""
        out: dict[str, list[int]] = {}
        for name in self.study.maps:
            pooling, _, layer = name.rpartition("-L")
            if pooling in self.study.manifest.poolings and layer.isdigit():
                out.setdefault(pooling, []).append(int(layer))
        if not out:
            raise UnknownName(
                "This study has no map yet.",
                "Make one with: python -m psm_viz derive --study FOLDER",
            )
        return out

    def talk_answers(self, checkpoint: str, persona: str = ASSISTANT) -> pd.DataFrame:
        """What the Assistant, or a persona, said in its talks at a checkpoint. Raises UnknownName,
        BadFile."""

        def read() -> pd.DataFrame:
            said = as_judged(self.study.talk_answers(checkpoint))
            return where(said, said.persona == persona)

        return self.once(("talks", checkpoint, persona), read)

    def talk_words(self, checkpoint: str) -> pd.DataFrame:
        """What was said in the talks on the map of a checkpoint, one row a talk: the cast's, held
        at the reference, and the Assistant's (`words_of_talks`). Raises UnknownName, BadFile."""

        def read() -> pd.DataFrame:
            cast = as_judged(self.study.talk_answers(self.study.manifest.reference))
            both = [where(cast, cast.persona != ASSISTANT), self.talk_answers(checkpoint)]
            return words_of_talks(pd.concat(both))

        return self.once(("talk words", checkpoint), read)

    def has_answers(self, checkpoint: str) -> bool:
        """Whether a checkpoint came with answers, not with vectors alone."""
        return self.study.holds(checkpoint, "responses")

    def answers(self, checkpoint: str, persona: str) -> pd.DataFrame:
        """A persona's answers at a checkpoint: question, variant, sample, text, valence.

        No rows where the checkpoint brought vectors only.
        """
        if not self.has_answers(checkpoint):
            return pd.DataFrame(columns=RESPONSES)

        def read() -> pd.DataFrame:
            rows = self._responses(checkpoint)
            rows = columns(where(rows, rows.persona == persona), RESPONSES).reset_index(drop=True)
            # Plain strings: counts of categories would list judgements that never occurred.
            return rows.astype({c: str for c in ("question", "text", "valence")})

        return self.once(("answers", checkpoint, persona), read)

    def judgements(self, checkpoint: str) -> pd.DataFrame:
        """Who gave each answer at a checkpoint, and how it was judged: persona, valence."""
        return columns(self._responses(checkpoint), ["persona", "valence"])

    def _responses(self, checkpoint: str) -> pd.DataFrame:
        """All answers of one checkpoint, tens of thousands of rows: only the last asked is kept."""
        last: tuple[str, pd.DataFrame] | None = self.held.get(("responses",))
        if last is None or last[0] != checkpoint:
            answers = as_judged(self.study.responses(checkpoint))
            last = self.held["responses",] = (checkpoint, answers)
        return last[1]

    def likelihood(self, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        """One evidence: its table of personas, and its record. Raises UnknownName, BadFile."""

        def read() -> tuple[pd.DataFrame, dict[str, Any]]:
            found = self.study.evidence(name)
            return found.likelihood, dict(found.record)

        return self.once(("evidence", name), read)

    def rows(
        self,
        name: str,
        what: str,
        rows_of: Callable[[pd.DataFrame], pd.DataFrame],
        none: str,
        next_step: str = "",
    ) -> pd.DataFrame | Missing:
        """The rows of a result table that a figure shows.

        In their place: that `what` is missing where there is no such table, and `none` where it has
        no such rows, with what to do (`next_step`, else the command that makes the table).
        """
        if not self.study.has_table(name):
            return Missing(what, made_by(name))
        rows = rows_of(self.table(name))
        return Missing(none, next_step or made_by(name)) if rows.empty else rows
