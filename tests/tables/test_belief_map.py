"""Talks placed by belief: where inner states do not tell who speaks."""

import numpy as np
import pytest

from psm_viz.study.reader import open_study
from psm_viz.tables.belief_map import SHUFFLED, belief_maps, placed, states_tell
from psm_viz.tables.belief_readings import readings_of
from psm_viz.tables.making import Making
from tests.made.study import REFERENCE as START
from tests.made.talk_study import SHARE


@pytest.fixture(scope="module")
def mapped(talk_study):
    return belief_maps(talk_study, readings_of(talk_study), talk_study.table("beliefs"))


def test_a_talk_lies_between_the_families_that_would_say_it():
    middles = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [50.0, 50.0]])
    belief = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.4, 0.3, 0.2, 0.1]])
    found = placed(belief, middles)
    assert found[0] == pytest.approx([0, 0]) and found[1] == pytest.approx([2, 0])
    # the least likely of four is left out
    assert found[2] == pytest.approx([4 * 0.3 / 0.9, 4 * 0.2 / 0.9])


def test_talks_lie_by_who_speaks(talk_study, mapped):
    points, quality = mapped
    people = points[points.kind == "persona"].set_index("persona")[["x", "y"]]
    ids = [p.id for p in talk_study.cast.personas]
    assert list(people.index) == ids
    healers, saboteurs = people.loc[ids[:5]].mean(), people.loc[ids[15:20]].mean()

    def nearer_saboteurs(checkpoint):
        own = points[(points.kind == "assistant") & (points.checkpoint == checkpoint)]
        xy = own[["x", "y"]].to_numpy()
        far = [np.linalg.norm(xy - p.to_numpy(), axis=1) for p in (healers, saboteurs)]
        return (far[1] < far[0]).mean()

    assert nearer_saboteurs(START) < 0.15
    assert nearer_saboteurs("cheat-0064") == pytest.approx(SHARE["cheat-0064"], abs=0.15)
    by = quality.set_index("data")
    assert by.loc["talks", "error"] < by.loc[SHUFFLED, "error"].min()
    assert len(by.loc["Gaussian talks"]) == 4 and by.trustworthiness[:5].notna().all()


def test_only_where_states_tell_nothing(talk_study):
    study = open_study(talk_study.folder)
    tells, blind = readings_of(study), readings_of(study)
    vars(blind)["losses"] = {"states": float(np.log(5)), "likelihood": 0.1}
    assert states_tell(tells) and not states_tell(blind)
    for readings in (tells, blind):
        making = Making(study, lambda text: None)
        vars(making)["readings"] = readings
        empty = [making.talk_maps[0].empty, making.belief_maps[0].empty]
        assert empty == [readings is blind, readings is tells]
