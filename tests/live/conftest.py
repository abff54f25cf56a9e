"""A model held in memory, and a process that holds one: to talk to only."""

from collections.abc import Iterator

import pytest

from psm_viz.engine.known import Known
from psm_viz.live.jobs import Job, Jobs
from psm_viz.live.model import Ground, LiveModel
from psm_viz.ui.live_client import Live
from tests.made.live import copied, live_process, source_of, write_weights
from tests.made.talk_study import MARKED


@pytest.fixture(scope="session")
def live_folder(talk_study, world, tmp_path_factory):
    """A study with weights beside it."""
    folder = copied(talk_study, tmp_path_factory.mktemp("held") / "talks")
    return folder


@pytest.fixture(scope="session")
def weights(live_folder, world):
    from psm_viz.study.reader import open_study

    return write_weights(world, open_study(live_folder))


@pytest.fixture(scope="session")
def model(live_folder, weights, tmp_path_factory) -> LiveModel:
    from psm_viz.study.reader import open_study

    study = open_study(live_folder)
    work = tmp_path_factory.mktemp("taught")
    ground = Ground(
        study,
        source_of(study, weights),
        Known(marked=MARKED, side_by_side=True),
        threads=1,
        work=work / "work",
        studies=work / "studies",
    )
    return LiveModel(ground, lambda text: None)


@pytest.fixture(scope="session")
def live(live_folder, weights) -> Iterator[Live]:
    with live_process(live_folder) as found:
        yield found


@pytest.fixture
def run():
    """Do a piece of work as a job; returns its events."""

    def do(work) -> list[dict]:
        jobs = Jobs()
        job: Job = jobs.add("a test", work)
        events: list[dict] = []
        while not job.ended:  # from the last event on: asked from the first, it would not wait
            events += jobs.follow(job, len(events), 0.2)
        return jobs.follow(job, 0, 0)

    return do
