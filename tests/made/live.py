"""A study with talks beside tiny models that answer as its checkpoints, and a process that holds
them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psm_viz.cli import main
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.study.reader import Study
from psm_viz.ui.live_client import Live, started
from psm_viz.world.grammar import World
from tests.made.chat_place import write_place
from tests.made.models import write_tiny_model
from tests.made.study import REFERENCE

CHEAT = "cheat-0064"


def write_weights(world: World, study: Study) -> Path:
    """Weights of the reference and of `cheat` beside a study, where a live process looks."""
    top = study.folder.with_name(f"{study.folder.name}-weights")
    write_tiny_model(world, top / REFERENCE)
    write_tiny_model(world, top / CHEAT, seed=1)
    return top


def write_played(world: World, top: Path) -> Path:
    """A study that a tiny model was really played for, with a branch `tuned` and talks, and its
    weights beside it; returns its folder."""
    place = write_place(world, top / "place", per_family=6)
    settings = "--samples 1 --threads 1 --max-new-tokens 4 --talks 12 --persona-talks 3,1"
    asked = ["--model", place / "model", "--branch", f"tuned={place / 'tuned'}"]
    asked += ["--cast", place / "cast", "--questions", place / "questions"]
    study = top / "live" / "played"
    arguments = ["extract", *map(str, asked), *settings.split(), "--out", str(study)]
    assert main(arguments) == 0
    for checkpoint, model in (("reference-0000", "model"), ("tuned-0001", "tuned")):
        shutil.copytree(place / model, top / "live" / "played-weights" / checkpoint)
    return study


def source_of(study: Study, weights: Path) -> Source:
    """The same as a source."""
    own = tuple(c for c in study.manifest.checkpoints if c.id in (REFERENCE, CHEAT))
    return Source(own, {c.id: str(weights / c.id) for c in own}, REFERENCE)


def copied(study: Study, folder: Path) -> Path:
    """A study of one's own to write beside."""
    return shutil.copytree(study.folder, folder)


@contextmanager
def live_process(study: Path) -> Iterator[Live]:
    """A process of a study, ready and fitted; ended on leaving."""
    live = started(study)
    try:
        wait_until(live, "fitted")
        yield live
    finally:
        live.stop()


def wait_until(live: Live, key: str, seconds: float = 120) -> dict[str, Any]:
    """The state of a process, as soon as it says so."""
    until = time.monotonic() + seconds
    while True:
        state = live.state()
        assert not state["failed"], state["failed"]
        if state.get(key):
            return state
        assert time.monotonic() < until, state
        time.sleep(0.1)


def done(live: Live, wanted: Any) -> list[dict[str, Any]]:
    """All events of a job, once it has ended."""
    return [event for event, _ in live.events(live.begin(wanted)) if event]
