"""The cast played at one checkpoint after another, several at once for the small model."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.extract import Played, play_cast, with_scalars
from psm_viz.engine.sampling import Sampling
from psm_viz.small_model.behaviour import behaviour
from psm_viz.study.activations import PersonaVectors
from psm_viz.study.cast import Cast, Question
from psm_viz.study.writer import StudyWriter
from psm_viz.world.grammar import World, load_world


@dataclass(frozen=True)
class Play:
    """The parts of playing that stay the same from checkpoint to checkpoint."""

    chat: ChatModel
    cast: Cast
    sampling: Sampling
    wording: str
    world: World | None

    def __call__(
        self, questions: Sequence[Question], checkpoint: str, layer: int, sampling: Sampling
    ) -> Played:
        """Play the cast at the checkpoint that the chat holds."""
        return play_cast(
            self.chat,
            self.cast,
            questions,
            sampling,
            checkpoint,
            headline_layer=layer,
            wording=self.wording,
            world=self.world,
        )


@dataclass(frozen=True)
class Job:
    """One checkpoint to play and write."""

    folder: str
    checkpoint: str
    layer: int
    questions: tuple[Question, ...]
    sampling: Sampling
    keep: bool


def play_one(play: Play, job: Job, reference: PersonaVectors, writer: StudyWriter) -> None:
    """Play one checkpoint and write it: the unit that a kill loses at most."""
    play.chat.swap(Path(job.folder))
    played = play(job.questions, job.checkpoint, job.layer, job.sampling)
    measured = None
    if play.world is not None:
        measured = behaviour(play.chat, play.world, job.sampling)
    writer.write_checkpoint(
        played.vectors,
        played.folds,
        played.questions,
        with_scalars(played, reference, play.cast),
        measured,
        played.activations if job.keep else None,
    )


def _work(
    job: Job, cast: Cast, wording: str, kind: str, reference: PersonaVectors, out: Path
) -> str:
    """`play_one` in a process of its own, on one thread."""
    chat = load_chat_model(job.folder, threads=1)
    world = load_world(kind)
    play = Play(chat, cast, job.sampling, wording, world)
    play_one(play, job, reference, StudyWriter(out))
    return job.checkpoint


def play_all(
    play: Play,
    jobs: list[Job],
    reference: PersonaVectors,
    threads: int,
    writer: StudyWriter,
    say: Callable[[str], None],
) -> None:
    """Play the checkpoints, several at once for the small model.

    Its matrices are too small to share: two processes on one thread each finish nearly twice as
    much as one on two. Other models are large, so only one is held at a time.
    """
    began = time.monotonic()

    def told(n: int, checkpoint: str) -> None:
        left = (time.monotonic() - began) / n * (len(jobs) - n)
        say(f"played {n}/{len(jobs)}: {checkpoint}, {left / 60:.1f} minutes left")

    if play.world is not None and threads > 1 and len(jobs) > 1:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(threads, mp_context=spawn) as pool:
            more = (play.cast, play.wording, play.world.kind, reference, writer.folder)
            running = [pool.submit(_work, job, *more) for job in jobs]
            for n, done in enumerate(as_completed(running), 1):
                told(n, done.result())
    else:
        for n, job in enumerate(jobs, 1):
            play_one(play, job, reference, writer)
            told(n, job.checkpoint)
