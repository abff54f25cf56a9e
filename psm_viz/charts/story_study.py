"""What a story asks of its study: places, tables and answers, each read once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from psm_viz.charts.frames import where
from psm_viz.errors import UnknownName, first_few
from psm_viz.study.cast import ASSISTANT, Question
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.stories import Place
from psm_viz.study.talks import TalkNote, headline_way


@dataclass(frozen=True)
class StoryStudy:
    """An open study as a story reads it."""

    study: Study
    _kept: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)

    def table(self, name: str) -> pd.DataFrame:
        """A result table. Raises UnknownName with what makes it, BadFile."""
        return self._once(("table", name))

    def said(self, checkpoint: str) -> pd.DataFrame:
        """What the Assistant said in its talks at a checkpoint. Raises UnknownName, BadFile."""
        return self._once(("said", checkpoint))

    def answers(self, checkpoint: str) -> pd.DataFrame:
        """The Assistant's answers to single questions. Raises UnknownName, BadFile."""
        return self._once(("answers", checkpoint))

    def _once(self, key: tuple[str, str]) -> pd.DataFrame:
        if key not in self._kept:
            what, name = key
            read = {
                "table": self.study.table,
                "said": self.study.talk_answers,
                "answers": self.study.responses,
            }[what]
            frame = read(name)
            self._kept[key] = frame if what == "table" else where(frame, frame.persona == ASSISTANT)
        return self._kept[key]

    @property
    def note(self) -> TalkNote:
        """How the talks were held. Raises UnknownName where there are none."""
        found = self.study.talk_note
        if found is None:
            raise UnknownName("the study has held no talks.", HOLD_TALKS)
        return found

    @property
    def way(self) -> str:
        """The way of reading that sentences go by."""
        return headline_way(self.table("belief_readings"))

    @property
    def points(self) -> pd.DataFrame:
        """The map of talks: by states, or by belief where these do not tell who speaks."""
        by_states = self.study.has_table("talk_map")
        return self.table("talk_map" if by_states else "belief_map")

    def branch(self, name: str) -> str:
        """A branch that the study draws. Raises UnknownName."""
        known = self.study.manifest.branches
        if name not in known:
            raise UnknownName(f"the study has no branch {name!r}.", f"It has: {', '.join(known)}.")
        return name

    def checkpoint(self, place: Place) -> str:
        """The checkpoint of a place. Raises UnknownName with the steps that were saved."""
        m = self.study.manifest
        if not place.branch:
            return m.reference
        saved = {c.step: c.id for c in m.branch(self.branch(place.branch))}
        own = {c.step for c in m.branch(place.branch) if c.branch == place.branch}
        if place.step not in own:
            raise UnknownName(
                f"branch {place.branch!r} was not saved at step {place.step}.",
                f"It was at: {', '.join(map(str, sorted(own)))}.",
            )
        return saved[place.step]

    def question(self, name: str) -> Question:
        """A question that was asked of everybody. Raises UnknownName."""
        asked = {q.id: q for q in self.study.questions if q.set == "main"}
        if name not in asked:
            raise UnknownName(
                f"the study asks no question {name!r}.", f"It asks: {first_few(asked, 24)}."
            )
        return asked[name]
