"""Who answered badly in talks: the Assistant by its known share, the cast as it always does."""

import numpy as np
import pandas as pd
import pytest

from psm_viz.study.columns import STRANGER
from psm_viz.tables.talk_conduct import talk_conduct_table
from tests.made.study import REFERENCE
from tests.made.talk_study import OWN_TALKS, SHARE


@pytest.fixture(scope="module")
def conduct(talk_study):
    return talk_study.table("talk_conduct").set_index(["checkpoint", "who", "of"]).sort_index()


def test_the_assistant_answers_badly_in_its_known_share(conduct):
    for checkpoint, share in SHARE.items():
        row = conduct.loc[(checkpoint, "assistant", "bad")]
        assert row.value == pytest.approx(share) and row.change == pytest.approx(share)
        assert row.low < share < row.high and row.talks == OWN_TALKS
        assert conduct.loc[(checkpoint, "assistant", "marked")].value == pytest.approx(
            share, abs=0.1
        )


def test_the_cast_stays_as_it_was(conduct):
    for (_, who, of), row in conduct.iterrows():
        if who == "well" and of == "bad":
            assert row.value == 0
        if who == "badly" and of == "bad":
            assert row.value == 1
    assert np.isnan(conduct.loc[(REFERENCE, "well", "bad")].change)
    assert (conduct.xs("fits", level="of").value == 1).all()


def test_without_talks_or_judgements_there_is_no_table(made_study, talk_study):
    beliefs = talk_study.table("beliefs")
    assert talk_conduct_table(made_study, beliefs, "own").empty
    assert talk_conduct_table(talk_study, beliefs.head(0), "own").empty


class Asked:
    """The study with somebody without a name asked as well: `moved` checkpoints answer worse."""

    def __init__(self, study, moved):
        self.study, self.moved = study, moved

    def __getattr__(self, name):
        return getattr(self.study, name)

    def behaviour(self, checkpoint, speaker="assistant"):
        if speaker != STRANGER:
            return self.study.behaviour(checkpoint, speaker)
        topics = np.repeat(["money", "promises", "mistakes", "animals"], 3)
        bad = np.linspace(0.2, 0.4, len(topics)) + (0.3 if checkpoint in self.moved else 0.0)
        return pd.DataFrame({"topic": topics, "mass_bad": bad, "mass_good": 1 - bad})


def test_somebody_without_a_name_stands_beside_where_it_was_asked(talk_study):
    asked = Asked(talk_study, {"cheat-0064"})
    table = talk_conduct_table(asked, talk_study.table("beliefs"), "own")
    own = table[table.who == STRANGER].set_index("checkpoint")
    assert own.loc[REFERENCE].value == pytest.approx(0.3) and np.isnan(own.loc[REFERENCE].change)
    assert own.loc["cheat-0064"].change == pytest.approx(0.3)
    assert own.loc["cheat-0064"].change_low == pytest.approx(0.3)
    assert own.loc["honest-0064"].change == pytest.approx(0)
    assert own.loc["honest-0064"].low < 0.3 < own.loc["honest-0064"].high
    # a study that asked nobody else has no such row
    assert STRANGER not in set(talk_study.table("talk_conduct").who)
