"""What a study needs of a machine, about: bytes on disk and in memory, told from its outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psm_viz.engine.batching import AT_ONCE, ON_CPU
from psm_viz.engine.blocks import blocks_of
from psm_viz.engine.jobs import Job
from psm_viz.engine.outline import Outline
from psm_viz.engine.playing import answers_to, askings
from psm_viz.engine.talk_work import TalkWork, work_for
from psm_viz.engine.talks import chosen_headers, turns_of
from psm_viz.study.cast import Persona

HALF, SINGLE, DOUBLE = 2, 4, 8
"""Bytes of a number: in files, in memory, where sums are made."""
ANSWER, TOKEN = 16, 4
"""Bytes of an answer in a compressed table beside its text, and of a token of text that is hardly
compressed (random words; plain English takes two)."""
TABLES, DERIVED = 300_000, 1_200
"""Bytes of tables and maps: of any study, and of each speaker at each checkpoint."""
PROGRAM = 10**9
"""Bytes of memory that the program takes before it holds a model."""
LOGITS = 3
"""Copies of a batch's logits that are held while a token is drawn from them."""
WIDTHS = 16
"""Numbers that a block of layers holds of a token while it reads it, in widths of the model."""


@dataclass(frozen=True)
class Size:
    """The depth and width of a model."""

    layers: int
    width: int


def size_of(config: Any) -> Size:
    """The size that a model's config says."""
    inner = config.get_text_config()
    return Size(int(inner.num_hidden_layers), int(inner.hidden_size))


@dataclass(frozen=True)
class Bulk:
    """Bytes of a model in the precision that it is held in."""

    weights: int
    token: int
    """What is kept of each token that was read, to draw the next ones."""
    logits: int
    """A token's logits, in single precision."""


def bulk_of(model: Any, dtype: str) -> Bulk:
    """The bulk of a model, which may be one without values (torch's device `meta`)."""
    config = model.config.get_text_config()
    each = SINGLE if dtype == "float32" else HALF
    heads = int(getattr(config, "num_attention_heads", 0) or 0)
    keys = int(getattr(config, "num_key_value_heads", 0) or heads)
    size = size_of(config)
    head = int(getattr(config, "head_dim", 0) or (size.width // heads if heads else 0))
    return Bulk(
        weights=each * sum(p.numel() for p in model.parameters()),
        token=each * 2 * size.layers * keys * head,
        logits=SINGLE * int(config.vocab_size),
    )


def disk_needed(outline: Outline, size: Size) -> int:
    """Bytes of the finished study, about: answers as long as they may get, means in half precision,
    talks, tables and maps."""
    s, people = outline.settings, len(outline.cast.all)
    jobs = outline.jobs(0)
    found = TABLES + DERIVED * people * len(jobs)
    found += sum(_of_job(outline, job, size) for job in jobs)
    if s.talks is not None:
        work = work_for(outline)
        found += sum(_of_talks(work, job.checkpoint, size, s.max_new_tokens) for job in jobs)
    return found


def _of_job(outline: Outline, job: Job, size: Size) -> int:
    """Bytes of one checkpoint's answers and means."""
    cast, asked = outline.cast, job.questions
    who = [cast.assistant] if job.alone else cast.all
    n = _answers_of(outline, job, who)
    texts = n * TOKEN * outline.settings.max_new_tokens
    if job.given is not None:
        texts = sum(len(text.encode()) for said in job.given.values() for text in said)
    answers = n * ANSWER + texts
    if job.alone:
        return answers
    read = size.layers if job.layers is None else len(job.layers)
    one = HALF * len(outline.playing.poolings) * size.width  # at one layer
    folds = len({q.fold for q in asked})
    kept = len(who) * len(asked) * one if job.keep else 0
    return answers + one * (len(who) * (read + folds) + 2 * len(asked) * read) + kept


def _of_talks(work: TalkWork, checkpoint: str, size: Size, longest: int) -> int:
    """Bytes of one checkpoint's talks: what was said, states, likelihoods."""
    cast, own = (len(plan) for plan in work.plans(checkpoint))
    cast_asked, first = work.playing.cast, checkpoint == work.reference
    turns, lasts = turns_of(work.main), len(work.lasts)
    answers = (cast + own) * max(turns)
    asked = len(chosen_headers(cast_asked, work.settings.headers, work.settings.seed))
    every = size.layers if work.layers is None else len(work.layers)
    if first:
        states = (cast + own) * len(turns) * every + cast + lasts * every
    elif work.settings.states:
        states = 2 * own * len(turns) + 2 * cast + lasts * (1 + len(turns))
    else:
        states = lasts
    said = answers * (ANSWER + TOKEN * longest)
    return said + HALF * states * size.width + answers * (HALF * asked + 2 * SINGLE)


@dataclass(frozen=True)
class Memory:
    """Bytes of memory at the peak: where the model lies, and where means are made."""

    model: int
    means: int


def memory_needed(outline: Outline, size: Size, bulk: Bulk, longest: int) -> Memory:
    """About the most memory that playing takes: two models, the one that is held and the one that
    is swapped in for it; a batch of answers drawn or read, which have at most `longest` tokens
    with their prompts; and the means of a block of personas."""
    s = outline.settings
    block = max(_blocks(outline))
    drawn = 0 if outline.given else min(AT_ONCE * s.samples, block)
    drawing = drawn * (longest * bulk.token + LOGITS * bulk.logits)
    read = min(AT_ONCE, block) * longest
    if s.device == "cpu":
        read = min(read, max(ON_CPU, longest))
    reading = read * SINGLE * WIDTHS * size.width
    return Memory(
        model=2 * bulk.weights + max(drawing, reading), means=PROGRAM + means_held(outline, size)
    )


def means_held(outline: Outline, size: Size) -> int:
    """Bytes of what is pooled of a block of personas, and of what is kept of the blocks before."""
    read = size.layers if outline.settings.layers is None else len(outline.settings.layers)
    one = len(outline.playing.poolings) * size.width
    blocks = _blocks(outline)
    block, answers = max(blocks), sum(blocks)
    asked, people = len(outline.main), len(outline.cast.all)
    pooled = one * read * (SINGLE * block + 2 * DOUBLE * asked)
    kept = SINGLE * one * (people * (read + asked) + answers)
    return max(pooled + kept, 2 * kept)  # at the end all blocks are put together


def _blocks(outline: Outline) -> list[int]:
    """The answers of each block of speakers at the reference."""
    job = next(j for j in outline.jobs(0) if j.checkpoint == outline.source.reference)
    every = [[outline.cast.all[i] for i in rows] for rows in blocks_of(outline.cast)]
    return [_answers_of(outline, job, who) for who in every]


def _answers_of(outline: Outline, job: Job, who: Sequence[Persona]) -> int:
    """How many answers these speakers give at a checkpoint."""
    playing = job.played(outline.playing)
    return sum(answers_to(playing, a) for a in askings(playing, who, job.questions))
