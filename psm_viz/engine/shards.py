"""A share of a study's work, for several machines that write into one folder.

Every machine plays its blocks of personas (`engine.blocks`) and stops; the same command without a
share puts them together, holds the talks and derives the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from psm_viz.engine.blocks import Keeping
from psm_viz.engine.build_study import begin, middle_layer
from psm_viz.engine.checkpoint_tree import Source
from psm_viz.engine.fitting import lines_of
from psm_viz.engine.jobs import play_blocks
from psm_viz.engine.known import ANY, Known
from psm_viz.engine.outline import Settings
from psm_viz.errors import BadInput
from psm_viz.study.cast import Cast, Question


def play_shard(
    source: Source,
    cast: Cast,
    questions: tuple[Question, ...],
    out: Path,
    settings: Settings,
    shard: tuple[int, int],
    say: Callable[[str], None],
    known: Known = ANY,
) -> int:
    """Play every n-th block of every checkpoint at which the cast is asked, from the i-th on, for
    `shard` (i, n); return how many checkpoints that were.

    Raises what `check_shard` and `begin` raise.
    """
    check_shard(shard, cast)
    begun = begin(source, cast, questions, out, settings, known)
    for line in lines_of(begun.outline):
        say(line)
    layer = middle_layer(begun.chat, settings)
    jobs = [j for j in begun.outline.jobs(layer) if not j.alone]
    jobs = [j for j in jobs if not begun.writer.has(j.checkpoint)]
    for job in jobs:
        begun.chat.swap(job.folder)
        keeping = Keeping(begun.writer.blocks / job.checkpoint, shard)
        play_blocks(begun.chat, begun.outline.playing, job, keeping, say)
    return len(jobs)


def check_shard(shard: tuple[int, int], cast: Cast) -> None:
    """Raise BadInput for a share that there is not, and for a cast with traits, by which the
    headline is chosen after the reference was played whole."""
    if not 0 <= shard[0] < shard[1]:
        raise BadInput(f"--shard {shard[0]}/{shard[1]}: expected i/n with i from 0 to n - 1.")
    if any(p.traits for p in cast.personas):
        raise BadInput(
            "A cast with traits chooses its headline at the reference, played whole.",
            "Play it without --shard.",
        )
