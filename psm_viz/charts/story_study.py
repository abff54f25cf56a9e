"""What a story asks of its study: places, branches and questions by their names."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from psm_viz.charts.reads import Reads
from psm_viz.charts.talk_figures import headline_way, talk_points
from psm_viz.errors import UnknownName, first_few
from psm_viz.study.cast import ASSISTANT, Question
from psm_viz.study.layout import HOLD_TALKS
from psm_viz.study.reader import Study
from psm_viz.study.stories import Place
from psm_viz.study.talks import TalkNote


@dataclass(frozen=True)
class StoryStudy:
    """A study as a story reads it."""

    reads: Reads

    @property
    def study(self) -> Study:
        """The study that is told of."""
        return self.reads.study

    def table(self, name: str) -> pd.DataFrame:
        """A result table. Raises UnknownName with what makes it, BadFile."""
        return self.reads.table(name)

    def answers(self, checkpoint: str) -> pd.DataFrame:
        """The Assistant's answers to single questions; no rows where none came. Raises BadFile."""
        return self.reads.answers(checkpoint, ASSISTANT)

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
        return headline_way(self.reads)

    @property
    def points(self) -> pd.DataFrame:
        """The map of talks: by states, or by belief where these do not tell who speaks."""
        return talk_points(self.reads)

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
