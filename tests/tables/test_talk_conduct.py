"""Who answered badly in talks: the Assistant by its known share, the cast as it always does."""

import numpy as np
import pytest

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
