"""Killed at twenty moments each, `extract`, `finetune` and `talks` go on: `make test-kills`.

A verb of the command line plays a tiny model in a process of its own, which counts what it does to
the files of its folder (opened to be written, renamed, removed) and ends itself with SIGKILL before
one of these; a file that was being opened is left cut short. Then the same command is given again.
What comes out has to be, byte for byte, what a run makes that nobody killed, and nothing that was
finished before the kill may be made again. The moments are drawn from a seed, one of each stretch
of the run.
"""

import argparse
import fnmatch
import io
import itertools
import multiprocessing
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psm_viz.world.loading import load_world
from tests.made.chat_place import write_place

POINTS, MOST = 20, 3
"""Kills of a verb; and how much a row of files copied or removed counts for at most."""
PLAYED = "--samples 1 --threads 1 --max-new-tokens 3 --talks 12 --persona-talks 3,1"
ASKED = "--model model --branch tuned=tuned --cast cast --questions questions --out study"
TUNED = "--model model --data chat.jsonl --rank 2 --batch 2 --save 1 --save 2 --save 4 --threads 1"
HELD = "--at tuned-0001=tuned --assistant 12 --per-persona 3 --threads 1 --seed 7"
VERBS = {
    "extract": shlex.split(f"extract {ASKED} {PLAYED}"),
    "finetune": shlex.split(f"finetune {TUNED} --out lesson --study study"),
    "talks": shlex.split(f"talks {HELD} --study study"),
}
"""What is killed; the last two begin with the study that the first makes."""
DONE = "has a branch 'lesson' already"
WORK = (
    *("*/blocks/*/?????", "*/checkpoints/*-????", "*/checkpoints/*-????/talks.parquet"),
    *("*/checkpoints/*-????/odds.parquet", "*/evidence/lesson", "lesson/checkpoint-?"),
)
"""What is finished by one rename and is never made again."""
Moment = int | str
"""Before which event a run is killed: its number, or the first that this pattern matches."""


@dataclass
class Run:
    """What a run did, in order, and how it ended."""

    status: int
    events: list[str]
    said: str = ""

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    @property
    def made(self) -> set[str]:
        """What of the work it finished. A kill comes before its event."""
        done = self.events[:-1] if self.killed else self.events
        names = [e.removeprefix("rename ") for e in done if e.startswith("rename ")]
        return {n for n in names if any(fnmatch.fnmatch(n, w) for w in WORK)}


class Watch:
    """Notes what this process does to the files below a folder, and ends it where it is told to."""

    def __init__(self, folder: str, log: int, at: Moment | None) -> None:
        self.folder, self.log, self.at = folder, log, at
        self.count, self.busy = 0, False

    def __call__(self, name: str, args: tuple) -> None:
        """What `sys.addaudithook` is given."""
        if self.busy:  # what is done here is not counted
            return
        self.busy = True
        if name == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR):
            self._met("open", args[0], -1)
        elif name == "os.rename":
            self._met("rename", args[1], args[3])
        elif name in ("os.remove", "os.rmdir"):
            self._met("remove", args[0], args[1])
        self.busy = False

    def _met(self, kind: str, path: str, descriptor: int) -> None:
        base = Path(f"/proc/self/fd/{descriptor}").readlink() if descriptor >= 0 else Path.cwd()
        whole = os.path.normpath(base / os.fsdecode(path))
        if not whole.startswith(self.folder + os.sep):
            return
        event = f"{kind} {whole[len(self.folder) + 1 :]}"
        self.count += 1
        os.write(self.log, f"{event}\n".encode())
        if self.at == self.count or fnmatch.fnmatch(event, str(self.at)):
            if kind == "open":
                Path(whole).write_bytes(b"cut sho")
            os.kill(os.getpid(), signal.SIGKILL)


