"""What several products of a study are made of, made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import pandas as pd

from psm_viz.errors import BadInput
from psm_viz.study.reader import Study
from psm_viz.study.talks import LIKELIHOOD, OWN
from psm_viz.tables.belief_map import belief_maps, states_tell
from psm_viz.tables.belief_readings import Readings, beliefs_table, readings_of
from psm_viz.tables.compare import Comparer, Comparison
from psm_viz.tables.drift import comparisons
from psm_viz.tables.families import posterior_tables
from psm_viz.tables.map_trials import map_trials
from psm_viz.tables.positions import preservation
from psm_viz.tables.talk_map import talk_maps

Say = Callable[[str], None]


class Making:
    """A study while its products are made: what several of them need is made once."""

    def __init__(self, study: Study, say: Say) -> None:
        self.study, self.say = study, say
        self.comparer = Comparer(study)

    @cached_property
    def compared(self) -> list[Comparison]:
        """Every checkpoint beside its start."""
        return comparisons(self.study, self.comparer, self.say)

    @cached_property
    def geometry(self) -> pd.DataFrame:
        """`preservation`: who can be placed on the map."""
        return preservation(self.study)

    @cached_property
    def posterior(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Family weights and their calibration."""
        return posterior_tables(self.study, self.say)

    @cached_property
    def trials(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Maps tried beside the headline pooling's, and the Gaussian one."""
        return map_trials(self.study, self.study.manifest.headline_pooling, self.say)

    @cached_property
    def readings(self) -> Readings | None:
        """Both readings of talks, where there are talks that they can be fitted to."""
        if self.study.talk_note is None:
            return None
        self.say("readings of talks fitted")
        try:
            return readings_of(self.study)
        except BadInput as e:
            self.say(f"beliefs: left out. {e.problem}")
            return None

    @cached_property
    def beliefs(self) -> pd.DataFrame:
        """What every talk is taken for; empty without talks."""
        if self.readings is None:
            return pd.DataFrame()
        return beliefs_table(self.study, self.readings, self.say)

    @property
    def headline_way(self) -> str:
        """How the headline reads talks: by likelihoods, or by the states of a checkpoint's own
        weights."""
        return LIKELIHOOD if self.readings and self.readings.headline == LIKELIHOOD else OWN

    @cached_property
    def talk_maps(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The map of talks and how far it can be trusted; empty without talks, or where their
        states do not tell who speaks."""
        if self.readings is None or not states_tell(self.readings):
            return pd.DataFrame(), pd.DataFrame()
        try:
            return talk_maps(self.study, self.readings, self.say)
        except BadInput as e:
            self.say(f"map of talks: left out. {e.problem}")
            return pd.DataFrame(), pd.DataFrame()

    @cached_property
    def belief_maps(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The map of personas on which talks are placed by belief, where states do not tell who
        speaks."""
        if self.readings is None or states_tell(self.readings):
            return pd.DataFrame(), pd.DataFrame()
        try:
            return belief_maps(self.study, self.readings, self.beliefs, self.say)
        except BadInput as e:
            self.say(f"map of talks: left out. {e.problem}")
            return pd.DataFrame(), pd.DataFrame()
