"""The cast played at one checkpoint after another, several at once for a small model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from psm_viz.engine.answers import ask_assistant, told_of
from psm_viz.engine.blocks import Keeping
from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.extract import play_cast, with_scalars
from psm_viz.engine.pace import Say, named, quiet
from psm_viz.engine.played import Played
from psm_viz.engine.playing import Answers, Playing
from psm_viz.engine.sampling import Sampling
from psm_viz.engine.silence import check_reference, enough, lines_of
from psm_viz.processes import each
from psm_viz.study.activations import PersonaVectors
from psm_viz.study.cast import Question
from psm_viz.study.writer import StudyWriter


@dataclass(frozen=True)
class Job:
    """One checkpoint to play and write."""

    folder: str
    checkpoint: str
    layer: int
    questions: tuple[Question, ...]
    sampling: Sampling
    keep: bool = False
    """Whether the study keeps its activations per persona and question."""
    alone: bool = False
    """Whether the Assistant alone is asked, and nothing is read of its activations."""
    layers: tuple[int, ...] | None = None
    """The layers whose means are kept; None: all."""
    given: Answers | None = None
    """Answers made elsewhere; None: they are drawn."""

    def played(self, playing: Playing) -> Playing:
        """How the cast is played at this checkpoint."""
        return replace(playing, sampling=self.sampling, given=self.given)


def play_blocks(
    chat: ChatModel, playing: Playing, job: Job, keeping: Keeping, say: Callable[[str], None]
) -> Played | None:
    """Ask the whole cast at the checkpoint that is held; None where blocks are wanting that others
    play."""
    return play_cast(
        chat,
        job.played(playing),
        job.questions,
        job.checkpoint,
        job.layer,
        layers=job.layers,
        say=say,
        keeping=keeping,
    )


def play_one(
    chat: ChatModel,
    playing: Playing,
    job: Job,
    reference: PersonaVectors | None,
    writer: StudyWriter,
    say: Say = quiet,
) -> None:
    """Play the checkpoint that is held and write it. A kill loses a block of personas at most.

    `reference`: whose axis the answers are projected on; None where this is the reference. Where
    somebody answers nothing the others' means are written, and no means over the cast; where too
    few answer, their answers alone. Raises BadInput where too few answer at the reference.
    """
    conduct = playing.measure(chat, job.sampling) if playing.measure else None
    if job.alone:
        told = named(say, job.checkpoint)
        with told_of(job.checkpoint):
            said = ask_assistant(chat, job.played(playing), job.questions, told)
        writer.write_answers(job.checkpoint, said, conduct)
        return
    if reference is not None and playing.left_out is None:
        playing = replace(playing, left_out=())
    keeping = Keeping(writer.blocks / job.checkpoint)
    played = play_blocks(chat, playing, job, keeping, say)
    assert played is not None  # every block is played here
    for line in lines_of(played.silence):
        say(f"{job.checkpoint}: {line}")
    if reference is None:
        check_reference(played)
    base = reference or played.vectors
    said = with_scalars(played, base, playing.cast, job.layer)
    if enough(played):
        states = played.activations if job.keep else None
        parts = (played.vectors, played.folds, played.questions)
        writer.write_checkpoint(*parts, said, conduct, states)
    else:
        writer.write_answers(job.checkpoint, said, conduct)
    shutil.rmtree(writer.blocks / job.checkpoint)


def _work(playing: Playing, reference: PersonaVectors | None, out: Path, job: Job) -> str:
    """`play_one` in a process of its own, on one thread."""
    chat = load_chat_model(job.folder, threads=1)
    play_one(chat, playing, job, reference, StudyWriter(out))
    return job.checkpoint


def play_all(
    chat: ChatModel,
    playing: Playing,
    jobs: list[Job],
    reference: PersonaVectors | None,
    threads: int,
    writer: StudyWriter,
    say: Callable[[str], None],
) -> None:
    """Play the checkpoints, several at once where the model is small.

    Matrices too small to share: two processes on one thread each finish nearly twice as much as
    one on two. Other models are large, so only one is held at a time.
    """

    def here(job: Job) -> str:
        chat.swap(job.folder)
        play_one(chat, playing, job, reference, writer, say)
        return job.checkpoint

    def told(n: int, left: str, checkpoint: str) -> None:
        say(f"played {n}/{len(jobs)}: {checkpoint}, {left}")

    if playing.side_by_side and threads > 1 and len(jobs) > 1:
        each(partial(_work, playing, reference, writer.folder), jobs, threads, told)
    else:
        each(here, jobs, None, told)