class StillClock(datetime):
    """Evidence tells its date: always the same one."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 1, 1, tzinfo=tz)


def work(arguments: list[str], folder: str, log: str, at: Moment | None) -> None:
    """One run, in a process of its own."""
    from psm_viz.cli import main
    from psm_viz.engine import record_evidence

    record_evidence.datetime = StillClock
    os.chdir(folder)
    sys.addaudithook(Watch(folder, os.open(log, os.O_WRONLY | os.O_CREAT), at))
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = main(arguments)
    Path(f"{log}.said").write_text(said.getvalue())
    os._exit(status)


def run(arguments: list[str], folder: Path, at: Moment | None = None, how: str = "spawn") -> Run:
    """Run a verb in a folder, until it ends or is killed before the event `at`. `how` processes are
    begun is as `multiprocessing` has it."""
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        told = (arguments, str(folder.resolve()), str(log), at)
        process = multiprocessing.get_context(how).Process(target=work, args=told)
        process.start()
        process.join()
        said = Path(f"{log}.said")
        words = said.read_text() if said.exists() else ""
        return Run(process.exitcode or 0, log.read_text().split("\n")[:-1], words)


def differences(folder: Path, expected: Path) -> list[str]:
    """Names of files that one has and the other has not, or has otherwise."""
    mine, theirs = (
        {p.relative_to(f).as_posix(): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (folder, expected)
    )
    return sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))


def stamps(folder: Path, names: set[str]) -> dict[str, int]:
    """When the files at these names and below them were written, by what the finished study calls
    them. A copy, such as the next step of a verb begins with, keeps the time of what it copies."""
    places = [p for n in names for p in (folder / n, *(folder / n).rglob("*")) if p.is_file()]
    every = {p.relative_to(folder).as_posix(): p.stat() for p in places}
    # states of talks are written before the words that say that they are whole
    half = {n for n in every if n.endswith("talks.safetensors")}
    half -= {f"{n.removesuffix('.parquet')}.safetensors" for n in names}
    return {finished(n): f.st_mtime_ns for n, f in every.items() if n not in half}


def finished(name: str) -> str:
    """Where a file of unfinished work is in the end."""
    return name.replace("study.partial/", "study/")


def wrong_after(killed: Run, folder: Path, expected: Path, again: Callable[[], Run]) -> list[str]:
    """What is wrong when a killed run in `folder` is followed by `again`."""
    if not killed.killed:
        return [f"was not killed: {killed.said[-600:]}"]
    before = stamps(folder, killed.made)
    rest = again()
    if rest.status and DONE not in rest.said:
        return [f"did not go on: {rest.said[-600:]}"]
    after = stamps(folder, {finished(n) for n in killed.made})
    found = [f"differs: {n}" for n in differences(folder, expected)]
    found += [f"made twice: {n}" for n in sorted(killed.made & rest.made)]
    return found + [f"written again: {n}" for n in after if before.get(n, after[n]) != after[n]]


def moments(events: list[str], n: int, seed: int) -> list[int]:
    """One event of each of n stretches of a run."""
    weights: list[float] = []
    for _, row in itertools.groupby(e.split()[0] for e in events):
        k = len(list(row))
        weights += [min(k, MOST) / k] * k
    ends = list(itertools.accumulate(weights))
    rng = random.Random(seed)
    drawn = [(k + rng.random()) * ends[-1] / n for k in range(n)]
    return sorted({next(i for i, end in enumerate(ends, 1) if end >= x) for x in drawn})


def unbroken(verb: str, start: Path) -> tuple[Path, list[str]]:
    """A verb run in a copy of the folder `start` that nobody kills: the folder, and what it did.
    Begun afresh, so that hashes of strings are others than in the runs that are killed."""
    whole = Path(shutil.copytree(start, start.with_name(f"whole-{verb}")))
    done = run(VERBS[verb], whole)
    if done.status:
        raise SystemExit(f"{verb}: {done.said}")
    return whole, done.events


def kill_at(verb: str, start: Path, whole: Path, at: int) -> list[str]:
    """What is wrong after a verb was killed before an event and given again; where nothing is, its
    folder is removed."""
    box = Path(shutil.copytree(start, start.with_name(f"box-{verb}-{at}")))
    killed = run(VERBS[verb], box, at, "forkserver")
    found = wrong_after(killed, box, whole, lambda: run(VERBS[verb], box, None, "forkserver"))
    if not found:
        shutil.rmtree(box)
    return found


def main() -> int:
    """Kill every verb, and say what does not come through."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--verb", choices=VERBS, action="append", help="default: all")
    parser.add_argument("--points", type=int, default=POINTS, help="kills of a verb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=int, action="append", help="before these events alone")
    options = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # the one that can be copied with a process
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.made.warm"])
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    place, failed = write_place(load_world(), folder / "place", per_family=6), 0
    studied, events = unbroken("extract", place)
    for verb in options.verb or VERBS:
        start, whole = place, studied
        if verb != "extract":
            start, (whole, events) = studied, unbroken(verb, studied)
        chosen = options.at or moments(events, options.points, options.seed)
        for n, at in enumerate(chosen, 1):
            began = time.monotonic()
            found = kill_at(verb, start, whole, at)
            where = f"before {at} of {len(events)} ({events[at - 1]})"
            took = f"{time.monotonic() - began:.0f} s"
            print("\n    ".join([f"{verb} {n}/{len(chosen)} {where}: {took}", *found]), flush=True)
            failed += bool(found)
    if failed:
        print(f"{failed} did not go on as if nothing had been: see {folder}")
        return 1
    shutil.rmtree(folder)
    print("All went on as if nothing had been.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
