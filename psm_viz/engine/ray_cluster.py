"""A study's blocks played by the machines of a Ray cluster, over `engine.shards`.

Every task plays one share of the blocks into the folder of the study, which all machines see at the
same path, as they see the models and this program. A task whose machine is lost is given to another
one, which goes on after the last finished block. Ray sends tasks and results between its own
processes by pickling them: that is its transport, no file is read so.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.outline import Settings
from psm_viz.engine.shards import play_shard
from psm_viz.errors import BadInput, PsmVizError, UnknownName
from psm_viz.paths import ROOT
from psm_viz.study.cast import Cast, Question

THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
"""As `psm_viz.__main__` has it for this machine."""
TRIES = 3
"""How often a share is given to another worker when the one that played it is lost."""


def play_shares(
    source: Source,
    cast: Cast,
    questions: tuple[Question, ...],
    out: Path,
    settings: Settings,
    workers: int | None,
    say: Callable[[str], None],
    known: Known = ANY,
) -> None:
    """Play every block of a study on a cluster, in so many shares (None: one a machine): the one
    that `ray start` began here or that RAY_ADDRESS names, else one of this machine alone.

    The study is put together by `build_study` with the same arguments. Raises UnknownName where Ray
    is not installed, BadInput for a cluster without a machine of `settings.threads` processors, and
    what `play_shard` raises.
    """
    ray = _ray()
    ray.init(
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)} | THREADS},
        include_dashboard=False,
        logging_level="warning",
    )
    try:
        nodes = [n["Resources"] for n in ray.nodes() if n["Alive"]]
        able = [n for n in nodes if n.get("CPU", 0) >= settings.threads]
        if not able:
            raise BadInput(
                f"--threads {settings.threads}: no machine of the cluster has as many processors.",
                "Give fewer --threads.",
            )
        many = workers or len(able)
        say(f"{many} shares on {len(able)} machines")
        gpu = 1 if settings.device.startswith("cuda") else 0
        task = ray.remote(_share).options(
            num_cpus=settings.threads, num_gpus=gpu, max_retries=TRIES, name="psm_viz share"
        )
        job = (source, cast, questions, out, settings)
        left = [task.remote(*job, (i, many), known, str(Path.cwd())) for i in range(many)]
        while left:
            done, left = ray.wait(left)
            where = _ended(ray, done[0])
            say(f"share {many - len(left)} of {many} played, by {where}")
    finally:
        ray.shutdown()


def _ray() -> Any:
    """The library, which tells nobody how it is used. Raises UnknownName where it is not there."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return import_module("ray")
    except ImportError as e:
        raise UnknownName(
            "--engine ray: Ray is not installed.",
            "Install it on every machine: pip install -r requirements-cluster.txt",
        ) from e


def _share(
    source: Source,
    cast: Cast,
    questions: tuple[Question, ...],
    out: Path,
    settings: Settings,
    shard: tuple[int, int],
    known: Known,
    where: str,
) -> str:
    """One share, in a worker's process; returns the name of its machine. Raises what `play_shard`
    raises, and BadInput where the machine does not see the working folder `where`."""
    host = socket.gethostname()
    try:
        os.chdir(where)  # names of folders mean the same as where the command was given
    except OSError as e:
        raise BadInput(
            f"{host}: does not see the folder {where}.",
            "Give the command in a folder that all machines of the cluster share.",
        ) from e
    play_shard(source, cast, questions, out, settings, shard, print, known)
    return host


def _ended(ray: Any, task: Any) -> str:
    """What a task returned. Raises what it raised, and BadInput for one that no machine ends."""
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as e:
        raise (e.cause if isinstance(e.cause, PsmVizError) else e) from None
    except ray.exceptions.RayError as e:
        raise BadInput(
            f"A share was lost with its machine {TRIES + 1} times ({type(e).__name__}).",
            "Give the same command again, with fewer --workers if memory ran out: finished blocks "
            "stay.",
        ) from e
